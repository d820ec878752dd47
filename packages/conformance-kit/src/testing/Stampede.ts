/** A stampede: many callers in several processes ask for one cold key, and it is loaded once. */
import { type Adapter, Cache } from "@cache-locking/core"
import * as Effect from "effect/Effect"
import { run } from "./Calls.ts"
import { ensure } from "./Check.ts"

/** A peer like a process of its own: an adapter with its own connection, and the log of its requests. */
export interface StampedePeer {
  readonly adapter: Adapter
  readonly sent: () => ReadonlyArray<string>
}

export interface Stampede {
  /** Milliseconds from the end of the load to the last answer. */
  readonly late: number
  /** The requests of each peer. */
  readonly sent: ReadonlyArray<ReadonlyArray<string>>
}

/** Callers of all peers ask for one key at once: it is loaded once, and all have the value. */
export const stampede = async (
  peers: ReadonlyArray<StampedePeer>,
  key: string,
  { callers = 250, loadTime = 200 }: { readonly callers?: number; readonly loadTime?: number } = {}
): Promise<Stampede> => {
  let [loads, loadedAt] = [0, 0]
  const fetcher = () =>
    Effect.gen(function* () {
      loads++
      yield* Effect.sleep(loadTime)
      loadedAt = performance.now()
      return "value"
    })
  for (const { sent } of peers) sent()
  const asked = peers.flatMap(({ adapter }) =>
    Array.from({ length: callers }, () => run(Cache.getOrSet({ adapter, key, fetcher, cacheTtl: "1 minute" })))
  )
  const answers = await Promise.all(asked)
  const late = performance.now() - loadedAt
  ensure(loads === 1, `${loads} loads`)
  ensure(
    answers.every(({ value }) => value === "value"),
    "an answer is not the value that was loaded"
  )
  // Requests after the last answer, such as the end of a subscription, count too.
  await new Promise<void>((resolve) => setTimeout(resolve, 20))
  return { late, sent: peers.map(({ sent }) => sent()) }
}
