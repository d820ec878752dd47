import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Cache from "../src/Cache.ts"
import * as Codec from "../src/codec/Codec.ts"
import { Adapter, ListingAdapter } from "../src/contract/Adapter.ts"
import type { CacheLockingError, InvalidOption } from "../src/contract/CacheLockingError.ts"
import { kindOf } from "../src/contract/Check.ts"
import type { Answer } from "../src/options/Answer.ts"
import * as MemoryAdapter from "../src/stores/MemoryAdapter.ts"
import * as Tiered from "../src/stores/tiered/Tiered.ts"
import { down, type Fault, faulty } from "./support/Faulty.ts"
import { Broken, Origin } from "./support/Origin.ts"
import { Recorded } from "./support/Recorded.ts"
import { advance, begin, beginMany, bytesOf, flush, joinAll, scenario, waits } from "./support/Scenario.ts"
import { remote, slow } from "./support/Wrappers.ts"

const kinds: ReadonlyArray<readonly [string, (adapter: Adapter) => Adapter]> = [
  ["memory", (adapter) => adapter],
  ["a remote store", remote]
]

describe("get, set, has, delete", () => {
  for (const [kind, wrap] of kinds) {
    scenario(`keep a value for as long as it is fresh, over ${kind}`, (world) =>
      Effect.gen(function* () {
        const { cache } = yield* world.cache<string>({ cacheTtl: 1000, staleWhileRevalidate: 5000 }, wrap)
        assert.deepStrictEqual(yield* cache.get("k"), Option.none())
        assert.isFalse(yield* cache.has("k"))
        yield* cache.set("k", "v")
        assert.deepStrictEqual(yield* cache.get("k"), Option.some("v"))
        assert.isTrue(yield* cache.has("k"))
        yield* advance(999)
        assert.deepStrictEqual(yield* cache.get("k"), Option.some("v"))
        yield* advance(1)
        // Stale is for getOrSet, which also loads.
        assert.deepStrictEqual(yield* cache.get("k"), Option.none())
        assert.isFalse(yield* cache.has("k"))
        yield* cache.set("k", "w")
        assert.isTrue(yield* cache.delete("k"))
        assert.isFalse(yield* cache.delete("k"))
        assert.deepStrictEqual(yield* cache.get("k"), Option.none())
        const { deletes, hits, misses, sets } = cache.stats()
        assert.deepStrictEqual({ deletes, hits, misses, sets }, { deletes: 2, hits: 2, misses: 3, sets: 2 })
      })
    )

    scenario(`set takes times of its own, over ${kind}`, (world) =>
      Effect.gen(function* () {
        const { cache, process } = yield* world.cache<string>({ cacheTtl: "1 minute", staleIfError: 7 }, wrap)
        yield* cache.set("a", "v")
        yield* cache.set("b", "v", { cacheTtl: "2 seconds", staleIfError: { seconds: 3 } })
        yield* cache.set("c", "v", { cacheTtl: (value, key) => `${value}${key}`.length * 100 })
        yield* cache.set("d", "v", { cacheTtl: Duration.infinity, staleWhileRevalidate: 9 })
        assert.deepStrictEqual(
          process.given("put").map(({ lifetime }) => lifetime),
          [
            { fresh: 60_000, stale: 7 },
            { fresh: 2000, stale: 3000 },
            { fresh: 200, stale: 7 },
            { fresh: Infinity, stale: 9 }
          ]
        )
      })
    )

    scenario(`set with nothing to keep removes what was there, and voids a load, over ${kind}`, (world) =>
      Effect.gen(function* () {
        const { cache, process } = yield* world.cache<string>({}, wrap)
        yield* cache.set("k", "old")
        yield* cache.set("k", "new", { cacheTtl: 0 })
        assert.isFalse(yield* cache.has("k"))
        assert.isTrue(process.given("put").every(({ lifetime }) => lifetime.fresh + lifetime.stale > 0))
        const caller = yield* begin(cache.getOrSet("k", new Origin().gives(100)))
        yield* cache.set("k", "none", { cacheTtl: 0 })
        yield* advance(100)
        assert.strictEqual((yield* Fiber.join(caller)).meta.uncached, "lost")
      })
    )

    scenario(`a set or delete during a load wins, over ${kind}`, (world) =>
      Effect.gen(function* () {
        const { cache } = yield* world.cache<string>({}, wrap)
        const origin = new Origin()
        const caller = yield* begin(cache.getOrSet("k", origin.gives(100)))
        yield* cache.set("k", "set")
        yield* advance(100)
        assert.deepStrictEqual((yield* Fiber.join(caller)).meta.uncached, "lost")
        assert.deepStrictEqual(yield* cache.get("k"), Option.some("set"))
        yield* cache.delete("k")
        const second = yield* begin(cache.getOrSet("k", origin.gives(100)))
        assert.isFalse(yield* cache.delete("k"))
        yield* advance(100)
        assert.strictEqual((yield* Fiber.join(second)).meta.uncached, "lost")
        yield* advance(10_000)
        assert.isFalse(yield* cache.has("k"))
      })
    )

    scenario(
      `a caller that asks after a set or delete of this process gets no load that began before it, over ${kind}`,
      (world) =>
        Effect.gen(function* () {
          const { cache } = yield* world.cache<string>({}, wrap)
          const origin = new Origin()
          const before = yield* begin(cache.getOrSet("k", origin.gives(100)))
          yield* cache.set("k", "set")
          const afterSet = yield* begin(cache.getOrSet("k", origin.gives(100)))
          yield* advance(100)
          assert.strictEqual((yield* Fiber.join(before)).value, "v1")
          assert.deepInclude(yield* Fiber.join(afterSet), { value: "set" })
          yield* cache.delete("k")
          const again = yield* begin(cache.getOrSet("k", origin.gives(100)))
          yield* advance(50)
          yield* cache.delete("k")
          const afterDelete = yield* beginMany(10, () => cache.getOrSet("k", origin.gives(100)))
          yield* advance(200)
          assert.strictEqual((yield* Fiber.join(again)).value, "v2")
          for (const { value } of yield* joinAll(afterDelete)) assert.strictEqual(value, "v3")
          assert.strictEqual(origin.calls, 3)
          assert.deepStrictEqual(yield* cache.get("k"), Option.some("v3"))
        })
    )
  }

  for (const [fault, phase] of [
    ["reject", "for good"],
    ["fail", "for now"]
  ] as ReadonlyArray<readonly [Fault, string]>) {
    scenario(`a failure ${phase} is a typed error with key, phase, adapter and cause`, (world) =>
      Effect.gen(function* () {
        const always = () => fault
        const cases: ReadonlyArray<
          readonly [
            (cache: Cache.Cache<string>) => Effect.Effect<unknown, CacheLockingError>,
            string,
            "read" | "put" | "delete"
          ]
        > = [
          [(cache) => cache.get("k"), "CACHE_GET_FAILED", "read"],
          [(cache) => cache.has("k"), "CACHE_GET_FAILED", "read"],
          [(cache) => cache.explain("k"), "CACHE_GET_FAILED", "read"],
          [(cache) => cache.set("k", "v"), "CACHE_SET_FAILED", "put"],
          [(cache) => cache.delete("k"), "CACHE_DELETE_FAILED", "delete"]
        ]
        for (const [call, tag, phase] of cases) {
          // Each over a store of its own, which would be down after a few of them.
          const { cache } = yield* world.cache<string>({}, (adapter) =>
            faulty(remote(adapter), { read: always, put: always, delete: always })
          )
          const error = yield* Effect.flip(call(cache))
          assert.strictEqual(error._tag, tag)
          assert.deepStrictEqual(error.context, { key: "k", phase, adapter: "memory" })
          assert.deepStrictEqual(error.cause, down(phase, fault === "fail" ? "Unavailable" : "Rejected"))
          assert.strictEqual(error.message, "the store is down")
          assert.strictEqual(cache.stats().adapterErrors, 1)
        }
      })
    )
  }

  scenario("a set that cannot be encoded, or is too big, fails and changes nothing", (world) =>
    Effect.gen(function* () {
      const { cache, process } = yield* world.cache<any>({}, (adapter) => ({
        ...remote(adapter),
        limits: { ...adapter.limits, valueBytes: 100 }
      }))
      yield* cache.set("k", "old")
      const encoding = yield* Effect.flip(cache.set("k", { password: () => "hunter2" }))
      assert.strictEqual(encoding._tag, "ENCODE_FAILED")
      const size = yield* Effect.flip(cache.set("k", "x".repeat(200)))
      assert.deepInclude(size, { _tag: "LIMIT_EXCEEDED", limit: "valueBytes", max: 100 })
      assert.notInclude(JSON.stringify([encoding, size]), "hunter2")
      assert.notInclude(JSON.stringify([encoding, size]), "xxx")
      assert.strictEqual(process.count("put"), 1)
      assert.deepStrictEqual(yield* cache.get("k"), Option.some("old"))
      assert.strictEqual(cache.stats().sets, 1)
    })
  )

  scenario("get is not taken for a load, and does not wait for one", (world) =>
    Effect.gen(function* () {
      const { cache, process } = yield* world.cache({}, remote)
      const caller = yield* begin(cache.getOrSet("k", new Origin().gives(100)))
      assert.deepStrictEqual(yield* cache.get("k"), Option.none())
      assert.isFalse(yield* cache.has("k"))
      assert.deepStrictEqual(process.verbs, ["acquire", "read", "read"])
      yield* advance(100)
      yield* Fiber.join(caller)
    })
  )
})

describe("explain", () => {
  for (const [kind, wrap] of kinds) {
    scenario(`reports the state of a key and changes nothing, over ${kind}`, (world) =>
      Effect.gen(function* () {
        const { cache, process } = yield* world.cache(
          { cacheTtl: 1000, staleIfError: 500, cooldown: 200, ownerId: "me" },
          wrap
        )
        const nothing = {
          key: "k",
          state: "absent" as const,
          age: undefined,
          freshFor: 0,
          keptFor: 0,
          holder: undefined,
          leaseEndsIn: undefined,
          coolingFor: undefined,
          bypassFor: undefined,
          waitersHere: 0
        }
        assert.deepStrictEqual(yield* cache.explain("k"), nothing)
        yield* Effect.exit(cache.getOrSet("k", new Origin().breaks()))
        yield* advance(50)
        assert.deepStrictEqual(yield* cache.explain("k"), { ...nothing, coolingFor: 150 })
        yield* advance(150)
        const caller = yield* begin(cache.getOrSet("k", new Origin().gives(100)))
        yield* advance(40)
        const loading = yield* cache.explain("k")
        assert.match(loading.holder!, /^me:/)
        assert.deepStrictEqual(loading, { ...nothing, holder: loading.holder, leaseEndsIn: 14_960, waitersHere: 1 })
        yield* advance(60)
        yield* Fiber.join(caller)
        yield* advance(300)
        assert.deepStrictEqual(yield* cache.explain("k"), {
          ...nothing,
          state: "fresh",
          age: 300,
          freshFor: 700,
          keptFor: 1200
        })
        yield* advance(800)
        assert.deepStrictEqual(yield* cache.explain("k"), {
          ...nothing,
          state: "stale",
          age: 1100,
          freshFor: 0,
          keptFor: 400
        })
        yield* advance(400)
        assert.deepStrictEqual(yield* cache.explain("k"), nothing)
        assert.strictEqual(process.count("read"), 6)
        const { hits, misses } = cache.stats()
        assert.deepStrictEqual({ hits, misses }, { hits: 0, misses: 1 })
      })
    )
  }
})

describe("refresh", () => {
  for (const [kind, wrap] of kinds) {
    scenario(`loads though the value is fresh, over ${kind}`, (world) =>
      Effect.gen(function* () {
        const { cache, process } = yield* world.cache({}, wrap)
        const origin = new Origin()
        yield* cache.set("k", "old")
        const { meta, value } = yield* cache.refresh("k", origin.gives())
        assert.deepStrictEqual([value, meta.cache], ["v1", "MISS-LEADER"])
        assert.deepStrictEqual(yield* cache.get("k"), Option.some("v1"))
        assert.isTrue(process.given("acquire")[0].force)
      })
    )

    scenario(`leaves the old value to everyone else while it loads, over ${kind}`, (world) =>
      Effect.gen(function* () {
        const { cache } = yield* world.cache({}, wrap)
        const other = yield* world.cache({}, wrap)
        const origin = new Origin()
        yield* cache.set("k", "old")
        const refresh = yield* begin(cache.refresh("k", origin.gives(100)))
        for (const each of [cache, other.cache]) {
          assert.deepInclude(yield* each.getOrSet("k", origin.gives()), { value: "old" })
          assert.deepStrictEqual(yield* each.get("k"), Option.some("old"))
        }
        yield* advance(100)
        yield* Fiber.join(refresh)
        assert.deepInclude(yield* other.cache.getOrSet("k", origin.gives()), { value: "v1" })
        assert.strictEqual(origin.calls, 1)
      })
    )

    scenario(`that fails leaves the old value, and only its callers get the failure, over ${kind}`, (world) =>
      Effect.gen(function* () {
        const { cache } = yield* world.cache({ staleIfError: 9000 }, wrap)
        const origin = new Origin()
        yield* cache.set("k", "old")
        const refresh = yield* begin(Effect.flip(cache.refresh("k", origin.breaks(100))))
        const reader = yield* begin(cache.getOrSet("k", origin.gives()))
        yield* advance(100)
        assert.instanceOf(yield* Fiber.join(refresh), Broken)
        assert.deepInclude(yield* Fiber.join(reader), { value: "old" })
        assert.deepInclude(yield* cache.getOrSet("k", origin.gives()), { value: "old" })
      })
    )

    scenario(`coalesces with refreshes under way, over ${kind}`, (world) =>
      Effect.gen(function* () {
        const { cache } = yield* world.cache({}, wrap)
        const origin = new Origin()
        yield* cache.set("k", "old")
        const callers = yield* beginMany(100, () => cache.refresh("k", origin.gives(100)))
        yield* advance(100)
        const answers = yield* joinAll(callers)
        assert.isTrue(answers.every(({ value }) => value === "v1"))
        assert.strictEqual(answers[1]!.meta.cache, "MISS-FOLLOWER-HIT")
        assert.strictEqual(origin.calls, 1)
      })
    )

    scenario(`is never overwritten by a load that began before it, over ${kind}`, (world) =>
      Effect.gen(function* () {
        const a = yield* world.cache({}, wrap)
        const b = yield* world.cache({}, wrap)
        const origin = new Origin()
        const oldest = yield* begin(a.cache.getOrSet("k", origin.gives(300)))
        const refresh = yield* begin(a.cache.refresh("k", origin.gives(100)))
        const elsewhere = yield* begin(b.cache.refresh("k", origin.gives(50)))
        yield* advance(50)
        assert.strictEqual((yield* Fiber.join(elsewhere)).meta.cache, "MISS-LEADER")
        yield* advance(250)
        assert.strictEqual((yield* Fiber.join(refresh)).meta.uncached, "lost")
        assert.strictEqual((yield* Fiber.join(oldest)).meta.uncached, "lost")
        for (const { cache } of [a, b]) assert.deepStrictEqual(yield* cache.get("k"), Option.some("v3"))
      })
    )

    scenario(`of a key without another load makes getOrSet wait for it, over ${kind}`, (world) =>
      Effect.gen(function* () {
        const { cache } = yield* world.cache({}, wrap)
        const origin = new Origin()
        const refresh = yield* begin(cache.refresh("k", origin.gives(100)))
        const reader = yield* begin(cache.getOrSet("k", origin.gives(100)))
        yield* advance(100)
        assert.deepInclude(yield* Fiber.join(refresh), { value: "v1" })
        assert.deepInclude(yield* Fiber.join(reader), { value: "v1" })
        assert.strictEqual(origin.calls, 1)
      })
    )
  }

  scenario("loads at once though the key cools down or another leads", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache({ cooldown: 60_000 }, remote)
      const origin = new Origin()
      yield* Effect.exit(cache.getOrSet("cooling", origin.breaks()))
      assert.deepInclude(yield* cache.refresh("cooling", origin.gives()), { value: "v2" })
      const token = yield* world.crash("led", 60_000)
      assert.deepInclude(yield* cache.refresh("led", origin.gives()), { value: "v3" })
      assert.isFalse(
        yield* world.store.fill("led", { token, value: bytesOf("late"), lifetime: { fresh: 9, stale: 0 } })
      )
    })
  )

  scenario("by a lost reply is asked again and leads", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache({}, (adapter) => faulty(remote(adapter), { acquire: ["lose"] }))
      assert.strictEqual((yield* cache.refresh("k", () => Effect.succeed("v"))).meta.cache, "MISS-LEADER")
    })
  )

  scenario("whose caller leaves ends, and the old value stays", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache({}, remote)
      yield* cache.set("k", "old")
      const origin = new Origin()
      const refresh = yield* begin(cache.refresh("k", origin.gives(100)))
      yield* Fiber.interrupt(refresh)
      yield* flush
      assert.strictEqual(origin.interrupted, 1)
      assert.isUndefined((yield* world.store.read("k")).lease)
      assert.deepStrictEqual(yield* cache.get("k"), Option.some("old"))
    })
  )

  scenario('whose lease is lost with "interrupt" does not force a second time', (world) =>
    Effect.gen(function* () {
      const { cache, process } = yield* world.cache({ leaseTtl: 300, onLeaseLost: "interrupt" }, remote)
      const other = yield* world.cache({}, remote)
      const origin = new Origin()
      yield* cache.set("k", "old")
      const refresh = yield* begin(cache.refresh("k", origin.gives(1000)))
      yield* advance(50)
      yield* other.cache.refresh("k", () => Effect.succeed("newer"))
      yield* advance(50)
      assert.deepInclude(yield* Fiber.join(refresh), { value: "newer" })
      assert.deepStrictEqual(
        process.given("acquire").map(({ force }) => force),
        [true, false]
      )
    })
  )
})

describe("make", () => {
  const windows = { cacheTtl: 1000, staleWhileRevalidate: 60_000 }

  scenario("closing ends background loads and gives their leases back before the adapter is closed", (world) =>
    Effect.gen(function* () {
      // Not one of the world's, for that looks at its flights by a cache of its own.
      const process = new Recorded(slow(remote(world.store), 20))
      const scope = yield* Scope.make()
      const cache = yield* Scope.provide(Cache.make<string>({ adapter: process.adapter, ...windows }), scope)
      const origin = new Origin()
      yield* begin(cache.set("k", "old"))
      yield* advance(2000)
      const caller = yield* begin(cache.getOrSet("k", origin.gives(10_000)))
      yield* advance(20)
      assert.strictEqual((yield* Fiber.join(caller)).meta.cache, "STALE")
      assert.strictEqual(origin.running, 1)
      const closing = yield* begin(Scope.close(scope, Exit.void))
      yield* advance(100)
      assert.isFalse(waits(closing))
      assert.deepStrictEqual([origin.calls, origin.interrupted], [1, 1])
      assert.isUndefined((yield* world.store.read("k")).lease)
      assert.deepStrictEqual(process.verbs, ["put", "acquire", "abandon", "close"])
    })
  )

  scenario("closing ends a background load that has only asked so far", (world) =>
    Effect.gen(function* () {
      const { adapter, verbs } = world.process((inner) => slow(remote(inner), 20))
      const scope = yield* Scope.make()
      const cache = yield* Scope.provide(
        Cache.make<string>({ adapter, cacheTtl: 1000, earlyRefresh: { beta: 1e9 } }),
        scope
      )
      const origin = new Origin()
      yield* begin(cache.getOrSet("k", origin.gives(100)))
      yield* advance(500)
      yield* begin(cache.getOrSet("k", origin.gives(100)))
      // The hit is here; the early refresh behind it has just asked.
      yield* advance(25)
      assert.deepStrictEqual(verbs, ["acquire", "fill", "acquire", "acquire"])
      yield* begin(Scope.close(scope, Exit.void))
      yield* advance(1000)
      assert.strictEqual(origin.calls, 1)
      assert.strictEqual(verbs.filter((verb) => verb === "fill").length, 1)
      assert.isUndefined((yield* world.store.read("k")).lease)
    })
  )

  scenario("closing still answers the waiters: the load goes on for them", (world) =>
    Effect.gen(function* () {
      const { adapter } = world.process(remote)
      const origin = new Origin()
      const scope = yield* Scope.make()
      const cache = yield* Scope.provide(Cache.make<string>({ adapter }), scope)
      const waiting = yield* begin(cache.getOrSet("k", origin.gives(100)))
      const closing = yield* begin(Scope.close(scope, Exit.void))
      assert.strictEqual((yield* Effect.flip(cache.get("k")))._tag, "CACHE_CLOSED")
      yield* advance(99)
      assert.deepStrictEqual([waits(waiting), waits(closing)], [true, true])
      yield* advance(1)
      assert.deepInclude(yield* Fiber.join(waiting), { value: "v1" })
      assert.isFalse(waits(closing))
    })
  )

  scenario("closing ends what takes too long: callers fail with CACHE_CLOSED, and no lease stays", (world) =>
    Effect.gen(function* () {
      const process = new Recorded(remote(world.store))
      const cache = yield* Cache.make<string>({ adapter: process.adapter })
      const origin = new Origin()
      const callers = yield* beginMany(3, () => cache.getOrSet("k", origin.gives(3_600_000)))
      const closing = yield* begin(cache.close())
      yield* advance(3999)
      assert.deepStrictEqual([waits(callers[0]!), origin.interrupted], [true, 0])
      yield* advance(1)
      for (const caller of callers) assert.strictEqual((yield* Effect.flip(Fiber.join(caller)))._tag, "CACHE_CLOSED")
      assert.isFalse(waits(closing))
      assert.deepStrictEqual([origin.calls, origin.interrupted], [1, 1])
      assert.isUndefined((yield* world.store.read("k")).lease)
      assert.deepStrictEqual(process.verbs.slice(-2), ["abandon", "close"])
    })
  )

  for (const within of [undefined, 200] as const) {
    const ends = within === undefined ? "at once" : "after the time given"
    scenario(`closing ends a caller that waits for another process ${ends}`, (world) =>
      Effect.gen(function* () {
        yield* world.crash("k", 60_000)
        const process = world.process(remote)
        const cache = yield* Cache.make<string>({ adapter: process.adapter, waitMax: "1 hour" })
        const origin = new Origin()
        const caller = yield* begin(cache.getOrSet("k", origin.gives()))
        const closing = yield* begin(cache.close(within === undefined ? { loads: "end" } : { within }))
        yield* advance(within === undefined ? 0 : 160)
        assert.strictEqual((yield* Effect.flip(Fiber.join(caller)))._tag, "CACHE_CLOSED")
        assert.isFalse(waits(closing))
        assert.strictEqual(origin.calls, 0)
        assert.strictEqual((yield* world.store.read("k")).lease?.owner, "crashed")
      })
    )
  }

  scenario("closing takes no longer than it may, although the store does not answer", (world) =>
    Effect.gen(function* () {
      const process = new Recorded(faulty(world.store, { abandon: () => "hang" }))
      const cache = yield* Cache.make<string>({ adapter: process.adapter })
      const caller = yield* begin(cache.getOrSet("k", new Origin().gives(3_600_000)))
      const closing = yield* begin(cache.close({ loads: "end", within: 700 }))
      assert.strictEqual((yield* Effect.flip(Fiber.join(caller)))._tag, "CACHE_CLOSED")
      yield* advance(699)
      assert.deepStrictEqual([waits(closing), process.count("close")], [true, 0])
      yield* advance(1)
      assert.deepStrictEqual([waits(closing), process.count("close")], [false, 1])
    })
  )

  scenario("a second close waits for the same end, and may bring it about sooner", (world) =>
    Effect.gen(function* () {
      const process = new Recorded(world.store)
      const cache = yield* Cache.make<string>({ adapter: process.adapter })
      const caller = yield* begin(cache.getOrSet("k", new Origin().gives(3_600_000)))
      const first = yield* begin(cache.close())
      const second = yield* begin(cache.close({ within: 0 }))
      yield* advance(1000)
      assert.deepStrictEqual([waits(first), waits(second), waits(caller)], [true, true, true])
      yield* begin(cache.close({ loads: "end" }))
      assert.deepStrictEqual([waits(first), waits(second), waits(caller)], [false, false, false])
      assert.strictEqual(process.count("close"), 1)
    })
  )

  scenario("closing a cache leaves another's callers of a shared load alone", (world) =>
    Effect.gen(function* () {
      const process = world.process(remote)
      const first = yield* Cache.make<string>({ adapter: process.adapter })
      const second = yield* Cache.make<string>({ adapter: process.adapter })
      const origin = new Origin()
      const ours = yield* begin(first.getOrSet("k", origin.gives(100)))
      const theirs = yield* begin(second.getOrSet("k", origin.gives(100)))
      yield* first.close({ loads: "end" })
      assert.strictEqual((yield* Effect.flip(Fiber.join(ours)))._tag, "CACHE_CLOSED")
      assert.isTrue(waits(theirs))
      yield* advance(100)
      assert.deepInclude(yield* Fiber.join(theirs), { value: "v1" })
      assert.strictEqual(origin.calls, 1)
    })
  )

  scenario("refuses options of close that are none, and closes nothing then", (world) =>
    Effect.gen(function* () {
      const cache = yield* Cache.make<string>({ adapter: world.process().adapter })
      for (const options of [{ loads: "kill" }, { within: -1 }, { wihtin: 5 }]) {
        assert.strictEqual((yield* Effect.flip(cache.close(options as {})))._tag, "INVALID_OPTION")
      }
      yield* cache.set("k", "v")
    })
  )

  scenario("closes the adapter only with its last user, and again when it is used again", (world) =>
    Effect.gen(function* () {
      // Not one of the world's, for that looks at its flights by a cache of its own.
      const process = new Recorded(world.store)
      const first = Cache.makeUnsafe<string>({ adapter: process.adapter })
      const second = Cache.makeUnsafe<string>({ adapter: process.adapter })
      yield* first.close()
      yield* first.close()
      assert.strictEqual(process.count("close"), 0)
      yield* second.close()
      assert.strictEqual(process.count("close"), 1)
      yield* second.close()
      assert.strictEqual(process.count("close"), 1)
      yield* Effect.scoped(Cache.make<string>({ adapter: process.adapter }))
      assert.strictEqual(process.count("close"), 2)
    })
  )

  scenario("adapters of one identity are closed together", (world) =>
    Effect.gen(function* () {
      const process = new Recorded(world.store)
      const first = Cache.makeUnsafe<string>({ adapter: process.adapter })
      const second = Cache.makeUnsafe<string>({ adapter: { ...process.adapter } })
      yield* first.close()
      assert.strictEqual(process.count("close"), 0)
      yield* second.close()
      assert.strictEqual(process.count("close"), 1)
    })
  )

  scenario("after closing every method fails with CACHE_CLOSED and asks nothing", (world) =>
    Effect.gen(function* () {
      const process = world.process()
      const cache = yield* Effect.scoped(
        Effect.tap(Cache.make<string>({ adapter: process.adapter }), (cache) => cache.set("k", "v"))
      )
      const asked = process.verbs.length
      for (const effect of [
        cache.get("k"),
        cache.has("k"),
        cache.set("k", "v"),
        cache.delete("k"),
        cache.explain("k"),
        cache.getOrSet("k", () => Effect.succeed("v")),
        cache.getOrSet("k", () => Effect.succeed("v"), { cacheTtl: 5 }),
        cache.refresh("k", () => Effect.succeed("v"))
      ] as ReadonlyArray<Effect.Effect<unknown, CacheLockingError>>) {
        const error = yield* Effect.flip(effect)
        assert.strictEqual(error._tag, "CACHE_CLOSED")
        assert.deepInclude(error.context, { key: "k", phase: "close" })
      }
      assert.strictEqual(process.verbs.length, asked)
      assert.strictEqual(cache.stats().sets, 1)
    })
  )

  it.effect("takes an adapter from a tag, a layer, or any effect", () =>
    Effect.gen(function* () {
      const fromTag = yield* Effect.scoped(
        Effect.flatMap(Cache.make<string, never, never, never, Adapter>({ adapter: Adapter }), (cache) =>
          cache.getOrSet("k", () => Effect.succeed("v"))
        )
      ).pipe(Effect.provide(MemoryAdapter.layer()))
      assert.strictEqual(fromTag.value, "v")
      const failing = Cache.make({ adapter: Effect.fail("no adapter") })
      assert.strictEqual(yield* Effect.flip(Effect.scoped(failing)), "no adapter")
      const wrong = Cache.make<string>({ adapter: Effect.succeed({} as Adapter) })
      assert.strictEqual((yield* Effect.flip(Effect.scoped(wrong)))._tag, "INVALID_OPTION")
    })
  )

  it.effect("as a layer gives a service, closed with the layer", () =>
    Effect.gen(function* () {
      class Users extends Context.Service<Users, Cache.Cache<string>>()("test/Users") {}
      const process = new Recorded(MemoryAdapter.make())
      const layer = Cache.layer(Users, { adapter: process.adapter, cacheTtl: "1 minute" })
      const answer = yield* Effect.flatMap(Users, (users) => users.getOrSet("k", () => Effect.succeed("v"))).pipe(
        Effect.provide(layer)
      )
      assert.strictEqual(answer.value, "v")
      assert.deepStrictEqual(process.verbs, ["acquire", "fill", "close"])
      const over = Cache.layer(Users, { adapter: Adapter }).pipe(Layer.provide(MemoryAdapter.layer()))
      assert.deepStrictEqual(
        yield* Effect.flatMap(Users, (users) => users.get("k")).pipe(Effect.provide(over)),
        Option.none()
      )
    })
  )
})

describe("the one call", () => {
  scenario("answers like a cache does, with all of its options", (world) =>
    Effect.gen(function* () {
      const { adapter, verbs } = world.process(remote)
      const seen: Array<string> = []
      const ask = Cache.getOrSet<string>({
        adapter,
        key: "k",
        fetcher: ({ key }) => Effect.succeed(`of ${key}`),
        cacheTtl: "1 minute",
        staleWhileRevalidate: "1 minute",
        staleIfError: "1 minute",
        shouldCache: (value) => value.length > 0,
        leaseTtl: "10 seconds",
        waitMax: "1 second",
        waitStep: 20,
        waitStrategy: ({ attempt }) => attempt * 10,
        onWaitTimeout: "fail",
        cooldown: 5,
        onCooling: "fail",
        onAdapterError: "fetch",
        onLeaseLost: "interrupt",
        ownerId: "me",
        codec: Codec.default,
        failureCodec: Codec.default,
        signal: new AbortController().signal,
        hooks: {
          onHit: () => Effect.sync(() => seen.push("hit")),
          onLeader: () => Effect.sync(() => seen.push("leader"))
        }
      })
      assert.deepStrictEqual(yield* ask, { value: "of k", meta: { cache: "MISS-LEADER", leaseUntil: 10_000 } })
      assert.deepStrictEqual(yield* ask, { value: "of k", meta: { cache: "HIT", age: 0, freshFor: 60_000 } })
      assert.deepStrictEqual(seen, ["leader", "hit"])
      assert.deepStrictEqual(verbs, ["acquire", "fill", "acquire"])
    })
  )

  scenario("runs anew each time the effect is run", (world) =>
    Effect.gen(function* () {
      const { adapter } = world.process(remote)
      const origin = new Origin()
      const ask = Cache.getOrSet({ adapter, key: "k", fetcher: origin.gives(), cacheTtl: 100 })
      yield* ask
      yield* advance(100)
      assert.deepInclude(yield* ask, { value: "v2" })
    })
  )

  it.effect('"memory" is one cache for the whole process', () =>
    Effect.gen(function* () {
      const key = "Cache.test: one"
      const one = yield* Cache.getOrSet({ adapter: "memory", key, fetcher: () => Effect.succeed("v"), cacheTtl: 1000 })
      const two = yield* Cache.getOrSet({ adapter: "memory", key, fetcher: () => Effect.succeed("w") })
      assert.deepStrictEqual([one.meta.cache, two.meta.cache, two.value], ["MISS-LEADER", "HIT", "v"])
      assert.strictEqual(MemoryAdapter.processWide(), MemoryAdapter.processWide())
    })
  )

  it("keeps nothing of a codec or an adapter that nobody else keeps", async () => {
    setFlagsFromString("--expose-gc")
    const gc = runInNewContext("gc") as () => void
    const once = async (): Promise<ReadonlyArray<WeakRef<object>>> => {
      const codec: Codec.SyncCodec<string> = { ...Codec.string }
      await Effect.runPromise(
        Cache.getOrSet({ adapter: "memory", key: "gc", fetcher: () => Effect.succeed("v"), cacheTtl: 1, codec })
      )
      const adapter = MemoryAdapter.make()
      await Effect.runPromise(Cache.getOrSet({ adapter, key: "gc", fetcher: () => Effect.succeed("v") }))
      return [new WeakRef(codec), new WeakRef(adapter)]
    }
    const [codec, adapter] = await once()
    // The value that the codec was kept with goes, too.
    await Effect.runPromise(MemoryAdapter.processWide().delete("gc"))
    for (let i = 0; i < 400 && (codec!.deref() ?? adapter!.deref()) !== undefined; i++) {
      await new Promise((resolve) => setTimeout(resolve, 5))
      gc()
    }
    assert.isUndefined(adapter!.deref(), "the adapter is kept")
    assert.isUndefined(codec!.deref(), "the codec is kept")
  })
})

describe("random histories", () => {
  /** A small random number generator, so that a seed reproduces a history. */
  const dice = (seed: number) => {
    let state = seed * 2654435761
    return (below: number): number => {
      state = (Math.imul(state ^ (state >>> 15), 2246822519) + 3266489917) >>> 0
      return Math.floor((state / 2 ** 32) * below)
    }
  }

  /** Takes time on the way there and back, and now and then fails or loses the reply. */
  const shaky = (adapter: Adapter, roll: (below: number) => number): Adapter => {
    const fault = (): Fault | undefined => [undefined, "fail", "lose"][Math.max(0, roll(40) - 37)] as Fault | undefined
    const verbs = { acquire: fault, fill: fault, abandon: fault, renew: fault, delete: fault, put: fault, read: fault }
    const late = Effect.suspend(() => Effect.sleep(roll(12)))
    const delayed: Adapter = faulty(adapter, {
      acquire: () => late,
      fill: () => late,
      abandon: () => late,
      renew: () => late,
      delete: () => late,
      put: () => late
    })
    const lossy = faulty(delayed, verbs)
    const back =
      <A extends ReadonlyArray<any>, B, E>(verb: (...args: A) => Effect.Effect<B, E>) =>
      (...args: A): Effect.Effect<B, E> =>
        Effect.tap(verb(...args), () => late)
    return { ...lossy, acquire: back(lossy.acquire), fill: back(lossy.fill), delete: back(lossy.delete) }
  }

  for (let seed = 1; seed <= 60; seed++) {
    scenario(`${seed}: nothing older than the last delete or set is ever cached, nobody waits for ever`, (world) =>
      Effect.gen(function* () {
        const roll = dice(seed)
        const processes = yield* Effect.all(
          [0, 1, 2].map(() =>
            world.cache<number>(
              {
                leaseTtl: 60 + roll(100),
                waitMax: 100 + roll(300),
                cooldown: roll(30),
                cacheTtl: 30 + roll(200),
                onLeaseLost: roll(2) === 0 ? "finish" : "interrupt",
                onWaitTimeout: (["fetch", "fail", "stale"] as const)[roll(3)]
              },
              (adapter) => shaky(remote(adapter), roll)
            )
          )
        )
        /** The versions at the origin, and the oldest that every cache may still give. */
        let version = 0
        let invalidated = 0
        const invalidatedBy = [0, 0, 0]
        // A caller that joins a request under way gets a reply that may have left the store a round trip ago.
        const known = (of: number) =>
          Effect.delay(
            Effect.sync(() => (invalidated = Math.max(invalidated, of))),
            30
          )
        const wrong: Array<string> = []
        const fetcher = () =>
          Effect.suspend(() => {
            const seen = version
            return Effect.andThen(
              Effect.sleep(roll(150)),
              roll(10) === 0 ? Effect.fail("origin") : roll(20) === 0 ? Effect.die("bug") : Effect.succeed(seen)
            )
          })
        const ask = (p: number) =>
          Effect.suspend(() => {
            const everywhere = invalidated
            const here = invalidatedBy[p]!
            const { cache } = processes[p]!
            const asked = roll(6) === 0 ? cache.refresh("k", fetcher) : cache.getOrSet("k", fetcher)
            return Effect.map(asked, ({ meta, value }) => {
              const cached = meta.cache === "HIT" || (meta.cache === "MISS-LEADER" && meta.uncached === undefined)
              if (cached && value < everywhere) wrong.push(`${meta.cache} gives ${value} after ${everywhere}`)
              if (value < here) wrong.push(`${meta.cache} gives ${value} after this process wrote ${here}`)
            })
          })
        const invalidate = (p: number) =>
          Effect.suspend(() => {
            const written = ++version
            const { cache } = processes[p]!
            const done = roll(3) === 0 ? cache.set("k", written) : cache.delete("k")
            return Effect.flatMap(done as Effect.Effect<unknown, CacheLockingError>, () => {
              invalidatedBy[p] = Math.max(invalidatedBy[p]!, written)
              return Effect.forkDetach(known(written))
            })
          })
        const calls: Array<Fiber.Fiber<unknown, unknown>> = []
        // One writer at a time, as one row of a database has; readers as they come.
        const writer = yield* Effect.forkChild(
          Effect.forEach(
            Array.from({ length: 15 }),
            () => Effect.andThen(Effect.sleep(20 + roll(120)), Effect.exit(Effect.suspend(() => invalidate(roll(3))))),
            { discard: true }
          )
        )
        for (let step = 0; step < 80; step++) {
          calls.push(yield* Effect.forkChild(Effect.exit(ask(roll(3)))))
          if (roll(6) === 0) yield* Effect.forkChild(Fiber.interrupt(calls[roll(calls.length)]!))
          yield* advance(roll(40))
        }
        yield* advance(10_000)
        assert.deepStrictEqual(wrong, [])
        assert.isFalse(waits(writer))
        assert.isTrue(calls.every((call) => !waits(call)))
        const { cooling, lease } = yield* world.store.read("k")
        assert.deepStrictEqual([lease, cooling], [undefined, undefined])
      })
    )
  }
})

describe("invalid options", () => {
  const good = { adapter: MemoryAdapter.make() }
  const bad: ReadonlyArray<readonly [option: string, value: unknown, accepted: RegExp]> = [
    ["cacheTtl", -1, /0 or more/],
    ["cacheTtl", Number.NaN, /duration/],
    ["cacheTtl", "soon", /duration/],
    ["cacheTtl", null, /duration/],
    ["cacheTtl", true, /duration/],
    ["staleWhileRevalidate", -1, /0 or more/],
    ["staleIfError", "later", /duration/],
    ["leaseTtl", 0, /at least 10 ms/],
    ["leaseTtl", 9, /at least 10 ms/],
    ["leaseTtl", Infinity, /finite/],
    ["waitMax", -5, /0 or more/],
    ["waitStep", 0, /at least 1 ms/],
    ["waitStep", Infinity, /finite/],
    ["cooldown", -1, /0 or more/],
    ["cooldown", Infinity, /finite/],
    ["waitStrategy", 5, /WaitStrategy/],
    ["waitStrategy", {}, /WaitStrategy/],
    ["waitStrategy", null, /WaitStrategy/],
    ["shouldCache", true, /function/],
    ["onWaitTimeout", "wait", /"fetch", "stale", "fail"/],
    ["onCooling", "stale", /"wait", "fail", "fetch"/],
    ["onAdapterError", "ignore", /"fail", "fetch"/],
    ["onLeaseLost", "die", /"finish", "interrupt"/],
    ["ownerId", 7, /string/],
    ["hooks", 5, /object/],
    ["hooks", null, /object/],
    ["hooks.onHit", 5, /function/],
    ["hooks.onMiss", () => Effect.void, /onHit/],
    ["waitmax", 5, /waitMax/],
    ["ttl", 5, /cacheTtl/]
  ]

  const given = (option: string, value: unknown): object =>
    option.startsWith("hooks.") ? { hooks: { [option.slice(6)]: value } } : { [option]: value }

  const entries: ReadonlyArray<readonly [string, (options: object) => Effect.Effect<unknown, any>]> = [
    ["make", (options) => Effect.scoped(Cache.make({ ...good, ...options }))],
    [
      "layer",
      (options) => {
        class Service extends Context.Service<Service, Cache.Cache<string>>()("test/Bad") {}
        return Effect.provide(Service, Cache.layer(Service, { ...good, ...options }))
      }
    ],
    [
      "getOrSet, once",
      (options) => Cache.getOrSet({ ...good, key: "k", fetcher: () => Effect.succeed("v"), ...options })
    ],
    [
      "getOrSet",
      (options) =>
        Effect.scoped(
          Effect.flatMap(Cache.make<string>(good), (cache) => cache.getOrSet("k", () => Effect.succeed("v"), options))
        )
    ],
    [
      "refresh",
      (options) =>
        Effect.scoped(
          Effect.flatMap(Cache.make<string>(good), (cache) => cache.refresh("k", () => Effect.succeed("v"), options))
        )
    ]
  ]

  for (const [entry, run] of entries) {
    for (const [option, value, accepted] of bad) {
      it.effect(`${entry}: ${option} ${String(value)}`, () =>
        Effect.gen(function* () {
          const error: InvalidOption = yield* Effect.flip(run(given(option, value)))
          assert.strictEqual(error._tag, "INVALID_OPTION")
          assert.strictEqual(error.option, option)
          // Objects may hold a password.
          const isObject = (typeof value === "object" && value !== null) || typeof value === "function"
          assert.isTrue(Object.is(error.value, isObject ? kindOf(value) : value))
          assert.match(error.accepted, accepted)
          // The message alone names all three.
          assert.isTrue(error.message.startsWith(`${option} `), error.message)
          assert.include(error.message, error.accepted)
          assert.strictEqual(error.context.phase, "options")
        })
      )
    }
  }

  for (const [what, run, option] of [
    ["codec", (cache: any) => Cache.make({ ...good, codec: "json" as never, ...cache }), "codec"],
    ["codec", () => Cache.make({ ...good, codec: {} as never }), "codec"],
    ["codec", () => Cache.make({ ...good, codec: null as never }), "codec"],
    ["failureCodec", () => Cache.make({ ...good, failureCodec: Codec.json as never }), "failureCodec"],
    ["name", () => Cache.make({ ...good, name: 5 as never }), "name"],
    ["adapter", () => Cache.make({ adapter: undefined as never }), "adapter"],
    ["adapter", () => Cache.make({ adapter: "redis" as never }), "adapter"],
    ["adapter", () => Cache.make({ adapter: MemoryAdapter.make as never }), "adapter"],
    ["options", () => Cache.make(undefined as never), "adapter"],
    [
      "signal, which is each call's",
      () => Cache.make({ ...good, signal: new AbortController().signal } as never),
      "signal"
    ],
    ["key, which is each call's", () => Cache.make({ ...good, key: "k" } as never), "key"]
  ] as ReadonlyArray<readonly [string, (_: unknown) => Effect.Effect<unknown, any, Scope.Scope>, string]>) {
    it.effect(`make: ${what} (${String(run).slice(-40)})`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(Effect.scoped(run({})))
        assert.deepInclude(error, { _tag: "INVALID_OPTION", option })
      })
    )
  }

  it.effect("the one call checks its own options, too", () =>
    Effect.gen(function* () {
      const fetcher = () => Effect.succeed("v")
      for (const [options, option] of [
        [{ ...good, fetcher, key: "" }, "key"],
        [{ ...good, fetcher, key: 5 }, "key"],
        [{ ...good, fetcher }, "key"],
        [{ ...good, key: "k" }, "fetcher"],
        [{ ...good, key: "k", fetcher: Effect.succeed("v") }, "fetcher"],
        [{ key: "k", fetcher }, "adapter"],
        [{ adapter: {}, key: "k", fetcher }, "adapter"],
        [{ ...good, key: "k", fetcher, signal: {} }, "signal"],
        [{ ...good, key: "k", fetcher, codec: "json" }, "codec"],
        [undefined, "options"],
        [null, "options"],
        ["k", "options"]
      ] as const) {
        const error: any = yield* Effect.flip(Cache.getOrSet(options as never))
        assert.deepInclude(error, { _tag: "INVALID_OPTION", option }, JSON.stringify(options))
      }
    })
  )

  it.effect("an invalid key, an invalid fetcher, invalid options", () =>
    Effect.gen(function* () {
      const cache = yield* Cache.make<string>({ adapter: MemoryAdapter.make() })
      const fetcher = () => Effect.succeed("v")
      for (const key of ["", 5, null, undefined, {}, ["k"], Symbol("k")] as ReadonlyArray<any>) {
        for (const effect of [
          cache.get(key),
          cache.has(key),
          cache.set(key, "v"),
          cache.delete(key),
          cache.explain(key),
          cache.getOrSet(key, fetcher),
          cache.refresh(key, fetcher)
        ] as ReadonlyArray<Effect.Effect<unknown, CacheLockingError>>) {
          const error = yield* Effect.flip(effect)
          const value = typeof key === "object" && key !== null ? kindOf(key) : key
          assert.deepInclude(error, { _tag: "INVALID_OPTION", option: "key", value })
        }
      }
      for (const none of [undefined, null, "v", Effect.succeed("v")] as ReadonlyArray<any>) {
        assert.deepInclude(yield* Effect.flip(cache.getOrSet("k", none)), { _tag: "INVALID_OPTION", option: "fetcher" })
        assert.deepInclude(yield* Effect.flip(cache.refresh("k", none)), { _tag: "INVALID_OPTION", option: "fetcher" })
      }
      for (const none of [null, 5, "x", () => 1] as ReadonlyArray<any>) {
        assert.deepInclude(yield* Effect.flip(cache.getOrSet("k", fetcher, none)), {
          _tag: "INVALID_OPTION",
          option: "options"
        })
        assert.deepInclude(yield* Effect.flip(cache.set("k", "v", none)), { _tag: "INVALID_OPTION", option: "options" })
      }
      assert.deepInclude(yield* Effect.flip(cache.set("k", "v", { waitMax: 5 } as never)), { option: "waitMax" })
      assert.deepInclude(yield* Effect.flip(cache.set("k", "v", { cacheTtl: -5 })), { option: "cacheTtl" })
      assert.deepInclude(yield* Effect.flip(cache.getOrSet("k", fetcher, { adapter: 5 } as never)), {
        option: "adapter"
      })
      assert.isFalse(yield* cache.has("k"))
    })
  )

  scenario("a set whose cacheTtl function throws fails, and sets nothing", (world) =>
    Effect.gen(function* () {
      const { cache, process } = yield* world.cache<string>({
        cacheTtl: () => {
          throw new Error("bug")
        }
      })
      const exit = yield* Effect.exit(cache.set("k", "v"))
      assert.isTrue(Exit.isFailure(exit))
      assert.deepStrictEqual(process.verbs, [])
    })
  )

  it("a message never shows the value given as adapter", () => {
    const exit = Effect.runSyncExit(Effect.scoped(Cache.make({ adapter: { password: "hunter2" } as never })))
    assert.isTrue(Exit.isFailure(exit))
    if (Exit.isFailure(exit))
      assert.notInclude(JSON.stringify(Cause.squash(exit.cause)) + Cause.pretty(exit.cause), "hunter2")
  })
})

describe("types", () => {
  class Db extends Context.Service<Db, { readonly find: (id: string) => Effect.Effect<number, "missing"> }>()(
    "test/Db"
  ) {}
  class Log extends Context.Service<Log, (line: string) => Effect.Effect<void, "log">>()("test/Log") {}
  const fetcher = () => Effect.flatMap(Db, (db) => db.find("1"))
  const onHit = (value: number) => Effect.flatMap(Log, (log) => log(`${value}`))

  it("the one call has the fetcher's errors and requirements, the hooks', and ours", () => {
    const plain = Cache.getOrSet({ adapter: "memory", key: "k", fetcher: () => Effect.succeed(1) })
    expectTypeOf(plain).toEqualTypeOf<Effect.Effect<Answer<number>, CacheLockingError>>()
    const full = Cache.getOrSet({ adapter: "memory", key: "k", fetcher, hooks: { onHit } })
    expectTypeOf(full).toEqualTypeOf<Effect.Effect<Answer<number>, CacheLockingError | "missing" | "log", Db | Log>>()
    const withCodec = Cache.getOrSet({ adapter: "memory", key: "k", fetcher, codec: Codec.json<number>() })
    expectTypeOf(withCodec).toEqualTypeOf<Effect.Effect<Answer<number>, CacheLockingError | "missing", Db>>()
    Cache.getOrSet({
      adapter: "memory",
      key: "k",
      fetcher,
      shouldCache: (value) => value > 0,
      cacheTtl: (value, key) => value + key.length
    })
    Cache.getOrSet({
      adapter: "memory",
      key: "k",
      fetcher,
      // @ts-expect-error a codec of other values
      codec: Codec.string
    })
    // @ts-expect-error no key
    Cache.getOrSet({ adapter: "memory", fetcher })
    // @ts-expect-error no such option
    Cache.getOrSet({ adapter: "memory", key: "k", fetcher, ttl: 5 })
    // @ts-expect-error no such word
    Cache.getOrSet({ adapter: "memory", key: "k", fetcher, onCooling: "ignore" })
  })

  it("patterns of keys need an adapter that lists them", () => {
    const plain = MemoryAdapter.make() as Adapter
    const sealed = Cache.make<number>({ adapter: plain })
    expectTypeOf(sealed).toEqualTypeOf<Effect.Effect<Cache.Cache<number>, InvalidOption, Scope.Scope>>()
    expectTypeOf<Cache.Cache<number>>().not.toHaveProperty("clear")
    expectTypeOf<Cache.Cache<number>>().not.toHaveProperty("invalidateWhere")
    const listed = Cache.make<number>({ adapter: MemoryAdapter.make() })
    expectTypeOf(listed).toEqualTypeOf<Effect.Effect<Cache.ListingCache<number>, InvalidOption, Scope.Scope>>()
    const tagged = Cache.make<number, never, never, never, ListingAdapter>({ adapter: ListingAdapter })
    expectTypeOf(tagged).toEqualTypeOf<
      Effect.Effect<Cache.ListingCache<number>, InvalidOption, Scope.Scope | ListingAdapter>
    >()
    expectTypeOf(Tiered.make([{}, MemoryAdapter.make()])).toEqualTypeOf<ListingAdapter>()
    expectTypeOf(Tiered.make([{}, plain])).toEqualTypeOf<Adapter>()
    class Listed extends Context.Service<Listed, Cache.ListingCache<string>>()("test/Listed") {}
    Cache.layer(Listed, { adapter: "memory" })
    // @ts-expect-error an adapter that may not list
    Cache.layer(Listed, { adapter: plain })
  })

  it("make has the adapter's errors and requirements; its methods have each call's", () => {
    const made = Cache.make<number>({ adapter: "memory" })
    expectTypeOf(made).toEqualTypeOf<Effect.Effect<Cache.ListingCache<number>, InvalidOption, Scope.Scope>>()
    const tagged = Cache.make<number, never, never, never, Adapter>({ adapter: Adapter })
    expectTypeOf(tagged).toEqualTypeOf<Effect.Effect<Cache.Cache<number>, InvalidOption, Scope.Scope | Adapter>>()
    const hooked = Cache.make({ adapter: "memory", hooks: { onHit } })
    expectTypeOf(hooked).toEqualTypeOf<
      Effect.Effect<Cache.ListingCache<number, "log", Log>, InvalidOption, Scope.Scope>
    >()
    const use = (cache: Cache.Cache<number, "log", Log>) => {
      expectTypeOf(cache.getOrSet("k", fetcher)).toEqualTypeOf<
        Effect.Effect<Answer<number>, CacheLockingError | "missing" | "log", Db | Log>
      >()
      expectTypeOf(
        cache.refresh("k", fetcher, { hooks: { onLeader: () => Effect.fail("own" as const) } })
      ).toEqualTypeOf<Effect.Effect<Answer<number>, CacheLockingError | "missing" | "log" | "own", Db | Log>>()
      expectTypeOf(cache.get("k")).toEqualTypeOf<Effect.Effect<Option.Option<number>, CacheLockingError>>()
      expectTypeOf(cache.set("k", 1)).toEqualTypeOf<Effect.Effect<void, CacheLockingError>>()
      expectTypeOf(cache.delete("k")).toEqualTypeOf<Effect.Effect<boolean, CacheLockingError>>()
      // @ts-expect-error another type of value
      cache.set("k", "text")
      // @ts-expect-error another type of value
      cache.getOrSet("k", () => Effect.succeed("text"))
      // @ts-expect-error each call of a cache has its adapter
      cache.getOrSet("k", fetcher, { adapter: "memory" })
    }
    assert.isFunction(use)
  })

  it("a layer has the tag's service, and the adapter's errors and requirements", () => {
    class Users extends Context.Service<Users, Cache.Cache<string>>()("test/TypedUsers") {}
    expectTypeOf(Cache.layer(Users, { adapter: "memory" })).toEqualTypeOf<Layer.Layer<Users, InvalidOption>>()
    expectTypeOf(Cache.layer(Users, { adapter: Adapter })).toEqualTypeOf<Layer.Layer<Users, InvalidOption, Adapter>>()
    expectTypeOf(Cache.layer(Users, { adapter: Effect.fail("no" as const) })).toEqualTypeOf<
      Layer.Layer<Users, InvalidOption | "no">
    >()
    // @ts-expect-error a service of other values
    Cache.layer(Users, { adapter: "memory", shouldCache: (value: number) => value > 0 })
  })

  it("a fetcher sees a stale value of its own type", () => {
    Cache.getOrSet<string>({
      adapter: "memory",
      key: "k",
      fetcher: ({ key, stale }) => {
        expectTypeOf(key).toEqualTypeOf<string>()
        expectTypeOf(stale?.value).toEqualTypeOf<string | undefined>()
        return Effect.succeed(stale?.value ?? "none")
      }
    })
    const use = (cache: Cache.Cache<{ readonly id: number }>) =>
      cache.getOrSet("k", ({ stale }) => {
        expectTypeOf(stale?.value).toEqualTypeOf<{ readonly id: number } | undefined>()
        return Effect.succeed({ id: 1 })
      })
    assert.isFunction(use)
  })
})
