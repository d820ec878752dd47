/**
 * Whether a bucket does what leases rest on, found out before they do: a store that passes over a condition answers
 * like one that heeds it, and everyone would lead.
 */
import * as Effect from "effect/Effect"
import { AdapterError } from "../../contract/Adapter.ts"
import type { Bucket } from "./Bucket.ts"

/** So many write at once over the same version; one may. */
const writers = 8

const encoder = new TextEncoder()

/**
 * Tries conditional writes on an object of its own, and removes it. Fails as `Rejected` where the store does not heed
 * them: such a store can keep values (`ValueStore`), not leases.
 */
export const setup = Effect.fnUntraced(function* (bucket: Bucket, prefix: string) {
  const name = `${prefix}/setup/${crypto.randomUUID()}`
  const write = (version: string | undefined, text: string) => bucket.putIf(name, version, encoder.encode(text), {})
  const demand = (held: boolean, message: string) =>
    held
      ? Effect.void
      : new AdapterError({ adapter: bucket.name, operation: "put", reason: "Rejected", message: `${message}${advice}` })

  const probe = Effect.gen(function* () {
    yield* demand(
      (yield* write(undefined, "first")) !== false,
      "the store refused to write an object that was not there"
    )
    yield* demand((yield* write(undefined, "second")) === false, "the store does not heed If-None-Match on a write")
    const first = yield* bucket.get(name)
    yield* demand(
      first !== undefined && new TextDecoder().decode(first.bytes) === "first",
      "the store did not answer what was just written"
    )
    const seen = first!.version
    yield* demand((yield* write(seen, "third")) !== false, "the store refused a write whose If-Match holds")
    yield* demand((yield* write(seen, "fourth")) === false, "the store does not heed If-Match on a write")
    const third = yield* bucket.get(name)
    const race = Array.from({ length: writers }, (_, index) => write(third?.version ?? seen, `race ${index}`))
    const winners = (yield* Effect.all(race, { concurrency: writers })).filter((made) => made !== false)
    yield* demand(winners.length === 1, `of ${writers} writes at once over one version, ${winners.length} succeeded`)
  })
  yield* Effect.ensuring(probe, Effect.ignore(bucket.remove(name)))
})

const advice = ": leases cannot be kept here; give another store for them"
