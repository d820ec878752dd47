/**
 * A cache at work: a stampede, hits, and a load that fails.
 */
import { Cache, MemoryAdapter } from "@cache-locking/core"
import * as Effect from "effect/Effect"

class NotFound extends Error {
  readonly _tag = "NotFound"
}

/** The slow origin behind the cache. */
const product = (id: number) =>
  Effect.andThen(Effect.sleep("50 millis"), id > 0 ? Effect.succeed(`product ${id}`) : Effect.fail(new NotFound()))

/** Nothing here knows of OpenTelemetry. Returns the statistics of the cache. */
export const shop = Effect.gen(function* () {
  const products = yield* Cache.make<string>({
    name: "products",
    adapter: MemoryAdapter.make({ maxEntries: 2 }),
    cacheTtl: "1 minute"
  })
  const page = (id: number) =>
    Effect.withSpan(
      products.getOrSet(`product:${id}`, () => product(id)),
      "page"
    )
  // A hundred callers at once, of which one loads; then hits; then more products than there is room for.
  yield* Effect.forEach(Array(100).fill(1), page, { concurrency: "unbounded", discard: true })
  yield* Effect.forEach(Array(10).fill(1), page, { discard: true })
  yield* Effect.forEach([2, 3, 4], page, { discard: true })
  yield* Effect.ignore(page(-1))
  return products.stats()
}).pipe(Effect.scoped)
