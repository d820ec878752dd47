/** `keys`, where the backend can list. */

import type { Lifetime } from "@cache-locking/core"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { prove as proveAny, type Steps } from "../world/Case.ts"
import { same } from "../world/Expect.ts"
import { value, type World } from "../world/World.ts"

const prove = (name: string, steps: Steps) => proveAny("listing", name, steps, { needs: "keys" })

/** The listed keys, without the repetitions that a listing without a snapshot may have. */
const listed = (w: World, prefix: string) =>
  Effect.map(Stream.runCollect(w.there.keys!(prefix)), (found) => [...new Set(found)].sort())

/** As many keys with the prefix as a case may want. */
const named = (prefix: string) =>
  ["a", "b", "c", "d", "e", "f", "g"].map((end) => prefix + end) as [
    string,
    string,
    string,
    string,
    string,
    string,
    string
  ]

/** So many writes may take minutes, and none may expire before the last. */
const lasting: Lifetime = { fresh: 3_600_000, stale: 0 }

const put = (w: World, keys: ReadonlyArray<string>) =>
  Effect.forEach(keys, (key) => w.here.put(key, { value: value("v"), lifetime: lasting }), { concurrency: 10 })

export const listing = [
  prove("lists the keys that begin with the prefix, and no others", function* (w) {
    const prefix = w.name()
    const mine = [`${prefix}a`, `${prefix}b`, prefix, `${prefix}:c`]
    yield* put(w, [...mine, `a${prefix}`, prefix.slice(0, -1), prefix.toUpperCase(), w.name()])
    same(yield* listed(w, prefix), mine.sort(), "the keys with the prefix")
  }),

  prove("lists keys that have a value, fresh or stale, and keys that are leased, and no others", function* (w) {
    const prefix = w.name()
    const [stale, led, cooling, deleted, refreshed, forced, freed] = named(prefix)
    yield* w.here.put(stale, { value: value("v"), lifetime: { fresh: 0, stale: w.time.long } })
    yield* w.lead(w.here, led)
    const token = yield* w.lead(w.here, cooling)
    yield* w.here.abandon(cooling, { token, cooldown: w.time.long })
    yield* put(w, [deleted, refreshed])
    yield* w.here.delete(deleted)
    yield* w.lead(w.here, refreshed, { refreshWithin: Infinity })
    yield* w.lead(w.here, forced, { force: true })
    const given = yield* w.lead(w.here, freed)
    yield* w.here.abandon(freed, { token: given })
    yield* w.time.past(0)
    same(yield* listed(w, prefix), [stale, led, refreshed, forced].sort(), "the keys with a value or a lease")
  }),

  prove("lists a leased key until its lease ends, and once where there is a value too", function* (w) {
    const prefix = w.name()
    const [crashed, both, renewed, deleted] = named(prefix)
    const leaseFor = w.time.units(2)
    yield* w.lead(w.here, crashed, { leaseFor })
    const token = yield* w.lead(w.here, renewed, { leaseFor: w.time.long })
    yield* w.there.renew(renewed, { token, leaseFor: w.time.long })
    yield* put(w, [both])
    yield* w.lead(w.here, both, { refreshWithin: Infinity, leaseFor })
    yield* w.lead(w.here, deleted)
    yield* w.there.delete(deleted)
    yield* w.time.past(leaseFor)
    same(yield* listed(w, prefix), [both, renewed].sort(), "the keys, when two leases have ended")
  }),

  prove("lists leased keys by the prefix, as they were given", function* (w) {
    const name = w.name()
    const odd = ["a b", "{x}", "}", "é", "漢🙂", ":lease", "a:b", "%41", "\\", "'\"", "*", ""].map((end) => name + end)
    yield* Effect.forEach([...odd, `lease:${name}`, `a${name}`, name.toUpperCase()], (key) => w.lead(w.here, key))
    same(yield* listed(w, name), odd.sort(), "the leased keys")
    same(yield* listed(w, `${name}*`), [`${name}*`], "the leased keys that begin with an asterisk")
  }),

  prove("lists every key that is there from beginning to end, while others come and go", function* (w) {
    const prefix = w.name()
    const keys = (kind: string, count: number) =>
      Array.from({ length: count }, (_, index) => `${prefix}${kind}${index}`)
    const [staying, going, coming] = [keys("s", 150), keys("g", 150), keys("c", 150)]
    yield* put(
      w,
      going.flatMap((key, index) => [key, staying[index]!])
    )
    const churn = Effect.all(
      [
        Effect.forEach(going, (key) => w.here.delete(key), { concurrency: 5 }),
        put(w, coming),
        Effect.forEach(staying, (key) => w.here.touch(key, { freshFor: 2 * w.time.long }), { concurrency: 5 })
      ],
      { concurrency: "unbounded" }
    )
    const [found] = yield* Effect.all([listed(w, prefix), churn], { concurrency: "unbounded" })
    same(
      staying.filter((key) => !found.includes(key)),
      [],
      "keys that were there from beginning to end and are not listed"
    )
  }),

  prove("lists every leased key that is filled while the others are listed", function* (w) {
    for (const at of [1, 40, 80]) {
      const prefix = w.name()
      const values = Array.from({ length: 60 }, (_, index) => `${prefix}v${index}`)
      const led = Array.from({ length: 60 }, (_, index) => `${prefix}l${index}`)
      yield* put(w, values)
      const tokens = yield* Effect.forEach(led, (key) => w.lead(w.here, key), { concurrency: 10 })
      const fill = Effect.forEach(led, (key, index) => w.fill(w.here, tokens[index]!, value("v"), w.longLife, key), {
        concurrency: 10
      })
      const found = new Set<string>()
      yield* Stream.runForEach(w.there.keys!(prefix), (key) =>
        Effect.suspend(() => {
          // A key may be listed again, and must not be filled again.
          const another = !found.has(key)
          return found.add(key).size === at && another ? Effect.asVoid(fill) : Effect.void
        })
      )
      same(
        [...values, ...led].filter((key) => !found.has(key)),
        [],
        `keys that are not listed, of which some were filled after ${at} were`
      )
    }
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
