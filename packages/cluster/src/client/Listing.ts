/** A listing of the primary as a stream that asks for page after page. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { ClusterError } from "./ClusterError.ts"
import type { SpaceClient } from "./SpaceClient.ts"

interface Page<A> {
  readonly items: ReadonlyArray<A>
  readonly done: boolean
}

/** The number of the last listing. It is unique in a process. */
let last = 0

/** The items of a listing. A stream that is left early ends the listing in the primary, too. */
export const pages = <A>(
  client: SpaceClient,
  prefix: string,
  what: "keys" | "leased" | "entries"
): Stream.Stream<A, ClusterError> =>
  Stream.unwrap(
    Effect.map(
      Effect.acquireRelease(
        Effect.sync(() => ({ id: ++last, begun: false, done: false })),
        ({ begun, done, id }) => (begun && !done ? Effect.ignore(client.call("endListing", [id])) : Effect.void)
      ),
      (listing) =>
        Stream.paginate(0, () => {
          const page = listing.begun
            ? client.call<Page<A>>("nextPage", [listing.id])
            : client.call<Page<A>>("list", [listing.id, prefix, what])
          listing.begun = true
          return Effect.map(page, ({ done, items }) => {
            listing.done = done
            return [items, done ? Option.none<number>() : Option.some(0)] as const
          })
        })
    )
  )
