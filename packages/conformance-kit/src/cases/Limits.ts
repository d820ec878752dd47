/** Law 10: refusals by the limits, which change nothing. */
import { type AdapterError, isAdapterError } from "@cache-locking/core"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { prove } from "../world/Case.ts"
import { follows, hits, holds, same, show } from "../world/Expect.ts"
import { NotApplicable, Violation } from "../world/Verdict.ts"
import { value, type World } from "../world/World.ts"

/** The largest value and key that a test makes. */
const practical = { valueBytes: 32 * 1024 * 1024, keyBytes: 1024 * 1024 }

/** The limit, or the reason why nobody can try it. */
const limitOf = (w: World, limit: "valueBytes" | "keyBytes"): number => {
  const max = w.here.limits[limit]
  if (max === Infinity) throw new NotApplicable(`limits.${limit} is Infinity: there is nothing to refuse`)
  if (max > practical[limit]) throw new NotApplicable(`limits.${limit} is ${max}: too large to try`)
  return max
}

const refused = Effect.fnUntraced(function* (verb: Effect.Effect<unknown, AdapterError>, what: string) {
  const result = yield* Effect.result(verb)
  if (Result.isSuccess(result)) throw new Violation(`${what} was accepted: ${show(result.success)}`)
  const { failure } = result
  holds(isAdapterError(failure), `${what} failed with something else than an AdapterError`)
  same(failure.reason, "Rejected", `the reason why ${what} failed (${failure.message})`)
  holds(failure.message.length > 0 && failure.message.length < 1000, "a refusal says why, in short")
})

/** A key of this many bytes; the last character of three, so that bytes and characters differ. */
const keyOf = (w: World, bytes: number): string => {
  const name = w.name()
  return `${name}${"k".repeat(bytes - name.length - 3)}漢`
}

export const limits = [
  prove("10", "the limits are numbers that can be kept, the same for both peers", function* (w) {
    for (const { limits } of w.both) {
      holds(limits.keyBytes >= 100, `limits.keyBytes is ${limits.keyBytes}: too short for any use`)
      holds(limits.valueBytes >= 1000, `limits.valueBytes is ${limits.valueBytes}: too small for any use`)
      holds(limits.tick > 0 && limits.tick < Infinity, `limits.tick is ${limits.tick}`)
    }
    const [here, there] = w.both
    same(here.limits.keyBytes, there.limits.keyBytes, "keyBytes of the other peer")
    same(here.limits.valueBytes, there.limits.valueBytes, "valueBytes of the other peer")
    same(here.limits.tick, there.limits.tick, "tick of the other peer")
    same(here.name, there.name, "name of the other peer")
  }),

  prove("10", "a value at the limit is kept byte for byte", function* (w) {
    const bytes = new Uint8Array(limitOf(w, "valueBytes"))
    for (let index = 0; index < bytes.byteLength; index++) bytes[index] = index
    yield* w.filled(w.here, { bytes })
    hits(yield* w.ask(w.there), { bytes }, "a value at the limit")
    yield* w.here.put(w.key, { value: { bytes }, lifetime: w.longLife })
    hits(yield* w.ask(w.there), { bytes }, "a value at the limit")
  }),

  prove("10", "a value over the limit is refused by fill, and the lease goes on", function* (w) {
    const big = { bytes: new Uint8Array(limitOf(w, "valueBytes") + 1) }
    const token = yield* w.lead(w.here)
    yield* refused(w.here.fill(w.key, { token, value: big, lifetime: w.longLife }), "a value one byte over the limit")
    follows(yield* w.ask(w.there), "another, after the refusal")
    yield* w.fill(w.here, token, value("small"))
    hits(yield* w.ask(w.there), value("small"), "after a smaller fill")
  }),

  prove("10", "a value over the limit is refused by put, and the old one stays", function* (w) {
    const big = { bytes: new Uint8Array(limitOf(w, "valueBytes") + 1) }
    yield* w.filled(w.here, value("old"))
    const token = yield* w.lead(w.here, w.key, { refreshWithin: Infinity })
    yield* refused(w.there.put(w.key, { value: big, lifetime: w.longLife }), "a value one byte over the limit")
    hits(yield* w.ask(w.there), value("old"), "after the refusal")
    yield* w.fill(w.here, token, value("new"))
  }),

  prove("10", "a key at the limit is a key like any other", function* (w) {
    const key = keyOf(w, limitOf(w, "keyBytes"))
    yield* w.filled(w.here, value("v"), w.longLife, key)
    hits(yield* w.ask(w.there, key), value("v"), "a key at the limit")
    same(yield* w.there.delete(key), true, "deleting a key at the limit")
  }),

  prove("10", "a key over the limit, counted in bytes, is refused by every verb", function* (w) {
    const key = keyOf(w, limitOf(w, "keyBytes") + 1)
    const token = yield* w.lead(w.here)
    const lifetime = w.longLife
    yield* refused(w.ask(w.here, key), "acquire of a key one byte over the limit")
    yield* refused(w.here.fill(key, { token, value: value("v"), lifetime }), "fill of a key over the limit")
    yield* refused(w.here.fill(key, { token, lifetime }), "fill without a value of a key over the limit")
    yield* refused(w.here.touch(key, { freshFor: 1000 }), "touch of a key over the limit")
    yield* refused(w.here.abandon(key, { token }), "abandon of a key over the limit")
    yield* refused(w.here.renew(key, { token, leaseFor: 1000 }), "renew of a key over the limit")
    yield* refused(w.here.put(key, { value: value("v"), lifetime }), "put of a key over the limit")
    yield* refused(w.here.delete(key), "delete of a key over the limit")
    yield* refused(w.here.read(key), "read of a key over the limit")
    const { watch } = w.here
    if (watch !== undefined) yield* refused(Effect.scoped(watch(key)), "watch of a key over the limit")
  }),

  prove("10", "a key over the limit is not cut: its beginning is left alone", function* (w) {
    const long = keyOf(w, limitOf(w, "keyBytes") + 1)
    const cut = long.slice(0, -1)
    yield* w.filled(w.here, value("v"), w.longLife, cut)
    yield* refused(w.here.put(long, { value: value("long"), lifetime: w.longLife }), "a key over the limit")
    hits(yield* w.ask(w.there, cut), value("v"), "the key that the long one begins with")
  }),

  prove("10", "a refusal names the verb and the key, and never the value", function* (w) {
    const max = limitOf(w, "valueBytes")
    const secret = "a secret that nobody may log"
    const bytes = new Uint8Array(max + 1)
    bytes.set(value(secret).bytes)
    const error = yield* Effect.flip(w.here.put(w.key, { value: { bytes }, lifetime: w.longLife }))
    same(error.operation, "put", "the operation")
    same(error.key, w.key, "the key")
    // An adapter of several parts, `near+redis`, may name the one that refused.
    const names = [w.here.name, ...w.here.name.split("+")]
    holds(names.includes(error.adapter), `the error names ${error.adapter}, not ${w.here.name}`)
    holds(!`${error.message} ${String(error.cause)}`.includes(secret), "the error shows the value")
  })
]
