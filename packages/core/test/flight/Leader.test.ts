import { assert, describe } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import * as Codec from "../../src/codec/Codec.ts"
import { isMark } from "../../src/codec/EncodedValue.ts"
import type { Adapter, Snapshot } from "../../src/contract/Adapter.ts"
import type { CacheLockingError } from "../../src/contract/CacheLockingError.ts"
import * as MemoryAdapter from "../../src/stores/MemoryAdapter.ts"
import * as Tags from "../../src/tags/Tags.ts"
import { down, faulty } from "../support/Faulty.ts"
import { Broken, Origin } from "../support/Origin.ts"
import {
  advance,
  begin,
  beginMany,
  bytesOf,
  ended,
  flush,
  joinAll,
  recordErrors,
  scenario,
  stepped,
  type World,
  waits
} from "../support/Scenario.ts"
import { remote, slow } from "../support/Wrappers.ts"

const tags = (errors: ReadonlyArray<CacheLockingError>) => errors.map((error) => `${error._tag} ${error.context.phase}`)

describe("the lease", () => {
  scenario("is asked for with its length and given up by the fill", (world) =>
    Effect.gen(function* () {
      const { cache, process } = yield* world.cache({ leaseTtl: 900, cacheTtl: 5000, staleIfError: 700 })
      const { meta } = yield* cache.getOrSet("k", () => Effect.succeed("v"))
      assert.deepStrictEqual(meta, { cache: "MISS-LEADER", leaseUntil: 900 })
      assert.strictEqual(process.given("acquire")[0].leaseFor, 900)
      assert.deepStrictEqual(process.given("fill")[0].lifetime, { fresh: 5000, stale: 700 })
      assert.isUndefined((yield* world.store.read("k")).lease)
    })
  )

  scenario("is renewed at every third of its length, and the load may last as long as it likes", (world) =>
    Effect.gen(function* () {
      const { cache, process } = yield* world.cache({ leaseTtl: 300 })
      const origin = new Origin()
      const caller = yield* begin(cache.getOrSet("k", origin.gives(1050)))
      yield* advance(99)
      assert.strictEqual(process.count("renew"), 0)
      yield* advance(1)
      assert.strictEqual(process.count("renew"), 1)
      assert.strictEqual((yield* world.store.read("k")).lease?.endsIn, 300)
      yield* advance(950)
      assert.strictEqual(process.count("renew"), 10)
      assert.deepStrictEqual((yield* Fiber.join(caller)).meta, { cache: "MISS-LEADER", leaseUntil: 1300 })
      yield* advance(1000)
      assert.strictEqual(process.count("renew"), 10)
    })
  )

  scenario("is not renewed by a load that ends within a third of it", (world) =>
    Effect.gen(function* () {
      const { cache, process } = yield* world.cache({ leaseTtl: 300 })
      const caller = yield* begin(cache.getOrSet("k", new Origin().gives(99)))
      yield* advance(99)
      yield* Fiber.join(caller)
      assert.deepStrictEqual(process.verbs, ["acquire", "fill"])
    })
  )

  scenario("a follower elsewhere never takes over a lease that is renewed", (world) =>
    Effect.gen(function* () {
      const a = yield* world.cache({ leaseTtl: 300 }, remote)
      const b = yield* world.cache({ leaseTtl: 300, waitMax: "1 minute" }, remote)
      const origin = new Origin()
      const leader = yield* begin(a.cache.getOrSet("k", origin.gives(5000)))
      const follower = yield* begin(b.cache.getOrSet("k", origin.gives(5000)))
      yield* advance(5000)
      yield* joinAll([leader, follower])
      assert.strictEqual(origin.calls, 1)
      assert.strictEqual((yield* Fiber.join(follower)).meta.waited, 5000)
    })
  )

  scenario("survives one renewal that fails", (world) =>
    Effect.gen(function* () {
      const { errors, hooks } = recordErrors()
      const { cache, process } = yield* world.cache({ leaseTtl: 300, hooks }, (adapter) =>
        faulty(adapter, { renew: ["fail"] })
      )
      const caller = yield* begin(cache.getOrSet("k", new Origin().gives(350)))
      yield* advance(350)
      assert.strictEqual((yield* Fiber.join(caller)).meta.cache, "MISS-LEADER")
      assert.strictEqual(process.count("renew"), 3)
      assert.deepStrictEqual(tags(errors), ["LEASE_FAILED renew"])
      assert.strictEqual(errors[0]!.context.key, "k")
      assert.strictEqual(cache.stats().adapterErrors, 1)
    })
  )

  scenario("is lost when renewals fail for its length: another leads, and this one's fill is refused", (world) =>
    Effect.gen(function* () {
      const a = yield* world.cache({ leaseTtl: 300 }, (adapter) => faulty(remote(adapter), { renew: () => "throttle" }))
      const b = yield* world.cache({ leaseTtl: 300 }, remote)
      const origin = new Origin()
      const first = yield* begin(a.cache.getOrSet("k", origin.gives(1000)))
      const second = yield* begin(b.cache.getOrSet("k", origin.gives(1000)))
      yield* advance(1000)
      assert.deepInclude((yield* Fiber.join(first)).meta, { cache: "MISS-LEADER-NOCACHE", uncached: "lost" })
      yield* advance(500)
      assert.deepInclude((yield* Fiber.join(second)).meta, { cache: "MISS-LEADER" })
      assert.strictEqual((yield* b.cache.getOrSet("k", origin.gives())).value, "v2")
      assert.strictEqual(a.cache.stats().leaseLost, 1)
    })
  )

  scenario("a renewal with a bug of the adapter (a defect) is reported, and the load goes on", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache({ leaseTtl: 300 }, (adapter) => faulty(adapter, { renew: ["throw"] }))
      const caller = yield* begin(Effect.exit(cache.getOrSet("k", new Origin().gives(250))))
      yield* advance(250)
      const exit = yield* Fiber.join(caller)
      assert.isTrue(Exit.isSuccess(exit), String(exit))
    })
  )

  scenario("a renewal that never answers does not hold the load", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache({ leaseTtl: 300 }, (adapter) => faulty(adapter, { renew: () => "hang" }))
      const caller = yield* begin(cache.getOrSet("k", new Origin().gives(250)))
      yield* advance(250)
      assert.strictEqual((yield* Fiber.join(caller)).meta.cache, "MISS-LEADER")
    })
  )
})

describe("a lost lease", () => {
  scenario("is known at the next renewal: callers that arrive then load anew, and it is counted at once", (world) =>
    Effect.gen(function* () {
      const a = yield* world.cache({ leaseTtl: 300 }, remote)
      const b = yield* world.cache({}, remote)
      const origin = new Origin()
      const first = yield* begin(a.cache.getOrSet("k", origin.gives(1000)))
      yield* advance(50)
      yield* b.cache.delete("k")
      yield* advance(60)
      assert.strictEqual(a.cache.stats().leaseLost, 1)
      const second = yield* begin(a.cache.getOrSet("k", origin.gives(10)))
      yield* advance(20)
      assert.deepStrictEqual(
        Exit.map(ended(second), ({ value }) => value),
        Exit.succeed("v2")
      )
      assert.strictEqual((yield* a.cache.getOrSet("k", origin.gives())).value, "v2")
      yield* advance(1000)
      assert.deepInclude((yield* Fiber.join(first)).meta, { cache: "MISS-LEADER-NOCACHE", uncached: "lost" })
      assert.strictEqual(a.cache.stats().leaseLost, 1)
    })
  )

  scenario("that only the fill reveals is no answer for callers that came after the last renewal", (world) =>
    Effect.gen(function* () {
      const a = yield* world.cache({ leaseTtl: 30_000 }, remote)
      const b = yield* world.cache({}, remote)
      const origin = new Origin()
      const [initiator, early] = yield* beginMany(2, () => a.cache.getOrSet("k", origin.gives(100)))
      yield* advance(50)
      yield* b.cache.delete("k")
      const late = yield* beginMany(3, () => a.cache.getOrSet("k", origin.gives(10)))
      yield* advance(50)
      assert.strictEqual((yield* Fiber.join(initiator!)).value, "v1")
      assert.strictEqual((yield* Fiber.join(early!)).value, "v1")
      yield* advance(10)
      assert.deepStrictEqual(
        (yield* joinAll(late)).map(({ value }) => value),
        ["v2", "v2", "v2"]
      )
      assert.strictEqual(origin.calls, 2)
    })
  )

  scenario("and an invalidated tag, too, which the load finds when it ends", (world) =>
    Effect.gen(function* () {
      const tags = ["t"]
      const a = yield* world.cache({ tags }, remote)
      const b = yield* world.cache({ tags }, remote)
      const origin = new Origin()
      const first = yield* begin(a.cache.getOrSet("k", origin.gives(100)))
      yield* advance(50)
      yield* b.cache.invalidateTag("t")
      const late = yield* begin(a.cache.getOrSet("k", origin.gives(10)))
      yield* advance(50)
      assert.deepInclude((yield* Fiber.join(first)).meta, { uncached: "invalidated" })
      yield* advance(10)
      assert.strictEqual((yield* Fiber.join(late)).value, "v2")
    })
  )

  for (const [what, lose] of [
    ["a delete", (world: World) => world.store.delete("k")],
    ["a put", (world: World) => world.store.put("k", { value: bytesOf("x"), lifetime: { fresh: 1000, stale: 0 } })]
  ] as const) {
    for (const policy of ["finish", "interrupt"] as const) {
      scenario(
        `${what} before the first renewal, with "${policy}": the fill is refused, the caller has its value`,
        (world) =>
          Effect.gen(function* () {
            const { cache } = yield* world.cache({ leaseTtl: 900, onLeaseLost: policy }, remote)
            const caller = yield* begin(cache.getOrSet("k", new Origin().gives(200)))
            yield* advance(100)
            yield* lose(world)
            yield* advance(100)
            const answer = yield* Fiber.join(caller)
            assert.deepStrictEqual(answer, {
              value: "v1",
              meta: { cache: "MISS-LEADER-NOCACHE", leaseUntil: 900, uncached: "lost" }
            })
            assert.strictEqual(cache.stats().leaseLost, 1)
            // Not then, not later.
            for (const millis of [0, 500, 2000, 100_000]) {
              yield* advance(millis)
              const found = (yield* world.store.read("k")).value
              assert.strictEqual(
                found && new TextDecoder().decode(found.bytes),
                what === "a put" && millis < 2000 ? "x" : undefined
              )
            }
          })
      )
    }

    scenario(`"finish": ${what} is noticed by a renewal, and the load goes on`, (world) =>
      Effect.gen(function* () {
        const { cache, process } = yield* world.cache({ leaseTtl: 300 }, remote)
        const origin = new Origin()
        const caller = yield* begin(cache.getOrSet("k", origin.gives(1000)))
        yield* advance(50)
        yield* lose(world)
        yield* advance(950)
        assert.deepInclude((yield* Fiber.join(caller)).meta, { cache: "MISS-LEADER-NOCACHE", uncached: "lost" })
        assert.deepStrictEqual([origin.calls, origin.interrupted], [1, 0])
        // The loss was reported once, and nothing need ask again.
        assert.strictEqual(process.count("renew"), 1)
        assert.strictEqual(cache.stats().leaseLost, 1)
      })
    )
  }

  scenario('"interrupt": the fetcher stops when the renewal notices, and the load asks again', (world) =>
    Effect.gen(function* () {
      const { cache, process } = yield* world.cache({ leaseTtl: 300, onLeaseLost: "interrupt" }, remote)
      const origin = new Origin()
      const callers = yield* beginMany(3, () => cache.getOrSet("k", origin.gives(400)))
      yield* advance(50)
      yield* world.store.delete("k")
      yield* advance(50)
      assert.deepStrictEqual([origin.calls, origin.interrupted], [2, 1])
      yield* advance(400)
      const answers = yield* joinAll(callers)
      assert.isTrue(answers.every(({ value }) => value === "v2"))
      assert.strictEqual(answers[0]!.meta.cache, "MISS-LEADER")
      assert.deepStrictEqual(
        process.verbs.filter((verb) => verb !== "renew"),
        ["acquire", "acquire", "fill"]
      )
    })
  )

  scenario('"interrupt": a value that was put meanwhile is the answer', (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache<string>({ leaseTtl: 300, onLeaseLost: "interrupt" })
      const other = yield* world.cache()
      const origin = new Origin()
      const caller = yield* begin(cache.getOrSet("k", origin.gives(400)))
      yield* advance(50)
      yield* other.cache.set("k", "put")
      yield* advance(50)
      assert.deepInclude(ended(caller), { _tag: "Success" })
      assert.strictEqual((yield* Fiber.join(caller)).value, "put")
      assert.strictEqual(origin.interrupted, 1)
    })
  )

  scenario('"interrupt": everyone leaves while it asks again', (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache({ leaseTtl: 300, onLeaseLost: "interrupt" }, (adapter) =>
        slow(remote(adapter), 40)
      )
      const origin = new Origin()
      const caller = yield* begin(cache.getOrSet("k", origin.gives(10_000)))
      yield* advance(60)
      yield* world.store.delete("k")
      // The renewal leaves at 100 and is back at 140; the second acquire is on its way at 150.
      yield* advance(90)
      assert.strictEqual(origin.interrupted, 1)
      yield* Fiber.interrupt(caller)
      yield* advance(200)
      assert.isUndefined((yield* world.store.read("k")).lease)
      assert.strictEqual(origin.calls, 1)
    })
  )

  scenario("the process stood still beyond its lease: another led, and nothing is overwritten", (world) =>
    Effect.gen(function* () {
      const a = yield* world.cache({ leaseTtl: 300 }, remote)
      const b = yield* world.cache({ leaseTtl: 300 }, remote)
      const origin = new Origin()
      // A fetcher that blocks the process's timers: its renewals come too late to matter.
      const paused = yield* world.cache({ leaseTtl: 300 }, (adapter) =>
        faulty(remote(adapter), { renew: () => Effect.never })
      )
      const first = yield* begin(
        paused.cache.getOrSet(
          "k",
          origin.load(2000, () => Effect.succeed("old"))
        )
      )
      yield* advance(300)
      const second = yield* begin(
        b.cache.getOrSet(
          "k",
          origin.load(100, () => Effect.succeed("new"))
        )
      )
      yield* advance(100)
      assert.strictEqual((yield* Fiber.join(second)).meta.cache, "MISS-LEADER")
      yield* advance(1600)
      assert.deepInclude(yield* Fiber.join(first), { value: "old" })
      assert.strictEqual((yield* a.cache.getOrSet("k", origin.gives())).value, "new")
    })
  )
})

describe("a fill that fails", () => {
  for (const fault of ["fail", "reject"] as const) {
    scenario(`(${fault}) loses no value: everyone is answered with the reason, and onError is called once`, (world) =>
      Effect.gen(function* () {
        const { errors, hooks } = recordErrors()
        const { cache } = yield* world.cache({ hooks }, (adapter) => faulty(remote(adapter), { fill: [fault] }))
        const callers = yield* beginMany(10, () => cache.getOrSet("k", new Origin().gives(100)))
        yield* advance(100)
        const answers = yield* joinAll(callers)
        assert.isTrue(answers.every(({ value }) => value === "v1"))
        assert.deepStrictEqual(answers[0]!.meta, {
          cache: "MISS-LEADER-NOCACHE",
          leaseUntil: 15_000,
          uncached: "set-failed"
        })
        assert.deepInclude(answers[9]!.meta, { cache: "MISS-FOLLOWER-HIT", uncached: "set-failed" })
        yield* flush
        assert.deepStrictEqual(tags(errors), ["CACHE_SET_FAILED fill"])
        assert.deepStrictEqual(errors[0]!.cause, down("fill", fault === "fail" ? "Unavailable" : "Rejected"))
        assert.strictEqual(cache.stats().adapterErrors, 1)
      })
    )

    scenario(`(${fault}) again and again gives the lease back: nobody waits for it`, (world) =>
      Effect.gen(function* () {
        const a = yield* world.cache({}, (adapter) => faulty(remote(adapter), { fill: () => fault }))
        const b = yield* world.cache({}, remote)
        const origin = new Origin()
        const leader = yield* begin(a.cache.getOrSet("k", origin.gives(100)))
        const follower = yield* begin(b.cache.getOrSet("k", origin.gives(100)))
        yield* advance(100)
        assert.strictEqual((yield* Fiber.join(leader)).meta.uncached, "set-failed")
        assert.strictEqual(origin.calls, 2)
        yield* advance(100)
        assert.strictEqual((yield* Fiber.join(follower)).meta.cache, "MISS-LEADER")
      })
    )
  }

  scenario("once is tried once more, beside the callers, for followers elsewhere", (world) =>
    Effect.gen(function* () {
      const a = yield* world.cache({}, (adapter) => faulty(remote(adapter), { fill: ["fail", Effect.sleep(50)] }))
      const b = yield* world.cache({}, remote)
      const origin = new Origin()
      const leader = yield* begin(a.cache.getOrSet("k", origin.gives(100)))
      const follower = yield* begin(b.cache.getOrSet("k", origin.gives(100)))
      yield* advance(100)
      assert.strictEqual((yield* Fiber.join(leader)).meta.uncached, "set-failed")
      assert.isTrue(waits(follower))
      yield* advance(50)
      assert.deepInclude(yield* Fiber.join(follower), { value: "v1" })
      assert.strictEqual(origin.calls, 1)
      assert.deepStrictEqual(a.process.verbs, ["acquire", "fill", "fill"])
    })
  )

  scenario("though it was done (the reply was lost) harms nothing", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache({}, (adapter) => faulty(remote(adapter), { fill: ["lose"] }))
      const origin = new Origin()
      assert.strictEqual((yield* cache.getOrSet("k", origin.gives())).value, "v1")
      assert.deepInclude(yield* cache.getOrSet("k", origin.gives()), { value: "v1" })
      assert.strictEqual(origin.calls, 1)
    })
  )

  scenario("with a bug of the adapter (a defect) does not block the key", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache({}, (adapter) => faulty(remote(adapter), { fill: ["throw"] }))
      const origin = new Origin()
      yield* Effect.exit(cache.getOrSet("k", origin.gives()))
      assert.isUndefined((yield* world.store.read("k")).lease)
    })
  )

  scenario("and an abandon that fails too: both are reported, and the value is answered", (world) =>
    Effect.gen(function* () {
      const { errors, hooks } = recordErrors()
      const { cache } = yield* world.cache({ hooks }, (adapter) =>
        faulty(remote(adapter), { fill: () => "fail", abandon: () => "fail" })
      )
      assert.strictEqual((yield* cache.getOrSet("k", new Origin().gives())).value, "v1")
      yield* flush
      assert.deepStrictEqual(tags(errors).sort(), ["CACHE_SET_FAILED fill", "LEASE_FAILED abandon"])
    })
  )
})

describe("a load that is void for two reasons", () => {
  scenario("a tag, and then a delete: a caller that came between them loads anew", (world) =>
    Effect.gen(function* () {
      const a = yield* world.cache({ tags: ["t"] }, remote)
      const b = yield* world.cache({}, remote)
      const origin = new Origin()
      yield* begin(a.cache.getOrSet("k", origin.gives(12_000)))
      yield* b.cache.invalidateTag("t")
      yield* advance(4_000)
      const between = yield* begin(a.cache.getOrSet("k", origin.gives()))
      yield* advance(7_000)
      yield* b.cache.delete("k")
      yield* advance(1_000)
      assert.strictEqual((yield* Fiber.join(between)).value, "v2")
    })
  )

  scenario("a look at the tags that fails proves nothing: a later caller asks again", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache({ tags: ["t"] }, (adapter) =>
        faulty(remote(adapter), { read: [undefined, "fail"] })
      )
      const origin = new Origin()
      const first = yield* begin(cache.getOrSet("k", origin.gives(1000)))
      yield* advance(500)
      yield* Tags.invalidate(world.store, ["t"])
      const later = yield* begin(cache.getOrSet("k", origin.gives()))
      yield* advance(500)
      assert.deepInclude((yield* Fiber.join(first)).meta, { cache: "MISS-LEADER" })
      assert.strictEqual((yield* Fiber.join(later)).value, "v2")
    })
  )
})

describe("a lease that cannot be given back", () => {
  /** Refuses to end leases until the store is healed. */
  const refusingUntil = (healed: () => boolean) => (adapter: Adapter) =>
    faulty(remote(adapter), {
      fill: () => (healed() ? undefined : "busy"),
      abandon: () => (healed() ? undefined : "busy")
    })

  scenario("by a fill is ended by it as soon as the store takes it", (world) =>
    Effect.gen(function* () {
      let healed = false
      const a = yield* world.cache(
        {},
        refusingUntil(() => healed)
      )
      const b = yield* world.cache({}, remote)
      const origin = new Origin()
      yield* a.cache.getOrSet("k", origin.gives())
      const follower = yield* begin(b.cache.getOrSet("k", origin.gives()))
      yield* advance(300)
      healed = true
      assert.isTrue(waits(follower))
      yield* advance(500)
      assert.deepInclude(yield* Fiber.join(follower), { value: "v1" })
      assert.strictEqual(origin.calls, 1)
    })
  )

  scenario("by a fill is ended by it later, and the value is no younger for that", (world) =>
    Effect.gen(function* () {
      let healed = false
      const { cache } = yield* world.cache(
        { cacheTtl: 1000, staleIfError: 5000 },
        refusingUntil(() => healed)
      )
      yield* cache.getOrSet("k", new Origin().gives())
      yield* advance(300)
      healed = true
      yield* advance(500)
      const { age, freshFor } = yield* world.store.read("k")
      assert.isBelow(age + freshFor, 701)
      assert.isAbove(freshFor, 0)
    })
  )

  scenario("after a failed load is given back with its cooldown", (world) =>
    Effect.gen(function* () {
      let healed = false
      const { cache } = yield* world.cache(
        { cooldown: 1000 },
        refusingUntil(() => healed)
      )
      yield* Effect.flip(cache.getOrSet("k", () => Effect.fail(new Broken({ code: 1 }))))
      yield* advance(300)
      assert.isDefined((yield* world.store.read("k")).lease)
      healed = true
      yield* advance(500)
      const { cooling, lease } = yield* world.store.read("k")
      assert.isUndefined(lease)
      assert.isDefined(cooling)
    })
  )

  scenario("is tried until it ends by itself, and one key is asked for at a time", (world) =>
    Effect.gen(function* () {
      const { cache, process } = yield* world.cache(
        { leaseTtl: 5000 },
        refusingUntil(() => false)
      )
      for (const key of ["a", "b", "c"]) yield* cache.getOrSet(key, new Origin().gives())
      yield* advance(1000)
      // Three times at once, three at the first look, and then after 50, 100, 200, 400 ms at the most.
      const begun = process.count("fill")
      assert.isAtMost(begun, 14)
      yield* advance(10_000)
      assert.strictEqual(world.returning, 0)
      assert.isAtMost(process.count("fill") - begun, 12)
    })
  )

  scenario("is tried however many others come meanwhile", (world) =>
    Effect.gen(function* () {
      const { cache, process } = yield* world.cache(
        {},
        refusingUntil(() => false)
      )
      for (let n = 0; n < 100; n++) {
        yield* cache.getOrSet(`k${n}`, new Origin().gives())
        yield* advance(20)
      }
      // Beside the load's own fill: after about 0, 50, 150, 350, 750 and 1,550 ms.
      assert.isAtLeast(process.count("fill"), 104)
    })
  )

  scenario("is tried a last time when the cache closes", (world) =>
    Effect.gen(function* () {
      let healed = false
      const { process } = yield* Effect.scoped(
        Effect.gen(function* () {
          const made = yield* world.cache(
            {},
            refusingUntil(() => healed)
          )
          yield* made.cache.getOrSet("k", new Origin().gives())
          yield* advance(10)
          healed = true
          return made
        })
      )
      assert.deepInclude(yield* world.store.read("k"), { lease: undefined })
      const asked = process.verbs.length
      yield* advance(20_000)
      assert.strictEqual(process.verbs.length, asked)
    })
  )

  for (const force of [false, true]) {
    scenario(`because its grant never arrived${force ? ", beside a fresh value," : ""} is given back`, (world) =>
      Effect.gen(function* () {
        const { cache } = yield* world.cache({}, (adapter) => faulty(remote(adapter), { acquire: ["lose", "lose"] }))
        if (force) yield* world.store.put("k", { value: bytesOf("v"), lifetime: { fresh: 60_000, stale: 0 } })
        const origin = new Origin()
        const call = force ? cache.refresh : cache.getOrSet
        assert.strictEqual((yield* Effect.flip(call("k", origin.gives())))._tag, "CACHE_GET_FAILED")
        assert.isDefined((yield* world.store.read("k")).lease)
        yield* advance(100)
        const { lease, value } = yield* world.store.read("k")
        assert.isUndefined(lease)
        assert.strictEqual(value !== undefined, force)
      })
    )
  }

  scenario("because everybody left before its grant was known is given back", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache({}, (adapter) =>
        faulty(slow(remote(adapter), 50), { acquire: ["lose", "lose"] })
      )
      const caller = yield* begin(cache.getOrSet("k", new Origin().gives()))
      yield* Fiber.interrupt(caller)
      yield* advance(1000)
      assert.isUndefined((yield* world.store.read("k")).lease)
    })
  )
})

/** True when a mark is in the place of a value. */
const isMarked = ({ value }: Snapshot): boolean => value !== undefined && isMark(value)

describe("values that are not to be cached", () => {
  scenario("shouldCache false: everyone has the value, the lease is free at once, no cooldown", (world) =>
    Effect.gen(function* () {
      const { cache, process } = yield* world.cache<string>({ shouldCache: (value) => value !== "v1" })
      const origin = new Origin()
      const callers = yield* beginMany(5, () => cache.getOrSet("k", origin.gives(10)))
      yield* advance(10)
      const answers = yield* joinAll(callers)
      assert.deepStrictEqual(answers[0]!.meta, {
        cache: "MISS-LEADER-NOCACHE",
        leaseUntil: 15_000,
        uncached: "declined"
      })
      assert.deepStrictEqual(answers[4]!.meta, {
        cache: "MISS-FOLLOWER-HIT",
        leaseUntil: 15_000,
        uncached: "declined",
        waited: 10
      })
      assert.deepStrictEqual(process.verbs, ["acquire", "fill"])
      const found = yield* world.store.read("k")
      assert.deepStrictEqual([isMarked(found), found.lease, found.cooling], [true, undefined, undefined])
      const next = yield* begin(cache.getOrSet("k", origin.gives(10)))
      yield* advance(10)
      assert.strictEqual((yield* Fiber.join(next)).meta.cache, "MISS-LEADER")
    })
  )

  for (const [kind, wrap] of [
    ["memory", undefined],
    ["a remote store", remote]
  ] as const) {
    describe(`ends the older value, over ${kind}`, () => {
      const windows = { cacheTtl: 1000, staleWhileRevalidate: 10_000, staleIfError: 10_000 }
      const notNull = { ...windows, shouldCache: (value: string | null) => value !== null }
      const none = () => Effect.succeed(null)

      scenario("a load behind the stale value", (world) =>
        Effect.gen(function* () {
          const { cache, process } = yield* world.cache<string | null>(notNull, wrap)
          yield* cache.set("k", "old")
          yield* advance(2000)
          process.verbs.length = 0
          assert.strictEqual((yield* cache.getOrSet("k", none)).meta.cache, "STALE")
          yield* flush
          // One command for both, as without an older value.
          assert.deepStrictEqual(process.verbs, ["acquire", "fill"])
          const found = yield* world.store.read("k")
          assert.deepStrictEqual([found.lease, isMarked(found)], [undefined, true])
          const next = yield* cache.getOrSet("k", none)
          assert.deepInclude(next, { value: null })
          assert.strictEqual(next.meta.cache, "MISS-LEADER-NOCACHE")
          // Nor does it come back when the origin fails.
          assert.strictEqual(yield* Effect.flip(cache.getOrSet("k", () => Effect.fail("down"))), "down")
        })
      )

      scenario("a load that callers wait for, a refresh, and an early refresh", (world) =>
        Effect.gen(function* () {
          const { cache } = yield* world.cache<string | null>({ ...notNull, staleWhileRevalidate: 0 }, wrap)
          yield* cache.set("k", "old")
          yield* advance(2000)
          assert.strictEqual((yield* cache.getOrSet("k", none)).value, null)
          assert.isTrue(isMarked(yield* world.store.read("k")))
          yield* cache.set("k", "fresh")
          assert.strictEqual((yield* cache.refresh("k", none)).meta.uncached, "declined")
          assert.isTrue(isMarked(yield* world.store.read("k")))
          const loaded = yield* begin(cache.getOrSet("k", () => Effect.delay(Effect.succeed("dear"), 100)))
          yield* advance(100)
          yield* Fiber.join(loaded)
          const hit = yield* cache.getOrSet("k", none, { earlyRefresh: { beta: 1e9 } })
          assert.strictEqual(hit.meta.cache, "HIT")
          yield* flush
          assert.isTrue(isMarked(yield* world.store.read("k")))
        })
      )

      scenario("a value that cannot be encoded, and a function that throws", (world) =>
        Effect.gen(function* () {
          const codec: Codec.SyncCodec<any> = {
            ...Codec.string,
            encode: (value) => {
              if (value === "new") throw new Error("too new")
              return Codec.string.encode(value)
            }
          }
          const { cache } = yield* world.cache<string>({ cacheTtl: 1000, staleIfError: 10_000, codec }, wrap)
          for (const options of [
            {},
            {
              shouldCache: () => {
                throw new Error("undecided")
              }
            }
          ]) {
            yield* cache.set("k", "old")
            yield* advance(2000)
            assert.strictEqual((yield* cache.getOrSet("k", () => Effect.succeed("new"), options)).value, "new")
            assert.isTrue(isMarked(yield* world.store.read("k")))
          }
        })
      )

      scenario("a batch that has no value for the key", (world) =>
        Effect.gen(function* () {
          const { cache } = yield* world.cache<string | null>(windows, wrap)
          yield* cache.set("k", "old")
          yield* advance(2000)
          assert.strictEqual((yield* cache.getOrSetMany(["k"], () => Effect.succeed([]))).get("k"), "old")
          yield* flush
          assert.isTrue(isMarked(yield* world.store.read("k")))
          assert.strictEqual((yield* cache.getOrSetMany(["k"], () => Effect.succeed([]))).size, 0)
        })
      )

      scenario("and no value that was set meanwhile, here or elsewhere", (world) =>
        Effect.gen(function* () {
          const { cache } = yield* world.cache<string | null>(notNull, wrap)
          yield* cache.set("k", "old")
          yield* advance(2000)
          const here = yield* begin(cache.getOrSet("k", () => Effect.delay(none(), 100)))
          yield* world.store.put("k", { value: bytesOf("newer"), lifetime: { fresh: 1000, stale: 0 } })
          yield* advance(100)
          yield* Fiber.join(here)
          assert.deepStrictEqual((yield* world.store.read("k")).value?.bytes, bytesOf("newer").bytes)
        })
      )

      scenario("unless the load fails, or is left", (world) =>
        Effect.gen(function* () {
          const { cache } = yield* world.cache<string | null>({ ...notNull, staleWhileRevalidate: 0 }, wrap)
          yield* cache.set("k", "old")
          yield* advance(2000)
          const left = yield* begin(cache.getOrSet("k", () => Effect.never))
          yield* Fiber.interrupt(left)
          assert.strictEqual((yield* cache.getOrSet("k", () => Effect.fail("down"))).value, "old")
        })
      )

      scenario("that ended by itself: the lease is given back all the same", (world) =>
        Effect.gen(function* () {
          const { cache } = yield* world.cache<string | null>({ ...notNull, staleIfError: 0 }, wrap)
          yield* cache.set("k", "old")
          yield* advance(10_900)
          yield* cache.getOrSet("k", () => Effect.delay(none(), 500))
          yield* advance(500)
          assert.isUndefined((yield* world.store.read("k")).lease)
        })
      )
    })
  }

  for (const [what, options] of [
    ["cacheTtl 0", { cacheTtl: 0 }],
    ["a cacheTtl function that gives 0", { cacheTtl: () => 0 }]
  ] as const) {
    scenario(`${what} is declined`, (world) =>
      Effect.gen(function* () {
        const { cache, process } = yield* world.cache<string>(options)
        const { meta } = yield* cache.getOrSet("k", () => Effect.succeed("v"))
        assert.deepInclude(meta, { cache: "MISS-LEADER-NOCACHE", uncached: "declined" })
        assert.deepStrictEqual(process.verbs, ["acquire", "fill"])
      })
    )
  }

  scenario("cacheTtl 0 with a stale window is kept, and stale from the first", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache<string>({ cacheTtl: 0, staleIfError: 1000 })
      assert.strictEqual((yield* cache.getOrSet("k", () => Effect.succeed("v"))).meta.cache, "MISS-LEADER")
      assert.deepInclude(yield* cache.explain("k"), { state: "stale", keptFor: 1000 })
      const { meta, value } = yield* cache.getOrSet("k", () => Effect.fail("down"))
      assert.deepStrictEqual([value, meta.cache, meta.error], ["v", "STALE", "down"])
    })
  )

  scenario("a cacheTtl function is given value and key, and may give any duration", (world) =>
    Effect.gen(function* () {
      const given: Array<unknown> = []
      const { cache, process } = yield* world.cache<string>({
        cacheTtl: (value, key) => {
          given.push([value, key])
          return key === "k1" ? "2 seconds" : { seconds: 3 }
        }
      })
      yield* cache.getOrSet("k1", () => Effect.succeed("a"))
      yield* cache.getOrSet("k2", () => Effect.succeed("b"))
      assert.deepStrictEqual(given, [
        ["a", "k1"],
        ["b", "k2"]
      ])
      assert.deepStrictEqual(
        process.given("fill").map(({ lifetime }) => lifetime.fresh),
        [2000, 3000]
      )
    })
  )

  for (const [what, options] of [
    [
      "shouldCache",
      {
        shouldCache: (): boolean => {
          throw new Error("undecided")
        }
      }
    ],
    [
      "a cacheTtl function",
      {
        cacheTtl: (): number => {
          throw new Error("undecided")
        }
      }
    ],
    ["a cacheTtl function that gives nonsense", { cacheTtl: () => -1 }],
    ["a cacheTtl function that gives NaN", { cacheTtl: () => Number.NaN }]
  ] as const) {
    scenario(`${what} that throws loses no value, blocks no key, and is reported`, (world) =>
      Effect.gen(function* () {
        const { errors, hooks } = recordErrors()
        const { cache } = yield* world.cache<string>({ ...options, hooks })
        const origin = new Origin()
        const exit = yield* Effect.exit(cache.getOrSet("k", origin.gives()))
        assert.isUndefined((yield* world.store.read("k")).lease)
        assert.isTrue(Exit.isSuccess(exit), String(exit))
        if (Exit.isSuccess(exit)) {
          assert.strictEqual(exit.value.value, "v1")
          assert.strictEqual(exit.value.meta.cache, "MISS-LEADER-NOCACHE")
        }
        yield* flush
        assert.strictEqual(errors.length, 1)
      })
    )
  }
})

describe("a value that cannot be written", () => {
  scenario("is answered uncached, and the key is free at once", (world) =>
    Effect.gen(function* () {
      const { errors, hooks } = recordErrors()
      const { cache, process } = yield* world.cache<any>({ hooks }, remote)
      const secret = { password: () => "hunter2" }
      const { meta, value } = yield* cache.getOrSet("k", () => Effect.succeed(secret))
      assert.strictEqual(value, secret)
      assert.deepInclude(meta, { cache: "MISS-LEADER-NOCACHE", uncached: "encode-failed" })
      assert.deepStrictEqual(process.verbs, ["acquire", "fill"])
      yield* flush
      assert.deepStrictEqual(tags(errors), ["ENCODE_FAILED encode"])
      assert.strictEqual(errors[0]!.context.key, "k")
      assert.notInclude(JSON.stringify(errors[0]), "hunter2")
    })
  )

  scenario("by an asynchronous codec neither", (world) =>
    Effect.gen(function* () {
      const codec: Codec.AsyncCodec<string> = {
        name: "sulky",
        async: true,
        encode: () => Promise.reject(new Error("no")),
        decode: () => Promise.reject(new Error("no"))
      }
      const { cache, process } = yield* world.cache<string>({ codec }, remote)
      const caller = yield* begin(cache.getOrSet("k", () => Effect.succeed("v")))
      const { meta, value } = yield* Fiber.join(caller)
      assert.strictEqual(value, "v")
      assert.strictEqual(meta.uncached, "encode-failed")
      assert.deepStrictEqual(process.verbs, ["acquire", "fill"])
    })
  )

  scenario("because it is over the limit is reported so, and never sent", (world) =>
    Effect.gen(function* () {
      const { errors, hooks } = recordErrors()
      const { cache, process } = yield* world.cache<string>({ hooks }, (adapter) => ({
        ...remote(adapter),
        limits: { ...adapter.limits, valueBytes: 100 }
      }))
      const { meta, value } = yield* cache.getOrSet("k", () => Effect.succeed("x".repeat(200)))
      assert.strictEqual(value.length, 200)
      assert.strictEqual(meta.cache, "MISS-LEADER-NOCACHE")
      assert.deepStrictEqual(process.verbs, ["acquire", "fill"])
      yield* flush
      assert.deepStrictEqual(tags(errors), ["LIMIT_EXCEEDED encode"])
    })
  )

  scenario("because it does not come back as it went is answered uncached", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache<string>(
        {
          codec: {
            name: "one-way",
            encode: () => new Uint8Array(1),
            decode: () => {
              throw new Error("no")
            }
          }
        },
        remote
      )
      const { meta, value } = yield* cache.getOrSet("k", () => Effect.succeed("v"))
      assert.strictEqual(value, "v")
      assert.strictEqual(meta.uncached, "encode-failed")
    })
  )

  scenario(
    "in a memory that counts bytes does not block the key",
    (world) =>
      Effect.gen(function* () {
        const { cache } = yield* world.cache<any>()
        const exit = yield* Effect.exit(cache.getOrSet("k", () => Effect.succeed(() => 1)))
        assert.isUndefined((yield* world.store.read("k")).lease)
        assert.isTrue(Exit.isSuccess(exit), String(exit))
        if (Exit.isSuccess(exit)) assert.strictEqual(exit.value.meta.cache, "MISS-LEADER-NOCACHE")
      }),
    { store: () => MemoryAdapter.make({ maxBytes: 1000 }) }
  )

  scenario(
    "in a memory whose sizeOf throws does not block the key",
    (world) =>
      Effect.gen(function* () {
        const { cache } = yield* world.cache<any>()
        const exit = yield* Effect.exit(cache.getOrSet("k", () => Effect.succeed("v")))
        assert.isUndefined((yield* world.store.read("k")).lease)
        assert.isTrue(Exit.isSuccess(exit), String(exit))
      }),
    {
      store: () =>
        MemoryAdapter.make({
          maxBytes: 1000,
          sizeOf: () => {
            throw new Error("no size")
          }
        })
    }
  )

  scenario(
    "in a memory with maxBytes because it is too big is answered uncached",
    (world) =>
      Effect.gen(function* () {
        const { cache } = yield* world.cache<string>()
        const { meta } = yield* cache.getOrSet("k", () => Effect.succeed("x".repeat(2000)))
        assert.strictEqual(meta.cache, "MISS-LEADER-NOCACHE")
        assert.isUndefined((yield* world.store.read("k")).lease)
      }),
    { store: () => MemoryAdapter.make({ maxBytes: 1000 }) }
  )
})

describe("leader and followers see the same", () => {
  scenario("over a remote store the leader's value went through the codec, too", (world) =>
    Effect.gen(function* () {
      const a = yield* world.cache<any>({ codec: Codec.json<any>() }, remote)
      const b = yield* world.cache<any>({ codec: Codec.json<any>() }, remote)
      const fetcher = () => Effect.delay(Effect.succeed({ at: new Date(0) }), 10)
      const leader = yield* begin(a.cache.getOrSet("k", fetcher))
      const joiner = yield* begin(a.cache.getOrSet("k", fetcher))
      const follower = yield* begin(b.cache.getOrSet("k", fetcher))
      yield* advance(10)
      const answers = yield* joinAll([leader, joiner, follower])
      for (const { value } of answers) assert.deepStrictEqual(value, { at: "1970-01-01T00:00:00.000Z" })
    })
  )

  scenario("over memory it is the very object", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache<object>()
      const value = { deep: {} }
      assert.strictEqual((yield* cache.getOrSet("k", () => Effect.succeed(value))).value, value)
      assert.strictEqual((yield* cache.getOrSet("k", () => Effect.succeed({}))).value, value)
    })
  )

  for (const [kind, wrap] of [
    ["memory", undefined],
    ["a remote store", remote]
  ] as const) {
    for (const value of [undefined, null, 0, "", false, Number.NaN, [], {}, -0, 0n]) {
      scenario(`${typeof value} ${String(value)} is a value over ${kind}`, (world) =>
        Effect.gen(function* () {
          const a = yield* world.cache<any>({}, wrap)
          const b = yield* world.cache<any>({}, wrap)
          const never = () => Effect.die("loaded twice")
          assert.deepStrictEqual((yield* a.cache.getOrSet("k", () => Effect.succeed(value))).value, value)
          for (const { cache } of [a, b]) {
            const hit = yield* cache.getOrSet("k", never)
            assert.deepStrictEqual([hit.value, hit.meta.cache], [value, "HIT"])
            assert.isTrue(yield* cache.has("k"))
            const got = yield* cache.get("k")
            assert.deepStrictEqual([got._tag, got._tag === "Some" ? got.value : "none"], ["Some", value])
          }
        })
      )
    }
  }
})

describe("a load that fails", () => {
  scenario("gives the lease back with a cooldown and its typed failure", (world) =>
    Effect.gen(function* () {
      const { cache, process } = yield* world.cache({ cooldown: 700 }, remote)
      const error = yield* Effect.flip(cache.getOrSet("k", new Origin().breaks()))
      assert.instanceOf(error, Broken)
      const [abandon] = process.given("abandon")
      assert.strictEqual(abandon.cooldown, 700)
      assert.isDefined(abandon.cause)
      assert.deepInclude((yield* world.store.read("k")).cooling, { retryIn: 700 })
    })
  )

  scenario("with a defect gives it back with a cooldown and without a cause", (world) =>
    Effect.gen(function* () {
      const { cache, process } = yield* world.cache({}, remote)
      yield* Effect.exit(cache.getOrSet("k", () => Effect.die("a bug")))
      assert.deepInclude(process.given("abandon")[0], { cooldown: 100, cause: undefined })
    })
  )

  scenario("cooldown 0: the next caller loads at once", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache({ cooldown: 0 })
      const origin = new Origin()
      yield* Effect.exit(cache.getOrSet("k", origin.breaks()))
      assert.strictEqual((yield* cache.getOrSet("k", origin.gives())).value, "v2")
    })
  )

  scenario("an abandon that fails is only reported: the answer stays the fetcher's own failure", (world) =>
    Effect.gen(function* () {
      const { errors, hooks } = recordErrors()
      const { cache } = yield* world.cache({ hooks }, (adapter) => faulty(remote(adapter), { abandon: () => "fail" }))
      assert.instanceOf(yield* Effect.flip(cache.getOrSet("k", new Origin().breaks())), Broken)
      yield* flush
      assert.deepStrictEqual(tags(errors), ["LEASE_FAILED abandon"])
    })
  )

  scenario("a failure that no codec can write is passed on without its cause", (world) =>
    Effect.gen(function* () {
      const failureCodec: Codec.SyncCodec<any> = {
        name: "sulky",
        encode: () => {
          throw new Error("no")
        },
        decode: () => {
          throw new Error("no")
        }
      }
      const { cache, process } = yield* world.cache({ failureCodec }, remote)
      assert.instanceOf(yield* Effect.flip(cache.getOrSet("k", new Origin().breaks())), Broken)
      assert.deepInclude(process.given("abandon")[0], { cooldown: 100, cause: undefined })
    })
  )

  scenario("a failure too large for the store is passed on without its cause", (world) =>
    Effect.gen(function* () {
      const { cache, process } = yield* world.cache({}, remote)
      yield* Effect.exit(cache.getOrSet("k", () => Effect.fail(new Error("x".repeat(100_000)))))
      assert.deepInclude(process.given("abandon")[0], { cooldown: 100, cause: undefined })
    })
  )

  scenario("a typed failure with a defect in its finalizer keeps both", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache()
      const exit = yield* Effect.exit(
        cache.getOrSet("k", () => Effect.ensuring(Effect.fail("typed"), Effect.die("a bug")))
      )
      assert.isTrue(Exit.isFailure(exit))
      assert.isUndefined((yield* world.store.read("k")).lease)
    })
  )

  scenario("a load that is left and whose finalizer dies is still a load that was left", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache()
      const caller = yield* begin(
        cache.getOrSet("k", () => Effect.onInterrupt(Effect.never, () => Effect.die("a bug")))
      )
      yield* Fiber.interrupt(caller)
      yield* flush
      const found = yield* world.store.read("k")
      assert.isUndefined(found.lease)
      assert.isUndefined(found.cooling)
    })
  )
})

describe("the clock", () => {
  for (const by of [-20_000, 3_600_000]) {
    scenario(`steps by ${by} ms: no wait, lease or cooldown becomes longer or shorter`, (world) =>
      Effect.gen(function* () {
        let step = 0
        const clock = yield* stepped(() => step)
        const here = Effect.provideService(Clock.Clock, clock)
        const { cache } = yield* here(world.cache({ waitMax: 500, cooldown: 300, onWaitTimeout: "fail" }, remote))
        yield* world.crash("k", 10_000)
        const late = yield* begin(Effect.flip(here(cache.getOrSet("k", () => Effect.succeed("v")))))
        yield* here(Effect.flip(cache.getOrSet("failed", () => Effect.fail(new Broken({ code: 1 })))))
        const cold = yield* begin(here(cache.getOrSet("failed", () => Effect.succeed("again"))))
        yield* cache.set("old", "old", { cacheTtl: 100, staleIfError: 5000 })
        const soft = { fetchTimeout: { soft: 200 }, staleIfError: 5000 }
        yield* advance(150)
        const stale = yield* begin(here(cache.getOrSet("old", new Origin().gives(10_000), soft)))
        step = by
        yield* advance(140)
        assert.isTrue(waits(cold))
        yield* advance(30)
        assert.strictEqual((yield* Fiber.join(cold)).value, "again")
        yield* advance(40)
        assert.deepInclude((yield* Fiber.join(stale)).meta, { cache: "STALE" })
        assert.isTrue(waits(late))
        yield* advance(150)
        assert.strictEqual((yield* Fiber.join(late))._tag, "WAIT_TIMEOUT")
        yield* advance(10_000)
      })
    )
  }

  for (const [kind, wrap] of [
    ["memory", undefined],
    ["a remote store", remote]
  ] as const) {
    scenario(`steps back during a load over ${kind}: the value is cached all the same`, (world) =>
      Effect.gen(function* () {
        yield* TestClock.setTime(1_000_000)
        const { cache } = yield* world.cache({}, wrap)
        const { meta } = yield* cache.getOrSet("k", () => Effect.as(TestClock.setTime(900_000), "v"))
        assert.strictEqual(meta.cache, "MISS-LEADER")
        assert.strictEqual(cache.stats().latency.origin.count, 1)
        assert.strictEqual((yield* cache.getOrSet("k", () => Effect.succeed("w"))).value, "v")
      })
    )
  }

  scenario("jumps ahead beyond the lease during a load: the load is late, and the fill refused", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache({ leaseTtl: 300 }, (adapter) => faulty(adapter, { renew: () => "hang" }))
      const caller = yield* begin(cache.getOrSet("k", new Origin().gives(3_600_000)))
      yield* advance(3_600_000)
      assert.strictEqual((yield* Fiber.join(caller)).meta.uncached, "lost")
      assert.isFalse(yield* cache.has("k"))
    })
  )
})

describe("errors that fail no caller", () => {
  scenario("onError is called beside the call: it neither delays nor fails it", (world) =>
    Effect.gen(function* () {
      for (const onError of [
        () => Effect.never,
        () => Effect.fail("hook"),
        () => Effect.die("hook"),
        (): never => {
          throw new Error("hook")
        }
      ]) {
        const { cache } = yield* world.cache({ hooks: { onError } }, (adapter) =>
          faulty(remote(adapter), { fill: () => "fail" })
        )
        const caller = yield* begin(cache.getOrSet("k", new Origin().gives(), { leaseTtl: 100 }))
        const exit = ended(caller)
        assert.isTrue(Exit.isSuccess(exit), String(Exit.isFailure(exit) && Cause.pretty(exit.cause)))
        yield* advance(200)
      }
    })
  )

  scenario("a load begins once the lease is there and never before", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache({}, (adapter) => slow(remote(adapter), 100))
      const origin = new Origin()
      const caller = yield* begin(cache.getOrSet("k", origin.gives()))
      yield* advance(99)
      assert.strictEqual(origin.calls, 0)
      yield* advance(1)
      assert.strictEqual(origin.calls, 1)
      yield* advance(100)
      assert.isFalse(waits(caller))
    })
  )
})

describe("the hard time-out of a fetcher", () => {
  scenario("ends the load for all waiters, interrupts the fetcher, and begins a cooldown", (world) =>
    Effect.gen(function* () {
      const { cache, process } = yield* world.cache({ fetchTimeout: { hard: 500 } }, remote)
      const origin = new Origin()
      const callers = yield* beginMany(20, () => Effect.flip(cache.getOrSet("k", origin.gives(10_000))))
      yield* advance(499)
      assert.isTrue(callers.every(waits))
      yield* advance(1)
      for (const error of yield* joinAll(callers)) {
        assert.deepInclude(error, { _tag: "FETCH_TIMEOUT", timeout: 500 })
        assert.deepStrictEqual(error.context, { key: "k", phase: "fetch", adapter: "memory" })
      }
      assert.deepStrictEqual([origin.calls, origin.interrupted], [1, 1])
      assert.deepStrictEqual(process.verbs, ["acquire", "abandon"])
      assert.isDefined((yield* world.store.read("k")).cooling)
    })
  )

  scenario("reaches followers elsewhere as FETCH_TIMEOUT", (world) =>
    Effect.gen(function* () {
      const a = yield* world.cache({ fetchTimeout: { hard: 500 }, cooldown: 1000 }, remote)
      const b = yield* world.cache({ cooldown: 1000 }, remote)
      const origin = new Origin()
      const leader = yield* begin(Effect.flip(a.cache.getOrSet("k", origin.gives(10_000))))
      const follower = yield* begin(Effect.flip(b.cache.getOrSet("k", origin.gives(10_000))))
      yield* advance(500)
      assert.deepStrictEqual(
        [(yield* Fiber.join(leader))._tag, (yield* Fiber.join(follower))._tag],
        ["FETCH_TIMEOUT", "FETCH_TIMEOUT"]
      )
      assert.strictEqual(origin.calls, 1)
    })
  )

  scenario("serves what staleIfError allows", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache(
        { fetchTimeout: { hard: 500 }, cacheTtl: 1000, staleIfError: 60_000 },
        remote
      )
      yield* cache.set("k", "old")
      yield* advance(2000)
      const caller = yield* begin(cache.getOrSet("k", new Origin().gives(10_000)))
      yield* advance(500)
      const { meta, value } = yield* Fiber.join(caller)
      assert.deepStrictEqual([value, meta.cache], ["old", "STALE"])
      assert.deepInclude(meta.error, { _tag: "FETCH_TIMEOUT" })
    })
  )

  scenario("holds for a fallback and for a load without the store, too", (world) =>
    Effect.gen(function* () {
      yield* world.crash("k", 60_000)
      const options = { fetchTimeout: { hard: 500 }, waitMax: 100 }
      const { cache } = yield* world.cache(options, remote)
      const down = yield* world.cache({ ...options, onAdapterError: "fetch" }, (adapter) =>
        faulty(remote(adapter), { acquire: () => "reject" })
      )
      const callers = yield* beginMany(2, (n) =>
        Effect.flip((n === 0 ? cache : down.cache).getOrSet("k", new Origin().gives(10_000)))
      )
      yield* advance(600)
      for (const error of yield* joinAll(callers)) assert.strictEqual(error._tag, "FETCH_TIMEOUT")
    })
  )
})

describe("a fetcher that says unchanged", () => {
  for (const [kind, wrap] of [
    ["memory", undefined],
    ["a remote store", remote]
  ] as const) {
    scenario(`gives the stale value a new life without writing it again, over ${kind}`, (world) =>
      Effect.gen(function* () {
        const { cache, process } = yield* world.cache({ cacheTtl: 1000, staleIfError: 60_000 }, wrap)
        yield* cache.set("k", "old")
        yield* advance(2000)
        const { meta, value } = yield* cache.getOrSet("k", ({ stale }) => Effect.succeed(stale!.unchanged))
        assert.deepStrictEqual([value, meta.cache, meta.uncached], ["old", "MISS-LEADER", undefined])
        assert.isUndefined(process.given("fill")[0].value)
        assert.strictEqual(process.count("fill"), 1)
        const again = yield* cache.getOrSet("k", () => Effect.die("loaded twice"))
        assert.deepStrictEqual([again.value, again.meta.cache, again.meta.freshFor], ["old", "HIT", 1000])
      })
    )

    scenario(`after the value went meanwhile writes it whole, over ${kind}`, (world) =>
      Effect.gen(function* () {
        const { cache } = yield* world.cache({ cacheTtl: 1000, staleIfError: 500 }, wrap)
        yield* cache.set("k", "old")
        yield* advance(1400)
        // Its stale window ends while the origin is asked.
        const caller = yield* begin(
          cache.getOrSet("k", ({ stale }) => Effect.delay(Effect.succeed(stale!.unchanged), 200))
        )
        yield* advance(200)
        const { meta, value } = yield* Fiber.join(caller)
        assert.deepStrictEqual([value, meta.cache], ["old", "MISS-LEADER"])
        assert.deepInclude(yield* cache.getOrSet("k", () => Effect.die("loaded twice")), { value: "old" })
      })
    )

    scenario(`after a delete brings nothing back, over ${kind}`, (world) =>
      Effect.gen(function* () {
        const { cache } = yield* world.cache({ cacheTtl: 1000, staleIfError: 60_000 }, wrap)
        yield* cache.set("k", "old")
        yield* advance(2000)
        const caller = yield* begin(
          cache.getOrSet("k", ({ stale }) => Effect.delay(Effect.succeed(stale!.unchanged), 100))
        )
        yield* world.store.delete("k")
        yield* advance(100)
        assert.strictEqual((yield* Fiber.join(caller)).meta.uncached, "lost")
        assert.isUndefined((yield* world.store.read("k")).value)
        assert.strictEqual(cache.stats().leaseLost, 1)
      })
    )
  }

  scenario("though there is nothing stale caches no such thing", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache<any>({ cacheTtl: 1000, staleIfError: 60_000 })
      yield* cache.set("k", "old")
      yield* advance(2000)
      let kept: unknown
      yield* cache.getOrSet("k", ({ stale }) => {
        kept = stale!.unchanged
        return Effect.succeed("new")
      })
      const exit = yield* Effect.exit(cache.getOrSet("other", () => Effect.succeed(kept)))
      assert.isTrue(Exit.isFailure(exit), String(exit))
      assert.isFalse(yield* cache.has("other"))
      assert.isUndefined((yield* world.store.read("other")).lease)
    })
  )

  scenario("is asked by shouldCache and cacheTtl with the value itself", (world) =>
    Effect.gen(function* () {
      const given: Array<unknown> = []
      const { cache } = yield* world.cache<string>({
        cacheTtl: (value) => {
          given.push(value)
          return 1000
        },
        shouldCache: (value) => given.push(value) > 0,
        staleIfError: 60_000
      })
      yield* cache.set("k", "old")
      yield* advance(2000)
      yield* cache.getOrSet("k", ({ stale }) => Effect.succeed(stale!.unchanged))
      assert.deepStrictEqual(given, ["old", "old", "old"])
    })
  )

  scenario("with a fill that fails is answered, as uncached", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache({ cacheTtl: 1000, staleIfError: 60_000 }, (adapter) =>
        faulty(remote(adapter), { fill: () => "reject" })
      )
      yield* cache.set("k", "old")
      yield* advance(2000)
      const { meta, value } = yield* cache.getOrSet("k", ({ stale }) => Effect.succeed(stale!.unchanged))
      assert.deepStrictEqual([value, meta.uncached], ["old", "set-failed"])
      assert.isUndefined((yield* world.store.read("k")).lease)
    })
  )
})

describe("failures in a row", () => {
  scenario("double the cooldown up to its bound; a success begins anew", (world) =>
    Effect.gen(function* () {
      const { cache, process } = yield* world.cache({ cooldown: 100, cooldownMax: 500 }, remote)
      const origin = new Origin()
      for (let i = 0; i < 5; i++) {
        yield* Effect.exit(cache.getOrSet("k", origin.breaks()))
        yield* advance(501)
      }
      yield* cache.getOrSet("k", origin.gives())
      yield* cache.delete("k")
      yield* Effect.exit(cache.getOrSet("k", origin.breaks()))
      yield* Effect.exit(cache.getOrSet("other", origin.breaks()))
      assert.deepStrictEqual(
        process.given("abandon").map(({ cooldown }) => cooldown),
        [100, 200, 400, 500, 500, 100, 100]
      )
    })
  )
})
