/**
 * A cache's name is its keyspace: on every adapter, for every method, and for all that core keeps beside the values.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Cache from "../../src/Cache.ts"
import { type Adapter, AdapterError, type ChangeListener, type ListingAdapter } from "../../src/contract/Adapter.ts"
import { InvalidOption } from "../../src/contract/CacheLockingError.ts"
import * as Identity from "../../src/contract/Identity.ts"
import * as Namespace from "../../src/contract/Namespace.ts"
import { createCache } from "../../src/promise.ts"
import * as MemoryAdapter from "../../src/stores/MemoryAdapter.ts"
import * as Bus from "../../src/stores/tiered/Bus.ts"
import * as Tiered from "../../src/stores/tiered/Tiered.ts"
import { assertMembers, whole } from "../support/Members.ts"
import { Origin } from "../support/Origin.ts"
import { advance, begin, beginMany, bytesOf, joinAll, scenario, type World } from "../support/Scenario.ts"
import { asksMany, peer, remote } from "../support/Wrappers.ts"

const stored = (name: string, key: string): string => `\u0001in:${name}\u0001${key}`

const refused = (f: () => unknown): InvalidOption => {
  try {
    f()
  } catch (error) {
    if (error instanceof InvalidOption) return error
    throw error
  }
  return assert.fail("it was not refused")
}

describe("the view of a name", () => {
  it("has each member that still holds for it, of an adapter that has all", () => {
    const all = whole({ keyBytes: 100, shortestLease: 77 })
    const view = Namespace.of(all, "users")
    assertMembers(view, all, {
      name: "as it is",
      limits: "own",
      identity: "own",
      keepsReferences: "as it is",
      dropsTagged: "absent",
      acquire: "own",
      fill: "own",
      abandon: "own",
      renew: "own",
      delete: "own",
      put: "own",
      touch: "own",
      read: "own",
      watch: "own",
      keys: "own",
      changes: "own",
      acquireMany: "own",
      deleteMany: "own",
      hitUnsafe: "absent",
      valueUnsafe: "absent",
      evictions: "as it is",
      tiers: "as it is",
      pollEvery: "as it is",
      partOf: "own",
      close: "absent"
    })
    assert.deepStrictEqual(view.limits, { ...all.limits, keyBytes: 100 - stored("users", "").length })
    const { watch: _, keys: __, changes: ___, acquireMany: ____, deleteMany: _____, ...least } = all
    for (const name of ["watch", "keys", "changes", "acquireMany", "deleteMany"] as const) {
      assert.isUndefined(Namespace.of(least, "users")[name], name)
    }
  })

  it.effect("stores a key after its name, and lists and reports the bare keys of its own name only", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const store = { ...MemoryAdapter.make() }
        const [users, orders] = [Namespace.of(store, "users"), Namespace.of(store, "orders")]
        const reported: Array<string> = []
        const listener: ChangeListener = {
          changed: (key) => void reported.push(key),
          lost: () => assert.fail("lost"),
          restored: () => assert.fail("restored")
        }
        yield* users.changes!(listener)
        const write = { value: bytesOf("v"), lifetime: { fresh: 1_000, stale: 0 } }
        yield* users.put("42", write)
        yield* users.put("7", write)
        yield* orders.put("42", write)
        yield* store.put("42", write)
        assert.deepStrictEqual(reported, ["42", "7"])
        assert.deepStrictEqual((yield* Stream.runCollect(users.keys("4"))).length, 1)
        assert.deepStrictEqual([...(yield* Stream.runCollect(users.keys("")))].sort(), ["42", "7"])
        assert.deepStrictEqual([...(yield* Stream.runCollect(store.keys!("")))].sort(), [
          stored("orders", "42"),
          stored("users", "42"),
          stored("users", "7"),
          "42"
        ])
        const woken = yield* begin(yield* users.watch!("42"))
        yield* orders.delete("42")
        yield* store.delete("42")
        assert.isUndefined(woken.pollUnsafe())
        yield* users.delete("42")
        yield* Fiber.join(woken)
      })
    )
  )

  it.effect("reports a lost and restored connection", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const told: Array<string> = []
        const store: Adapter = {
          ...MemoryAdapter.make(),
          changes: (listener) =>
            Effect.sync(() => {
              listener.lost()
              listener.restored()
            })
        }
        yield* Namespace.of(store, "users").changes!({
          changed: () => assert.fail("changed"),
          lost: () => void told.push("lost"),
          restored: () => void told.push("restored")
        })
        assert.deepStrictEqual(told, ["lost", "restored"])
      })
    )
  )

  it.effect("names the bare key in the errors of every verb", () =>
    Effect.gen(function* () {
      const fails = (operation: AdapterError["operation"]) => (key: string | ReadonlyArray<string>) =>
        new AdapterError({
          adapter: "down",
          operation,
          key: typeof key === "string" ? key : key[0],
          reason: "Unavailable",
          message: "down"
        })
      const store: Adapter = {
        ...MemoryAdapter.make(),
        acquire: fails("acquire"),
        fill: fails("fill"),
        abandon: fails("abandon"),
        renew: fails("renew"),
        delete: fails("delete"),
        put: fails("put"),
        touch: fails("touch"),
        read: fails("read"),
        watch: (key) => Effect.succeed(fails("watch")(key)),
        keys: (prefix) => Stream.fail(fails("keys")(prefix)),
        acquireMany: fails("acquireMany"),
        deleteMany: fails("deleteMany")
      }
      const view = Namespace.of(store, "users")
      const token = "t" as never
      const [value, lifetime] = [bytesOf("v"), { fresh: 1, stale: 0 }]
      const asked: ReadonlyArray<Effect.Effect<unknown, AdapterError>> = [
        view.acquire("42", { owner: "o", leaseFor: 1 }),
        view.fill("42", { token, value, lifetime }),
        view.abandon("42", { token }),
        view.renew("42", { token, leaseFor: 1 }),
        view.delete("42"),
        view.put("42", { value, lifetime }),
        view.touch("42", { freshFor: 1 }),
        view.read("42"),
        Effect.scoped(Effect.flatten(view.watch!("42"))),
        Stream.runDrain(view.keys!("42")),
        view.acquireMany!(["42", "7"], { owner: "o", leaseFor: 1 }),
        view.deleteMany!(["42", "7"])
      ]
      for (const one of asked) assert.strictEqual((yield* Effect.flip(one)).key, "42")
      const cache = createCache<string>({ adapter: store, name: "users" })
      const error: any = yield* Effect.promise(() => cache.get("42").catch((error: unknown) => error))
      assert.deepInclude(error, { _tag: "CACHE_GET_FAILED" })
      assert.deepStrictEqual([error.context.key, error.cause.key], ["42", "42"])
      yield* Effect.promise(() => cache.close())
    })
  )

  it("is the same for the same adapter and name, and has one identity for the same store and name", () => {
    const store = { ...MemoryAdapter.make(), identity: {} }
    const users = Namespace.of(store, "users")
    assert.strictEqual(Namespace.of(store, "users"), users)
    assert.strictEqual(Namespace.of(store, "default"), store)
    const again = Namespace.of({ ...store }, "users")
    assert.notStrictEqual(again, users)
    assert.strictEqual(Identity.of(again), Identity.of(users))
    for (const other of [
      store,
      Namespace.of(store, "orders"),
      Namespace.of(users, "users"),
      Namespace.of(peer(store), "users")
    ])
      assert.notStrictEqual(Identity.of(other), Identity.of(users))
  })

  it("counts the name among the bytes of a key", () => {
    const limits = { ...MemoryAdapter.make().limits, keyBytes: 40 }
    const store: Adapter = { ...MemoryAdapter.make(), limits }
    // 5 bytes of the prefix besides the name.
    assert.strictEqual(Namespace.of(store, "0123456789abcde").limits.keyBytes, 20)
    assert.strictEqual(Namespace.of(store, "ééé").limits.keyBytes, 29)
    assert.strictEqual(refused(() => Namespace.of(store, "0123456789abcdef")).option, "name")
  })

  it("refuses anything that is no name", () => {
    const adapter = MemoryAdapter.make()
    for (const name of ["", 5, null, {}, "a\u0001b", "\ud800"]) {
      assert.strictEqual(refused(() => createCache({ adapter, name: name as never })).option, "name")
      assert.strictEqual(refused(() => Namespace.of(adapter, name as never)).option, "name")
    }
  })
})

/** The stores of the tests. A test gets the adapters of two processes over one store where there can be two. */
const kinds: Readonly<Record<string, (world: World) => readonly [Adapter, Adapter]>> = {
  memory: () => {
    const adapter = MemoryAdapter.make()
    return [adapter, adapter]
  },
  "a remote store": (world) => [world.process(remote).adapter, world.process(remote).adapter],
  "a remote store that is asked for many": (world) => {
    const [one, other] = [world.process(remote), world.process(remote)]
    const many = (adapter: Adapter): Adapter => ({
      ...asksMany(adapter),
      deleteMany: (keys) => Effect.map(Effect.forEach(keys, adapter.delete), (gone) => gone.filter(Boolean).length)
    })
    return [many(one.adapter), many(other.adapter)]
  },
  "a near tier": (world) => [
    Tiered.make([{}, world.process(remote).adapter]),
    Tiered.make([{}, world.process(remote).adapter])
  ],
  "a near tier with a bus": (world) => {
    const bus = Bus.inProcess()
    const make = () => Tiered.make([{}, { ...world.process(remote).adapter, changes: undefined }], { bus })
    return [make(), make()]
  },
  "a near tier over memory": () => {
    const adapter = Tiered.make([{}, MemoryAdapter.make()])
    return [adapter, adapter]
  }
}

const named = ["users", "orders", undefined] as const

/** A cache of each name in a process. All these stores list their keys. */
const open = (adapter: Adapter, tags?: Cache.Options<string>["tags"]) =>
  Effect.forEach(named, (name) =>
    Cache.make<string>({ cacheTtl: 10_000, tags, adapter: adapter as ListingAdapter, name })
  )

for (const [kind, store] of Object.entries(kinds)) {
  describe(`caches of different names over ${kind}`, () => {
    scenario("never answer the values of each other, by any method", (world) =>
      Effect.gen(function* () {
        for (const adapter of store(world)) {
          const caches = yield* open(adapter)
          yield* advance(0)
          for (const [n, cache] of caches.entries()) {
            const origin = new Origin()
            const loads = origin.load<string>(0, () => Effect.succeed(`value ${n}`))
            const ask = cache.getOrSet("42", loads)
            for (let times = 0; times < 3; times++) assert.strictEqual((yield* ask).value, `value ${n}`)
            yield* cache.getOrSetMany(["42", "43"], (keys) => Effect.succeed(keys.map((key) => [key, `many ${n}`])))
            yield* cache.refresh("44", () => Effect.succeed(`refreshed ${n}`))
            yield* cache.set("45", `set ${n}`)
          }
          for (const [n, cache] of caches.entries()) {
            const all = yield* cache.getMany(["42", "43", "44", "45"])
            assert.deepStrictEqual([...all.values()], [`value ${n}`, `many ${n}`, `refreshed ${n}`, `set ${n}`])
            assert.deepStrictEqual(yield* cache.get("42"), Option.some(`value ${n}`))
            assert.deepInclude(yield* cache.explain("42"), { key: "42", state: "fresh", holder: undefined })
          }
          for (const cache of caches) yield* cache.clear()
        }
      })
    )

    scenario("delete only their own, by key, pattern and clear", (world) =>
      Effect.gen(function* () {
        const [adapter] = store(world)
        const caches = yield* open(adapter)
        const keys = ["a:1", "a:2", "b:1", "b:2"]
        const fill = (cache: Cache.Cache<string>) =>
          Effect.forEach(keys, (key) => cache.set(key, "v"), { discard: true })
        const left = (cache: Cache.Cache<string>) => Effect.map(cache.getMany(keys), (found) => found.size)
        for (const cache of caches) yield* fill(cache)
        for (const mine of caches) {
          assert.isTrue(yield* mine.delete("a:1"))
          assert.strictEqual(yield* mine.deleteMany(["a:1", "a:2"]), 1)
          assert.strictEqual(yield* mine.invalidateWhere("b:?"), 2)
          yield* fill(mine)
          assert.strictEqual(yield* mine.clear("a:"), 2)
          assert.strictEqual(yield* mine.clear(), 2)
          assert.strictEqual(yield* left(mine), 0)
          assert.isFalse(yield* mine.has("a:1"))
          for (const cache of caches) {
            if (cache === mine) continue
            assert.strictEqual(yield* left(cache), 4)
            assert.isTrue(yield* cache.has("a:1"))
          }
          yield* fill(mine)
        }
      })
    )

    scenario("invalidate only their own tags, given and derived, of values and loads", (world) =>
      Effect.gen(function* () {
        const [adapter] = store(world)
        for (const tags of [["t"], () => ["t"]]) {
          const caches = yield* open(adapter, tags)
          for (const cache of caches) yield* cache.set("k", "v")
          for (const mine of caches) {
            const origin = new Origin()
            const loads = yield* Effect.forEach(caches, (cache) => begin(cache.getOrSet("loads", origin.gives(100))))
            yield* mine.invalidateTag("t")
            yield* advance(1_000)
            const answers = yield* joinAll(loads)
            for (const [n, cache] of caches.entries()) {
              assert.strictEqual(answers[n]!.meta.uncached, cache === mine ? "invalidated" : undefined)
              assert.strictEqual(yield* cache.has("loads"), cache !== mine)
              assert.strictEqual(yield* cache.has("k"), cache !== mine)
              yield* cache.set("k", "v")
              yield* cache.delete("loads")
            }
          }
          for (const cache of caches) yield* cache.clear()
        }
      })
    )

    scenario("share no flight and no lease, and a name's own callers share one in all processes", (world) =>
      Effect.gen(function* () {
        const [here, there] = store(world)
        const caches = [...(yield* open(here)), ...(yield* open(there))]
        const origins = named.map(() => new Origin())
        const callers = yield* beginMany(12, (n) => caches[n % 6]!.getOrSet("k", origins[n % 3]!.gives(100)))
        yield* advance(1_000)
        yield* joinAll(callers)
        assert.deepStrictEqual(
          origins.map(({ calls }) => calls),
          [1, 1, 1]
        )
      })
    )

    scenario("void only the loads of their own name", (world) =>
      Effect.gen(function* () {
        const [adapter] = store(world)
        const caches = yield* open(adapter)
        for (const mine of caches) {
          const origin = new Origin()
          const loads = yield* Effect.forEach(caches, (cache) => begin(cache.getOrSet("k", origin.gives(100))))
          yield* mine.clear()
          yield* advance(1_000)
          const answers = yield* joinAll(loads)
          for (const [n, cache] of caches.entries()) {
            assert.strictEqual(answers[n]!.meta.cache, cache === mine ? "MISS-LEADER-NOCACHE" : "MISS-LEADER")
            assert.strictEqual(yield* cache.has("k"), cache !== mine)
          }
          for (const cache of caches) yield* cache.clear()
        }
      })
    )
  })
}

describe("a local hit of a named cache", () => {
  it.effect("is found by the bare key, in memory and in a near tier, and asks nothing else", () =>
    Effect.gen(function* () {
      const tiered = Tiered.make([{}, MemoryAdapter.make()])
      for (const adapter of [MemoryAdapter.make(), tiered]) {
        yield* Effect.scoped(
          Effect.gen(function* () {
            const cache = yield* Cache.make<string>({ adapter, name: "users" })
            for (let times = 0; times < 3; times++) yield* cache.getOrSet("42", () => Effect.succeed("Ada"))
            yield* advance(0)
            yield* cache.getOrSet("42", () => Effect.succeed("Grace"))
            const store = Namespace.of(adapter, "users")
            yield* Effect.clockWith((clock) =>
              Effect.sync(() => {
                assert.isDefined(store.hitUnsafe!("42", clock))
                assert.isDefined(store.valueUnsafe!("42", clock))
                assert.isUndefined(adapter.hitUnsafe!("42", clock))
                assert.isUndefined(Namespace.of(adapter, "orders").hitUnsafe!("42", clock))
              })
            )
          })
        )
      }
    })
  )

  it.effect("of a copy with other verbs goes through those verbs", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const asked: Array<string> = []
        const memory = MemoryAdapter.make()
        const adapter: Adapter = {
          ...memory,
          acquire: (key, options) => {
            asked.push(key)
            return memory.acquire(key, options)
          }
        }
        const cache = yield* Cache.make<string>({ adapter, name: "users" })
        const origin = new Origin()
        for (let times = 0; times < 3; times++) yield* cache.getOrSet("42", origin.gives())
        assert.strictEqual(origin.calls, 1)
        assert.deepStrictEqual(asked, Array(3).fill(stored("users", "42")))
      })
    )
  )
})

it("memory: each named cache has a store of its own, and those of one name share it", async () => {
  const [users, orders, again] = ["users", "orders", "users"].map((name) =>
    createCache<string>({ adapter: "memory", name })
  )
  await users!.set("42", "Ada")
  assert.strictEqual(await orders!.getOrSet("42", async () => "a book"), "a book")
  assert.strictEqual(await orders!.clear(), 1)
  assert.strictEqual(await again!.get("42"), "Ada")
  assert.isUndefined(await createCache<string>({ adapter: "memory" }).get("42"))
  for (const cache of [users, orders, again]) await cache!.close()
})

it.effect("a call without a cache may name the keyspace, too", () =>
  Effect.scoped(
    Effect.gen(function* () {
      const adapter = MemoryAdapter.make()
      const users = yield* Cache.make<string>({ adapter, name: "users" })
      yield* users.set("42", "Ada")
      const ask = (name?: string) =>
        Effect.map(
          Cache.getOrSet({ adapter, name, key: "42", fetcher: () => Effect.succeed("loaded") }),
          (a) => a.value
        )
      assert.deepStrictEqual([yield* ask("users"), yield* ask("orders"), yield* ask()], ["Ada", "loaded", "loaded"])
    })
  )
)

it.effect("a cache without a name, and one that is called default, keep the keys as they are", () =>
  Effect.scoped(
    Effect.gen(function* () {
      const adapter = MemoryAdapter.make()
      const cache = yield* Cache.make<string>({ adapter, name: "default" })
      yield* cache.set("42", "Ada")
      assert.deepStrictEqual([...(yield* Stream.runCollect(adapter.keys("")))], ["42"])
    })
  )
)
