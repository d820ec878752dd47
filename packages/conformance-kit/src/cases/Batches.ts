/** `acquireMany` and `deleteMany`, where the backend has them. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { prove as proveAny, race, type Steps } from "../world/Case.ts"
import { cools, count, follows, hits, holds, leads, same, staleIs } from "../world/Expect.ts"
import { Violation } from "../world/Verdict.ts"
import { value, type World } from "../world/World.ts"

const acquiring = (name: string, steps: Steps) => proveAny("batches", name, steps, { needs: "acquireMany" })
const deleting = (name: string, steps: Steps) => proveAny("batches", name, steps, { needs: "deleteMany" })

const askMany = (w: World, peer: World["here"], keys: ReadonlyArray<string>, owner = w.name()) =>
  peer.acquireMany!(keys, { owner, leaseFor: w.time.long })

export const batches = [
  acquiring("acquireMany answers every key, in the order given", function* (w) {
    const [hit, led, cooling, stale, missing] = [w.name(), w.name(), w.name(), w.name(), w.name()]
    yield* w.filled(w.here, value("v"), w.longLife, hit)
    yield* w.lead(w.here, led)
    const token = yield* w.lead(w.here, cooling)
    yield* w.here.abandon(cooling, { token, cooldown: w.time.long, cause: value("why") })
    yield* w.filled(w.here, value("s"), { fresh: 0, stale: w.time.long }, stale)
    yield* w.time.past(0)
    const found = yield* askMany(w, w.there, [hit, led, cooling, stale, missing])
    same(found.length, 5, "answers")
    hits(found[0]!, value("v"), "the key with a value")
    follows(found[1]!, "the key that is led")
    same(cools(found[2]!, "the key that cools down").cause?.bytes, value("why").bytes, "the cause")
    staleIs(leads(found[3]!, "the key with a stale value").stale, value("s"), "the stale value")
    leads(found[4]!, "the missing key")
  }),

  acquiring("acquireMany answers each key's own value, in any order of the keys", function* (w) {
    const keys = Array.from({ length: 30 }, () => w.name())
    yield* Effect.forEach(keys, (key) => w.here.put(key, { value: value(key), lifetime: w.longLife }), {
      concurrency: "unbounded"
    })
    const [sorted, half] = [keys.toSorted(), keys.filter((_, index) => index % 2 === 0)]
    for (const asked of [keys, keys.toReversed(), sorted, sorted.toReversed(), half]) {
      const found = yield* askMany(w, w.there, asked)
      same(found.length, asked.length, "answers")
      for (const [index, key] of asked.entries()) hits(found[index]!, value(key), `the answer at ${index}`)
    }
  }),

  acquiring("what acquireMany grants is a lease like any other", function* (w) {
    const keys = [w.name(), w.name(), w.name()]
    const found = yield* askMany(w, w.here, keys)
    for (const [index, key] of keys.entries()) {
      follows(yield* w.ask(w.there, key), "another, asking for one of them")
      const { token } = leads(found[index]!, "one of them")
      yield* w.fill(w.here, token, value(key), w.longLife, key)
      hits(yield* w.ask(w.there, key), value(key), "after its fill")
    }
  }),

  acquiring("the same owner asking for many again leads with the same tokens", function* (w) {
    const owner = w.name()
    const keys = [w.name(), w.name()]
    const tokens = Effect.map(askMany(w, w.here, keys, owner), (found) => found.map((one) => leads(one, "one").token))
    same(yield* tokens, yield* tokens, "the tokens")
  }),

  acquiring("acquireMany of nothing answers nothing", function* (w) {
    same((yield* askMany(w, w.here, [])).length, 0, "answers")
  }),

  race(
    "batches",
    "ten batches at once grant every key once",
    function* (w) {
      const keys = Array.from({ length: 20 }, () => w.name())
      // Half of them have had a value.
      const expired = { value: value("old"), lifetime: { fresh: 0, stale: 0 } }
      yield* Effect.forEach(keys.slice(10), (key) => w.here.put(key, expired), { concurrency: "unbounded" })
      const found = yield* w.crowd(10, (peer) => askMany(w, peer, keys))
      same(count(found.flat(), "Leader"), 20, "leaders of twenty keys")
    },
    { rounds: 1, needs: "acquireMany" }
  ),

  deleting("deleteMany deletes every key, and answers how many had a value", function* (w) {
    const [value1, value2, led, missing] = [w.name(), w.name(), w.name(), w.name()]
    yield* w.filled(w.here, value("1"), w.longLife, value1)
    yield* w.filled(w.here, value("2"), w.longLife, value2)
    const token = yield* w.lead(w.here, led)
    same(yield* w.there.deleteMany!([value1, led, missing, value2]), 2, "keys that had a value")
    for (const key of [value1, value2]) holds((yield* w.here.read(key)).value === undefined, "a value is left")
    same(yield* w.here.fill(led, { token, value: value("late"), lifetime: w.longLife }), false, "the late fill")
  }),

  race(
    "batches",
    "batches of deletes in any order delete every key once, and none waits for another for ever",
    function* (w) {
      const keys = Array.from({ length: 20 }, () => w.name())
      yield* Effect.forEach(keys, (key) => w.here.put(key, { value: value("v"), lifetime: w.longLife }), {
        concurrency: "unbounded"
      })
      const gone = yield* w.crowd(8, (peer, index) => peer.deleteMany!(index % 2 === 0 ? keys : keys.toReversed()))
      same(
        gone.reduce((sum, one) => sum + one, 0),
        20,
        "keys that had a value"
      )
    },
    { rounds: 5, needs: "deleteMany" }
  ),

  deleting("deleteMany of nothing deletes nothing", function* (w) {
    yield* w.filled(w.here, value("v"))
    same(yield* w.there.deleteMany!([]), 0, "keys that had a value")
    hits(yield* w.ask(w.here), value("v"), "a key that was not named")
  }),

  deleting("deleteMany takes its keys as they are written", function* (w) {
    yield* w.filled(w.here, value("v"))
    yield* w.there.deleteMany!(["*", `${w.key.slice(0, -1)}*`, `${w.key.slice(0, -1)}?`, `${w.key} `])
    hits(yield* w.ask(w.here), value("v"), "a key that was not named")
  }),

  deleting("deleteMany wakes watchers, where there are any", function* (w) {
    if (w.there.watch === undefined) return
    yield* w.lead(w.here)
    const waiting = yield* w.there.watch(w.key)
    const fiber = yield* Effect.forkChild(waiting)
    yield* w.here.deleteMany!([w.name(), w.key])
    yield* Effect.timeoutOrElse(Fiber.join(fiber), {
      duration: 5000,
      orElse: () => Effect.die(new Violation("not woken by deleteMany within 5000 ms"))
    })
  })
]
