import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Cache from "../../src/Cache.ts"
import * as Codec from "../../src/codec/Codec.ts"
import type { Adapter } from "../../src/contract/Adapter.ts"
import type { Stats } from "../../src/stats/Stats.ts"
import * as MemoryAdapter from "../../src/stores/MemoryAdapter.ts"
import { type Fault, faulty } from "../support/Faulty.ts"
import { Origin } from "../support/Origin.ts"
import { advance, begin, beginMany, bytesOf, flush, joinAll, scenario } from "../support/Scenario.ts"
import { peer, remote, slow } from "../support/Wrappers.ts"

const totals = [
  "hits",
  "misses",
  "loads",
  "loadFailures",
  "stampedePrevented",
  "staleServed",
  "refreshesQueued",
  "refreshesLate",
  "waits",
  "fallbacks",
  "unavailable",
  "leaseLost",
  "takeovers",
  "undecodable",
  "sets",
  "deletes",
  "adapterErrors",
  "evictions"
] as const

type Moved = { readonly [N in (typeof totals)[number]]?: number } & { readonly errors?: Stats["errors"] }

/** Every total that is not 0, and the errors. */
const moved = (stats: Stats): Moved => ({
  ...Object.fromEntries(totals.filter((name) => stats[name] !== 0).map((name) => [name, stats[name]])),
  ...(Object.keys(stats.errors).length === 0 ? {} : { errors: stats.errors })
})

const always = (fault: Fault) => () => fault

const never = () => Effect.never

describe("counters", () => {
  scenario("all are zero at first", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache()
      const zero = { count: 0, mean: 0, p50: 0, p95: 0, p99: 0 }
      const stats = cache.stats()
      assert.deepStrictEqual(moved(stats), {})
      assert.strictEqual(stats.hitRate, 0)
      assert.deepStrictEqual(stats.latency, { origin: zero, store: zero })
      assert.deepStrictEqual(stats.tiers, [])
    })
  )

  for (const [kind, wrap] of [
    ["memory", undefined],
    ["a remote store", remote],
    ["a slow store", (adapter: Adapter) => slow(adapter, 10)]
  ] as const) {
    scenario(`100 concurrent hits count as 100, over ${kind}`, (world) =>
      Effect.gen(function* () {
        const { cache } = yield* world.cache<string>({}, wrap)
        const setting = yield* begin(cache.set("k", "v"))
        yield* advance(10)
        yield* Fiber.join(setting)
        const callers = yield* beginMany(100, () => cache.getOrSet("k", never))
        yield* advance(10)
        yield* joinAll(callers)
        const stats = cache.stats()
        assert.deepStrictEqual(moved(stats), { hits: 100, sets: 1 })
        assert.strictEqual(stats.hitRate, 1)
      })
    )
  }

  const events: ReadonlyArray<
    readonly [
      name: string,
      moves: Moved,
      run: (cache: Cache.ListingCache<string>) => Effect.Effect<unknown, any, any>,
      options?: Omit<Cache.Options<string>, "adapter">,
      wrap?: (adapter: Adapter) => Adapter
    ]
  > = [
    ["a load", { misses: 1, loads: 1 }, (cache) => cache.getOrSet("k", new Origin().gives())],
    ["get of nothing", { misses: 1 }, (cache) => cache.get("k")],
    ["has, explain", {}, (cache) => Effect.andThen(cache.has("k"), cache.explain("k"))],
    ["set and get", { sets: 1, hits: 1 }, (cache) => Effect.andThen(cache.set("k", "v"), cache.get("k"))],
    ["delete", { deletes: 1 }, (cache) => cache.delete("k")],
    [
      "a load that fails",
      { loads: 1, loadFailures: 1, errors: { LOAD_FAILED: 1 } },
      (cache) => Effect.flip(cache.getOrSet("k", new Origin().breaks()))
    ],
    [
      "a load that dies",
      { loads: 1, loadFailures: 1, errors: { LOAD_FAILED: 1 } },
      (cache) => Effect.exit(cache.getOrSet("k", () => Effect.die("bug")))
    ],
    [
      "a key that cools down",
      { loads: 1, loadFailures: 1, errors: { LOAD_FAILED: 1, LOAD_COOLING: 1 } },
      (cache) =>
        Effect.andThen(
          Effect.flip(cache.getOrSet("k", new Origin().breaks())),
          Effect.flip(cache.getOrSet("k", new Origin().breaks()))
        ),
      { cooldown: "1 minute", onCooling: "fail" }
    ],
    [
      "a load beyond its hard timeout",
      { loads: 1, loadFailures: 1, errors: { FETCH_TIMEOUT: 1 } },
      (cache) =>
        Effect.gen(function* () {
          const caller = yield* begin(Effect.flip(cache.getOrSet("k", never)))
          yield* advance(100)
          yield* Fiber.join(caller)
        }),
      { fetchTimeout: { hard: 100 } }
    ],
    [
      "a background load that fails",
      { sets: 1, loads: 1, loadFailures: 1, staleServed: 1, errors: { REFRESH_FAILED: 1 } },
      (cache) =>
        Effect.gen(function* () {
          yield* cache.set("k", "v")
          yield* advance(1000)
          yield* cache.getOrSet("k", new Origin().breaks())
          yield* flush
        }),
      { cacheTtl: 1000, staleWhileRevalidate: 5000 }
    ],
    [
      "two callers whose signal fires",
      { errors: { ABORTED: 2 }, loads: 1 },
      (cache) =>
        Effect.gen(function* () {
          const controller = new AbortController()
          const callers = yield* beginMany(2, () =>
            Effect.flip(cache.getOrSet("k", never, { signal: controller.signal }))
          )
          controller.abort()
          yield* flush
          yield* joinAll(callers)
        })
    ],
    [
      "a fetcher that waits for itself",
      { loads: 1, loadFailures: 1, errors: { REENTRANT_LOAD: 1, LOAD_FAILED: 1 } },
      (cache) => Effect.flip(cache.getOrSet("k", () => Effect.map(cache.getOrSet("k", never), ({ value }) => value)))
    ],
    [
      "a key beyond the limit, which is refused as an option",
      {},
      (cache) => Effect.flip(cache.getOrSet("k".repeat(20), never)),
      {},
      (adapter) => ({ ...adapter, limits: { ...adapter.limits, keyBytes: 10 } })
    ],
    [
      "a value beyond the limit",
      { misses: 1, loads: 1, errors: { LIMIT_EXCEEDED: 1 } },
      (cache) => cache.getOrSet("k", () => Effect.succeed("x".repeat(200))),
      {},
      (adapter) => ({ ...remote(adapter), limits: { ...adapter.limits, valueBytes: 100 } })
    ],
    [
      "a value that cannot be encoded",
      { misses: 1, loads: 1, errors: { ENCODE_FAILED: 1 } },
      (cache) => cache.getOrSet("k", () => Effect.succeed((() => 1) as any)),
      {},
      remote
    ],
    [
      "a store that does not answer",
      { adapterErrors: 1, errors: { CACHE_GET_FAILED: 1 } },
      (cache) => Effect.flip(cache.getOrSet("k", never)),
      {},
      (adapter) => faulty(remote(adapter), { acquire: always("fail") })
    ],
    [
      "a store that does not answer, and a load beside it",
      { adapterErrors: 1, loads: 1, misses: 1, unavailable: 1, errors: { CACHE_GET_FAILED: 1 } },
      (cache) => cache.getOrSet("k", new Origin().gives()),
      { onAdapterError: "fetch" },
      (adapter) => faulty(remote(adapter), { acquire: always("fail") })
    ],
    [
      "a store that does not answer, and a load that fails too",
      { adapterErrors: 1, loads: 1, loadFailures: 1, errors: { CACHE_GET_FAILED: 1, LOAD_FAILED: 1 } },
      (cache) => Effect.flip(cache.getOrSet("k", new Origin().breaks())),
      { onAdapterError: "fetch" },
      (adapter) => faulty(remote(adapter), { acquire: always("fail") })
    ],
    [
      "a store that cannot be filled, nor the lease given back",
      { adapterErrors: 2, loads: 1, misses: 1, errors: { CACHE_SET_FAILED: 1, LEASE_FAILED: 1 } },
      (cache) => cache.getOrSet("k", new Origin().gives()),
      {},
      (adapter) => faulty(remote(adapter), { fill: always("reject"), abandon: always("reject") })
    ],
    [
      "a store that cannot list its keys",
      { errors: { UNSUPPORTED: 1 } },
      (cache) => Effect.flip(cache.invalidateWhere({ prefix: "k" })),
      {},
      ({ keys: _, ...adapter }) => adapter
    ],
    [
      "a store that cannot be read, written, deleted from",
      {
        adapterErrors: 3,
        sets: 1,
        deletes: 1,
        errors: { CACHE_GET_FAILED: 1, CACHE_SET_FAILED: 1, CACHE_DELETE_FAILED: 1 }
      },
      (cache) =>
        Effect.all([Effect.flip(cache.get("k")), Effect.flip(cache.set("k", "v")), Effect.flip(cache.delete("k"))]),
      {},
      (adapter) => faulty(remote(adapter), { read: always("fail"), put: always("fail"), delete: always("fail") })
    ]
  ]

  for (const [name, moves, run, options, wrap] of events) {
    scenario(
      `${name}: these move, and no other`,
      (world) =>
        Effect.gen(function* () {
          const { cache } = yield* world.cache<string>(options, wrap)
          yield* run(cache) as Effect.Effect<unknown, any>
          yield* flush
          assert.deepStrictEqual(moved(cache.stats()), moves)
        }),
      { untidy: name.includes("nor the lease") }
    )
  }

  scenario("waiting too long for another process, by policy", (world) =>
    Effect.gen(function* () {
      yield* world.crash("a", 60_000)
      yield* world.crash("b", 60_000)
      const { cache } = yield* world.cache<string>({ waitMax: 100, onWaitTimeout: "fail" })
      const callers = yield* beginMany(2, () => Effect.flip(cache.getOrSet("a", never)))
      const fetched = yield* begin(cache.getOrSet("b", new Origin().gives(), { onWaitTimeout: "fetch" }))
      yield* advance(100)
      yield* joinAll(callers)
      yield* Fiber.join(fetched)
      assert.deepStrictEqual(moved(cache.stats()), {
        waits: 2,
        fallbacks: 1,
        misses: 1,
        loads: 1,
        errors: { WAIT_TIMEOUT: 2 }
      })
    })
  )

  scenario("a follower's hit, and taking over from one that crashed", (world) =>
    Effect.gen(function* () {
      const a = yield* world.cache<string>()
      const b = yield* world.cache<string>()
      const leader = yield* begin(a.cache.getOrSet("k", new Origin().gives(10)))
      const followers = yield* beginMany(3, () => b.cache.getOrSet("k", never))
      yield* advance(10)
      yield* joinAll([leader, ...followers])
      assert.deepStrictEqual(moved(a.cache.stats()), { misses: 1, loads: 1 })
      assert.deepStrictEqual(moved(b.cache.stats()), { misses: 3, waits: 1, stampedePrevented: 3 })
      yield* world.crash("x", 1000)
      const heir = yield* begin(a.cache.getOrSet("x", new Origin().gives()))
      yield* advance(1001)
      yield* Fiber.join(heir)
      assert.deepStrictEqual(moved(a.cache.stats()), { misses: 2, loads: 2, waits: 1, takeovers: 1 })
    })
  )

  scenario("a lease lost to a delete", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache<string>({}, remote)
      const caller = yield* begin(cache.getOrSet("k", new Origin().gives(10)))
      yield* cache.delete("k")
      yield* advance(10)
      yield* Fiber.join(caller)
      assert.deepStrictEqual(moved(cache.stats()), { misses: 1, loads: 1, leaseLost: 1, deletes: 1 })
    })
  )

  scenario(
    "a stored value that does not decode fails the call with onInvalid: fail, else it is loaded again",
    (world) =>
      Effect.gen(function* () {
        const other = yield* world.cache<number>({ codec: Codec.schema(Schema.Number) }, remote)
        yield* other.cache.set("k", 1)
        const strict = yield* world.cache<string>({ codec: Codec.schema(Schema.String, { onInvalid: "fail" }) }, remote)
        assert.strictEqual((yield* Effect.flip(strict.cache.getOrSet("k", never)))._tag, "DECODE_FAILED")
        assert.deepStrictEqual(moved(strict.cache.stats()), { undecodable: 1, errors: { DECODE_FAILED: 1 } })
        yield* world.store.put("k", { value: bytesOf("nonsense"), lifetime: { fresh: Infinity, stale: 0 } })
        const { cache } = yield* world.cache<string>({}, remote)
        yield* cache.getOrSet("k", new Origin().gives())
        assert.deepStrictEqual(moved(cache.stats()), {
          misses: 1,
          loads: 1,
          undecodable: 1,
          errors: { DECODE_FAILED: 1 }
        })
      })
  )

  it.effect("calls of a closed cache", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const cache = yield* Scope.provide(Cache.make<string>({ adapter: MemoryAdapter.make() }), scope)
      yield* Scope.close(scope, Exit.void)
      yield* Effect.flip(cache.getOrSet("k", never))
      yield* Effect.flip(cache.get("k"))
      assert.deepStrictEqual(moved(cache.stats()), { errors: { CACHE_CLOSED: 2 } })
    })
  )

  it.effect("evictions count evicted values, not replaced or deleted ones", () =>
    Effect.gen(function* () {
      const cache = yield* Cache.make<string>({ adapter: MemoryAdapter.make({ maxEntries: 3 }) })
      for (const key of ["a", "b", "c", "a", "b"]) yield* cache.set(key, "v")
      yield* cache.delete("c")
      assert.strictEqual(cache.stats().evictions, 0)
      for (const key of ["c", "d", "e"]) yield* cache.set(key, "v")
      assert.strictEqual(cache.stats().evictions, 2)
      const bytes = yield* Cache.make<string>({ adapter: MemoryAdapter.make({ maxBytes: 10, sizeOf: () => 4 }) })
      for (const key of ["a", "b", "c"]) yield* bytes.set(key, "v")
      assert.strictEqual(bytes.stats().evictions, 1)
    })
  )

  scenario("the tiers are those that the adapter reports", (world) =>
    Effect.gen(function* () {
      const tiers = [
        { name: "memory", hits: 3, misses: 2, evictions: 1 },
        { name: "redis", hits: 1, misses: 1, evictions: 0 }
      ]
      const { cache } = yield* world.cache<string>({}, (adapter) => ({ ...adapter, tiers: () => tiers }))
      assert.deepStrictEqual(cache.stats().tiers, tiers)
    })
  )
})

describe("latency", () => {
  scenario("of the origin: loads that succeeded, fallbacks among them; not those that failed", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache<string>()
      for (let millis = 1; millis <= 100; millis++) {
        const caller = yield* Effect.forkChild(cache.getOrSet(`k${millis}`, new Origin().gives(millis)))
        yield* advance(millis)
        yield* Fiber.join(caller)
      }
      const failing = yield* begin(Effect.flip(cache.getOrSet("broken", new Origin().breaks(5000))))
      yield* advance(5000)
      yield* Fiber.join(failing)
      const { count, mean, p50, p95, p99 } = cache.stats().latency.origin
      assert.strictEqual(count, 100)
      assert.closeTo(mean, 50.5, 1e-9)
      assert.closeTo(p50, 50, 1)
      assert.closeTo(p95, 95, 1.6)
      assert.closeTo(p99, 99, 1.6)
      yield* world.crash("k", 60_000)
      const fallback = yield* begin(cache.getOrSet("k", new Origin().gives(10), { waitMax: 1 }))
      yield* advance(2000)
      yield* Fiber.join(fallback)
      assert.strictEqual(cache.stats().latency.origin.count, 101)
    })
  )

  scenario("of the store: the first request of every fourth flight, one round trip each", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache<string>({}, (adapter) => slow(adapter, 20))
      for (let n = 0; n < 8; n++) {
        const caller = yield* begin(cache.getOrSet("k", new Origin().gives(500)))
        yield* advance(20)
        yield* advance(500)
        yield* advance(20)
        yield* Fiber.join(caller)
      }
      assert.strictEqual(cache.stats().hits, 7)
      const { count, mean, p99 } = cache.stats().latency.store
      assert.strictEqual(count, 2)
      assert.strictEqual(mean, 20)
      assert.strictEqual(p99, 20)
    })
  )

  scenario("a local hit records nothing", (world) =>
    Effect.gen(function* () {
      const { cache, process } = yield* world.cache<string>()
      yield* cache.set("k", "v")
      for (let n = 0; n < 100; n++) yield* cache.getOrSet("k", never)
      assert.strictEqual(process.count("acquire"), 0)
      assert.strictEqual(cache.stats().latency.store.count, 0)
    })
  )
})

/** The series of this library in a registry of their own: from `name{cache,...}` to their value. */
const series = Effect.map(Metric.snapshot, (all) =>
  Object.fromEntries(
    all
      .filter(({ id }) => id.startsWith("cache_locking_"))
      .map(({ id, attributes, state }) => {
        const about = Object.entries(attributes ?? {}).map(([name, value]) => `${name}=${value}`)
        return [`${id}{${about.sort().join(",")}}`, "count" in state ? state.count : undefined]
      })
  )
)

const ownRegistry = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.suspend(() => Effect.provideService(effect, Metric.MetricRegistry, new Map()))

describe("metrics", () => {
  it.effect("are the counters, with the names of cache and adapter; nothing is carried over twice", () =>
    ownRegistry(
      Effect.gen(function* () {
        const store = MemoryAdapter.make({ maxEntries: 2 })
        const tiers = () => [{ name: "near", hits: 5, misses: 4, evictions: 3 }]
        const adapter = { ...store, tiers }
        const a = yield* Cache.make<string>({ adapter, name: "a" })
        const b = yield* Cache.make<string>({ adapter: { ...peer(adapter), tiers }, name: "b" })
        yield* a.getOrSet("k", new Origin().gives())
        yield* a.getOrSet("k", never)
        yield* b.set("k", "v")
        yield* b.getOrSet("k", never)
        yield* Effect.flip(a.getOrSet("broken", new Origin().breaks()))
        for (const key of ["x", "y", "z"]) yield* b.set(key, "v")
        for (let n = 0; n < 3; n++) for (const cache of [a, b]) cache.stats()
        const evictions = store.evictions!()
        assert.isAbove(evictions, 0)
        const mine = "adapter=memory,cache=a"
        const expected = {
          [`cache_locking_hits_total{${mine}}`]: 1,
          [`cache_locking_misses_total{${mine}}`]: 1,
          [`cache_locking_loads_total{${mine}}`]: 2,
          [`cache_locking_load_failures_total{${mine}}`]: 1,
          [`cache_locking_errors_total{${mine},kind=LOAD_FAILED}`]: 1,
          [`cache_locking_load_duration_milliseconds{${mine},unit=ms}`]: 1,
          "cache_locking_hits_total{adapter=memory,cache=b}": 1,
          "cache_locking_sets_total{adapter=memory,cache=b}": 4,
          "cache_locking_evictions_total{adapter=memory}": evictions,
          "cache_locking_tier_hits_total{adapter=memory,tier=near}": 5,
          "cache_locking_tier_misses_total{adapter=memory,tier=near}": 4,
          "cache_locking_tier_evictions_total{adapter=memory,tier=near}": 3
        }
        assert.deepStrictEqual(yield* series, expected)
      })
    )
  )

  it.live("appear within about a second, without a call of stats", () =>
    ownRegistry(
      Effect.gen(function* () {
        const cache = yield* Cache.make<string>({ adapter: MemoryAdapter.make(), name: "quiet" })
        yield* cache.set("k", "v")
        yield* cache.getOrSet("k", never)
        yield* Effect.sleep(1_200)
        const carried = yield* series
        assert.strictEqual(carried["cache_locking_hits_total{adapter=memory,cache=quiet}"], 1)
        yield* cache.getOrSet("k", never)
        yield* Effect.sleep(1_200)
        const more = yield* series
        assert.strictEqual(more["cache_locking_hits_total{adapter=memory,cache=quiet}"], 2)
      })
    )
  )

  it.effect("are complete when the cache closes", () =>
    ownRegistry(
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        const make = Cache.make<string>({ adapter: MemoryAdapter.make(), codec: Codec.default, name: "brief" })
        const cache = yield* Scope.provide(make, scope)
        yield* cache.set("k", "v")
        for (let n = 0; n < 1000; n++) yield* cache.getOrSet("k", never)
        yield* Scope.close(scope, Exit.void)
        assert.strictEqual((yield* series)["cache_locking_hits_total{adapter=memory,cache=brief}"], 1000)
      })
    )
  )
})
