/** `keys`, where the backend can list. */

import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { prove as proveAny, type Steps } from "../Case.ts"
import { same } from "../Expect.ts"
import { value, type World } from "../World.ts"

const prove = (name: string, steps: Steps) => proveAny("listing", name, steps, { needs: "keys" })

/** What is listed, without the repetitions that listing without a snapshot may have. */
const listed = (w: World, prefix: string) =>
  Effect.map(Stream.runCollect(w.there.keys!(prefix)), (found) => [...new Set(found)].sort())

const put = (w: World, keys: ReadonlyArray<string>) =>
  Effect.forEach(keys, (key) => w.here.put(key, { value: value("v"), lifetime: w.longLife }), { concurrency: 10 })

export const listing = [
  prove("lists the keys that begin with the prefix, and no others", function* (w) {
    const prefix = w.name()
    const mine = [`${prefix}a`, `${prefix}b`, prefix, `${prefix}:c`]
    yield* put(w, [...mine, `a${prefix}`, prefix.slice(0, -1), prefix.toUpperCase(), w.name()])
    same(yield* listed(w, prefix), mine.sort(), "the keys with the prefix")
  }),

  prove("lists a key whose value is stale, and none without a value", function* (w) {
    const prefix = w.name()
    const [stale, led, cooling, deleted, refreshed] = ["s", "l", "c", "d", "r"].map((end) => prefix + end) as [
      string,
      string,
      string,
      string,
      string
    ]
    yield* w.here.put(stale, { value: value("v"), lifetime: { fresh: 0, stale: w.time.long } })
    yield* w.lead(w.here, led)
    const token = yield* w.lead(w.here, cooling)
    yield* w.here.abandon(cooling, { token, cooldown: w.time.long })
    yield* put(w, [deleted, refreshed])
    yield* w.here.delete(deleted)
    yield* w.lead(w.here, refreshed, { refreshWithin: Infinity })
    yield* w.time.past(0)
    same(yield* listed(w, prefix), [refreshed, stale].sort(), "the keys with a value")
  }),

  prove("lists no expired key", function* (w) {
    const prefix = w.name()
    const fresh = w.time.units(2)
    yield* w.here.put(`${prefix}a`, { value: value("v"), lifetime: { fresh, stale: 0 } })
    yield* put(w, [`${prefix}b`])
    yield* w.time.past(fresh)
    same(yield* listed(w, prefix), [`${prefix}b`], "the keys with a value")
  }),

  prove("takes the prefix as it is written", function* (w) {
    const name = w.name()
    for (const odd of ["*", "?", "[a-z]", "\\", "%", "_", "{x}", "'", "^", ".", "漢", " "]) {
      yield* put(w, [`${name}${odd}1`, `${name}x1`, `${name}ab1`])
      same(yield* listed(w, `${name}${odd}`), [`${name}${odd}1`], `the keys that begin with ${JSON.stringify(odd)}`)
    }
  }),

  prove("answers odd keys as they were given", function* (w) {
    const name = w.name()
    const odd = ["a b", "{x}", "é", "漢🙂", "\u0001", "a:b", "%41", "\\", "'\""].map((end) => name + end).sort()
    yield* put(w, odd)
    same(yield* listed(w, name), odd, "the keys")
  }),

  prove("lists more keys than fit into one page", function* (w) {
    const prefix = w.name()
    const many = Array.from({ length: 1200 }, (_, index) => `${prefix}${index}`).sort()
    yield* put(w, many)
    same((yield* listed(w, prefix)).length, many.length, "keys listed")
    yield* Effect.forEach(many, (key) => w.here.delete(key), { concurrency: 10 })
    same(yield* listed(w, prefix), [], "keys listed after all were deleted")
  })
]
