/** What a folder under `setups/` says: how to open one adapter on one backend, to be judged. */
import type { Setup } from "@cache-locking/conformance-kit"
import { type Controls, orUnavailable, Unavailable } from "@cache-locking/test-servers"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/** The backend is not to be had on this machine: nothing was judged, and that is said. */
export class NotRun extends Data.TaggedError("NotRun")<{ readonly reason: string }> {}

/** The server that was judged upon. */
export interface ServerFacts {
  readonly name: string
  readonly version: string
  /** `"environment"`, `"path"`, `"installed"` or `"unpacked"`. */
  readonly how: string
}

export interface Opened {
  readonly setup: Setup
  /** Nothing where there is no server. */
  readonly server: ServerFacts | undefined
}

export interface AdapterSetup {
  /** As the table calls it. */
  readonly title: string
  /** The package that the adapter is in. */
  readonly package: string
  /** Starts what is needed, for as long as the scope. */
  readonly open: Effect.Effect<Opened, NotRun, Scope.Scope>
}

/** A server for as long as the scope. */
export const serving = <A extends Controls>(start: () => Promise<A>): Effect.Effect<A, NotRun, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.flatMap(
      Effect.promise(() => orUnavailable(start())),
      (answer) => (answer instanceof Unavailable ? new NotRun({ reason: answer.message }) : Effect.succeed(answer))
    ),
    (server) => Effect.promise(() => server.stop())
  )

export const factsOf = (server: Controls, name: string): ServerFacts => ({
  name,
  version: server.origin.version,
  how: server.origin.how
})
