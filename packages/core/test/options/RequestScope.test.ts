import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { afterEach, vi } from "vitest"
import * as Cache from "../../src/Cache.ts"
import type { Adapter } from "../../src/contract/Adapter.ts"
import type { Engine } from "../../src/flight/Engine.ts"
import { createCache } from "../../src/promise.ts"
import * as MemoryAdapter from "../../src/stores/MemoryAdapter.ts"
import { Broken, Origin } from "../support/Origin.ts"
import { advance, begin, flightsOf, flush, scenario, waits } from "../support/Scenario.ts"
import { remote } from "../support/Wrappers.ts"

/** A request as a handler gets it. Counts the work that goes on. */
class Request {
  under = 0
  readonly waitUntil = (work: Promise<unknown>): void => {
    this.under++
    void work.then(() => this.under--)
  }
}

/** Lets promises settle too. */
const settled = Effect.andThen(
  flush,
  Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
)

const stale = { cacheTtl: 1000, staleWhileRevalidate: 60_000 }

describe("waitUntil", () => {
  scenario("keeps a background refresh of a stale value alive until it ends", (world) =>
    Effect.gen(function* () {
      const request = new Request()
      const { cache } = yield* world.cache({ ...stale, waitUntil: request.waitUntil }, remote)
      yield* cache.set("k", "old")
      yield* advance(2000)
      const origin = new Origin()
      const { meta, value } = yield* cache.getOrSet("k", origin.gives(500))
      assert.deepStrictEqual([value, meta.cache], ["old", "STALE"])
      yield* settled
      assert.isAbove(request.under, 0)
      yield* advance(500)
      yield* settled
      assert.strictEqual(request.under, 0)
      assert.strictEqual((yield* world.store.read("k")).freshFor, 1000)
    })
  )

  scenario("keeps a load alive when every caller has left: the lease is given back", (world) =>
    Effect.gen(function* () {
      const request = new Request()
      const { cache } = yield* world.cache({ waitUntil: request.waitUntil }, remote)
      const origin = new Origin()
      const caller = yield* begin(cache.getOrSet("k", origin.gives(500)))
      assert.isAbove(request.under, 0)
      yield* Fiber.interrupt(caller)
      yield* settled
      assert.strictEqual(request.under, 0)
      assert.isUndefined((yield* world.store.read("k")).lease)
    })
  )

  scenario("a call may have its own, which also keeps the sliding of a hit alive", (world) =>
    Effect.gen(function* () {
      const request = new Request()
      const { cache, process } = yield* world.cache({ cacheTtl: 1000, sliding: true }, remote)
      yield* cache.set("k", "v")
      yield* advance(500)
      yield* cache.getOrSet("k", new Origin().gives(), { waitUntil: request.waitUntil })
      yield* settled
      assert.strictEqual(process.count("touch"), 1)
      assert.strictEqual(request.under, 0)
      assert.strictEqual((yield* world.store.read("k")).freshFor, 1000)
    })
  )

  scenario("outside Workers, requests share flights", (world) =>
    Effect.gen(function* () {
      const { cache, process } = yield* world.cache({}, remote)
      const origin = new Origin()
      const ask = () => begin(cache.getOrSet("k", origin.gives(100), { waitUntil: new Request().waitUntil }))
      const callers = [yield* ask(), yield* ask()]
      // A caller that waits for the load of another request polls for it.
      yield* advance(150)
      for (const caller of callers) assert.strictEqual((yield* Fiber.join(caller)).value, "v1")
      assert.deepStrictEqual([origin.calls, process.count("acquire")], [1, 1])
    })
  )

  scenario("a request that is cut off is like a dead process to the others", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache({ leaseTtl: 300 }, remote)
      yield* world.crash("k", 300)
      const origin = new Origin()
      const caller = yield* begin(cache.getOrSet("k", origin.gives(), { waitUntil: new Request().waitUntil }))
      assert.isTrue(waits(caller))
      yield* advance(301)
      assert.strictEqual((yield* Fiber.join(caller)).value, "v1")
    })
  )

  scenario("each request has its own background slots, and loads that wait for one are kept alive", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache(stale, remote)
      for (const key of ["a", "b", "c"]) yield* cache.set(key, "old")
      yield* advance(2000)
      const [one, two] = [new Request(), new Request()]
      const origin = new Origin()
      const ask = (key: string, { waitUntil }: Request) => cache.getOrSet(key, origin.gives(100), { waitUntil })
      for (const key of ["a", "b"]) assert.strictEqual((yield* ask(key, one)).meta.cache, "STALE")
      assert.strictEqual((yield* ask("c", two)).meta.cache, "STALE")
      yield* settled
      for (let left = 3; left > 0 && one.under + two.under > 0; left--) {
        yield* advance(100)
        yield* settled
      }
      assert.strictEqual(one.under + two.under, 0)
      for (const key of ["a", "b", "c"]) assert.isAbove((yield* world.store.read(key)).freshFor, 0, key)
    })
  )

  scenario("a waitUntil that throws because the request is over affects nobody", (world) =>
    Effect.gen(function* () {
      let over = false
      const waitUntil = () => {
        if (over) throw new Error("the request is over")
      }
      const { cache } = yield* world.cache({ waitUntil }, remote)
      over = true
      assert.strictEqual((yield* cache.getOrSet("k", new Origin().gives())).value, "v1")
    })
  )

  scenario("a request that is cut off keeps no slot from the refreshes of others, though all have one cache", (world) =>
    Effect.gen(function* () {
      const request = new Request()
      const { cache } = yield* world.cache({ ...stale, waitUntil: request.waitUntil }, remote)
      for (const key of ["a", "b"]) yield* cache.set(key, "old")
      yield* advance(2000)
      const origin = new Origin()
      const cutOff = yield* cache.getOrSet("a", origin.gives(60_000))
      const other = yield* cache.getOrSet("b", origin.gives(100))
      assert.deepStrictEqual([cutOff.meta.cache, other.meta.cache], ["STALE", "STALE"])
      yield* advance(100)
      yield* settled
      assert.strictEqual((yield* world.store.read("b")).freshFor, 1000)
      yield* advance(60_000)
    })
  )

  it.effect("may be that of `cloudflare:workers`, which throws where there is no request", () =>
    Effect.gen(function* () {
      let under = 0
      let inRequest = false
      const waitUntil = () => {
        if (!inRequest) throw new Error("Disallowed operation called within global scope")
        under++
      }
      yield* Effect.scoped(
        Effect.gen(function* () {
          const cache = yield* Cache.make<string>({ adapter: "memory", waitUntil })
          inRequest = true
          yield* cache.getOrSet("imported", new Origin().gives(0))
          assert.isAbove(under, 0)
        })
      )
    })
  )

  it.effect("is refused when it is no function, or needs the object that it is a method of", () =>
    Effect.gen(function* () {
      class Context {
        private readonly work: Array<unknown> = []
        waitUntil(work: Promise<unknown>) {
          this.work.push(work)
        }
      }
      for (const waitUntil of [new Context().waitUntil, new Context(), 5, null]) {
        const refused = yield* Effect.flip(
          Effect.scoped(Cache.make<string>({ adapter: "memory", waitUntil: waitUntil as never }))
        )
        assert.deepInclude(refused, { _tag: "INVALID_OPTION", option: "waitUntil" })
        assert.include(refused.message, "ctx.waitUntil(work)")
      }
    })
  )
})

describe("on Workers, without waitUntil, no work is begun that could be cut off", () => {
  const onWorkers = Effect.sync(() => vi.stubGlobal("navigator", { userAgent: "Cloudflare-Workers" }))
  afterEach(() => {
    vi.unstubAllGlobals()
  })

  scenario("the leader waits for the load although there is a stale value; the others do not", (world) =>
    Effect.gen(function* () {
      yield* onWorkers
      const { cache } = yield* world.cache(stale, remote)
      yield* cache.set("k", "old")
      yield* advance(2000)
      const origin = new Origin()
      const leader = yield* begin(cache.getOrSet("k", origin.gives(500)))
      const other = yield* begin(cache.getOrSet("k", origin.gives(500)))
      yield* advance(10)
      assert.isTrue(waits(leader))
      assert.isFalse(waits(other))
      assert.strictEqual((yield* Fiber.join(other)).meta.cache, "STALE")
      yield* advance(500)
      assert.strictEqual((yield* Fiber.join(leader)).value, "v1")
      assert.strictEqual(origin.calls, 1)
    })
  )

  scenario("a soft time-out waits on, and a failing load is answered with the stale value", (world) =>
    Effect.gen(function* () {
      yield* onWorkers
      const { cache } = yield* world.cache(
        { cacheTtl: 1000, staleIfError: 60_000, fetchTimeout: { soft: 100 }, cooldown: 0 },
        remote
      )
      yield* cache.set("k", "old")
      yield* advance(2000)
      const slow = yield* begin(cache.getOrSet("k", new Origin().gives(500)))
      yield* advance(300)
      assert.isTrue(waits(slow))
      yield* advance(200)
      assert.strictEqual((yield* Fiber.join(slow)).value, "v1")
      yield* advance(2000)
      const { meta, value } = yield* cache.getOrSet("k", new Origin().breaks())
      assert.deepStrictEqual([value, meta.cache], ["v1", "STALE"])
      assert.instanceOf((meta as { error?: unknown }).error, Broken)
    })
  )

  scenario("no early refresh, and no sliding", (world) =>
    Effect.gen(function* () {
      yield* onWorkers
      const { cache, process } = yield* world.cache(
        { cacheTtl: 1000, sliding: true, earlyRefresh: { beta: 1e9 } },
        remote
      )
      const origin = new Origin()
      yield* begin(cache.getOrSet("k", origin.gives(10)))
      yield* advance(510)
      assert.strictEqual((yield* cache.getOrSet("k", origin.gives(10))).meta.cache, "HIT")
      yield* advance(100)
      assert.deepStrictEqual([origin.calls, process.count("touch")], [1, 0])
    })
  )

  it("memory has no watch and no changes, since a waiter may belong to another request", () => {
    vi.stubGlobal("navigator", { userAgent: "Cloudflare-Workers" })
    const { changes, watch } = MemoryAdapter.make()
    assert.deepStrictEqual([watch, changes], [undefined, undefined])
  })

  it("many calls are one load, and each is answered", async () => {
    vi.stubGlobal("navigator", { userAgent: "Cloudflare-Workers" })
    const cache = createCache<string>({ adapter: "memory" })
    let loads = 0
    const load = async () => {
      loads++
      await new Promise((resolve) => setTimeout(resolve, 5))
      return "v"
    }
    const answers = await Promise.all(Array.from({ length: 20 }, () => cache.getOrSet("on workers", load)))
    assert.deepStrictEqual(new Set(answers), new Set(["v"]))
    assert.strictEqual(loads, 1)
    await cache.close()
  })
})

describe("on Workers, one request never settles a promise of another", () => {
  const onWorkers = Effect.sync(() => vi.stubGlobal("navigator", { userAgent: "Cloudflare-Workers" }))
  afterEach(() => {
    vi.unstubAllGlobals()
  })
  const ofRequest = () => ({ waitUntil: new Request().waitUntil })
  /** The clock of a request that is cut off: no sleep ends. */
  const clockWithoutTimers = Effect.map(
    Clock.Clock,
    (clock): Clock.Clock => ({
      ...clock,
      currentTimeMillisUnsafe: () => clock.currentTimeMillisUnsafe(),
      currentTimeNanosUnsafe: () => clock.currentTimeNanosUnsafe(),
      monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe(),
      sleep: () => Effect.never
    })
  )

  scenario("a waiter polls for itself: one request to the store, one load, an answer soon after it", (world) =>
    Effect.gen(function* () {
      yield* onWorkers
      const { cache, process } = yield* world.cache({}, remote)
      const origin = new Origin()
      const leader = yield* begin(cache.getOrSet("k", origin.gives(200), ofRequest()))
      const others = []
      for (let i = 0; i < 5; i++) others.push(yield* begin(cache.getOrSet("k", origin.gives(200), ofRequest())))
      yield* advance(200)
      assert.isFalse(waits(leader))
      yield* advance(50)
      for (const other of others) assert.strictEqual((yield* Fiber.join(other)).value, "v1")
      assert.deepStrictEqual([origin.calls, process.count("acquire")], [1, 1])
      assert.deepInclude(cache.stats(), { loads: 1, stampedePrevented: 5 })
    })
  )

  scenario("one function is no proof of one request: that of `cloudflare:workers` is the same for all", (world) =>
    Effect.gen(function* () {
      yield* onWorkers
      const shared = ofRequest()
      const { cache } = yield* world.cache({}, remote)
      const { cache: made } = yield* world.cache(shared, remote)
      const origin = new Origin()
      for (const [key, ask] of [
        ["call", () => cache.getOrSet("call", origin.gives(200), shared)],
        ["cache", () => made.getOrSet("cache", origin.gives(200))]
      ] as const) {
        const one = yield* begin(ask())
        const two = yield* begin(ask())
        yield* advance(200)
        assert.deepStrictEqual([waits(one), waits(two)], [false, true], key)
        yield* advance(50)
        assert.isFalse(waits(two), key)
        assert.strictEqual((yield* Fiber.join(one)).value, (yield* Fiber.join(two)).value)
      }
      assert.strictEqual(origin.calls, 2)
    })
  )

  for (const [sign, globals] of [
    ["WebSocketPair", { navigator: undefined, WebSocketPair: class {} }],
    ["caches.default", { navigator: { userAgent: "mine" }, caches: { default: {} } }]
  ] as const) {
    scenario(`they are known by ${sign} where navigator is hidden`, (world) =>
      Effect.gen(function* () {
        for (const [name, value] of Object.entries(globals)) vi.stubGlobal(name, value)
        const { cache } = yield* world.cache({}, remote)
        const origin = new Origin()
        const one = yield* begin(cache.getOrSet("k", origin.gives(200)))
        const two = yield* begin(cache.getOrSet("k", origin.gives(200)))
        yield* advance(200)
        assert.deepStrictEqual([waits(one), waits(two)], [false, true])
        yield* advance(50)
        assert.strictEqual((yield* Fiber.join(two)).value, "v1")
        assert.deepStrictEqual([MemoryAdapter.make().watch, origin.calls], [undefined, 1])
      })
    )
  }

  scenario(
    "the time of a wait is over by a timer of its own request: one that is cut off leaves nobody waiting",
    (world) =>
      Effect.gen(function* () {
        yield* onWorkers
        const { cache } = yield* world.cache({ onWaitTimeout: "fail" }, (adapter) => ({
          ...remote(adapter),
          watch: undefined,
          changes: undefined
        }))
        yield* world.crash("a", 60_000)
        yield* world.crash("b", 60_000)
        const clock = yield* Clock.Clock
        let cutOff = false
        // Requests share their clock: a sleep that one begins never ends if it is cut off.
        const ofRequests: Clock.Clock = {
          ...(yield* clockWithoutTimers),
          sleep: (duration) => (cutOff ? Effect.never : clock.sleep(duration))
        }
        const ask = (key: string, waitMax: number) =>
          begin(
            Effect.provideService(
              Effect.exit(cache.getOrSet(key, new Origin().gives(), { ...ofRequest(), waitMax })),
              Clock.Clock,
              ofRequests
            )
          )
        cutOff = true
        yield* ask("a", 1_000)
        cutOff = false
        const other = yield* ask("b", 1_500)
        yield* advance(1_500)
        assert.isFalse(waits(other))
      }),
    { untidy: true }
  )

  scenario("a flight that others take for dead answers its own caller, when the store was only slow", (world) =>
    Effect.gen(function* () {
      yield* onWorkers
      let slow = 3_000
      const { cache } = yield* world.cache({}, (adapter) => ({
        ...remote(adapter),
        acquire: (key, options) => Effect.delay(adapter.acquire(key, options), slow)
      }))
      const origin = new Origin()
      const own = yield* begin(cache.getOrSet("k", origin.gives(100), ofRequest()))
      slow = 10
      const other = yield* begin(cache.getOrSet("k", origin.gives(100), ofRequest()))
      yield* advance(2_500)
      assert.strictEqual((yield* Fiber.join(other)).value, "v1")
      yield* advance(1_000)
      assert.isFalse(waits(own))
      assert.strictEqual((yield* Fiber.join(own)).value, "v1")
      assert.strictEqual(origin.calls, 1)
    })
  )

  describe("a flight that follows, and whose request is cut off", () => {
    /** A store that does not push. */
    const polled = (adapter: Adapter): Adapter => ({ ...remote(adapter), watch: undefined, changes: undefined })

    /** Verbs of a request that was cut off never end. */
    const cutting = () => {
      let cutOff = false
      const cut = (adapter: Adapter): Adapter => ({
        ...polled(adapter),
        acquire: (key, options) => (cutOff ? Effect.never : adapter.acquire(key, options))
      })
      return {
        cut,
        cutOff: () => {
          cutOff = true
        },
        others: () => {
          cutOff = false
        }
      }
    }

    scenario(
      "is given up after two polls: its waiters ask the store, which has the value",
      (world) =>
        Effect.gen(function* () {
          yield* onWorkers
          const { cut, cutOff, others } = cutting()
          const { cache } = yield* world.cache({}, cut)
          const other = yield* world.cache({}, remote)
          const origin = new Origin()
          const leader = yield* begin(other.cache.getOrSet("k", origin.gives(500), ofRequest()))
          yield* begin(cache.getOrSet("k", origin.gives(2_500)))
          yield* advance(100)
          const joiner = yield* begin(cache.getOrSet("k", origin.gives(2_500)))
          cutOff()
          yield* advance(400)
          others()
          yield* Fiber.join(leader)
          assert.isTrue(waits(joiner))
          yield* advance(2_100)
          assert.isFalse(waits(joiner))
          const { meta, value } = yield* Fiber.join(joiner)
          assert.strictEqual(value, "v1")
          assert.notStrictEqual(meta.cache, "MISS-FOLLOWER-FALLBACK")
          assert.strictEqual(origin.calls, 1)
        }),
      { untidy: true }
    )

    scenario(
      "asks the store once more before it falls back",
      (world) =>
        Effect.gen(function* () {
          yield* onWorkers
          const { cut, cutOff, others } = cutting()
          const { cache } = yield* world.cache({ waitMax: 1_500, waitStrategy: () => 1_000 }, cut)
          const other = yield* world.cache({}, remote)
          const origin = new Origin()
          const leader = yield* begin(other.cache.getOrSet("k", origin.gives(1_000), ofRequest()))
          yield* begin(cache.getOrSet("k", origin.gives(2_500), { waitMax: "1 minute" }))
          const joiner = yield* begin(cache.getOrSet("k", origin.gives(2_500)))
          yield* advance(500)
          cutOff()
          yield* advance(900)
          others()
          yield* Fiber.join(leader)
          assert.isTrue(waits(joiner))
          // Its own time is over, before two polls are.
          yield* advance(200)
          assert.isFalse(waits(joiner))
          assert.strictEqual((yield* Fiber.join(joiner)).value, "v1")
          assert.strictEqual(origin.calls, 1)
        }),
      { untidy: true }
    )

    scenario(
      "leaves nothing behind for ever",
      (world) =>
        Effect.gen(function* () {
          yield* onWorkers
          const { cut, cutOff, others } = cutting()
          const { cache, process } = yield* world.cache({}, cut)
          const { flights } = (cache as unknown as { readonly engine: Engine }).engine
          cutOff()
          for (let n = 0; n < 20; n++) {
            const cut = cache.getOrSet(`cut ${n}`, new Origin().gives(), ofRequest())
            yield* begin(Effect.provideService(Effect.exit(cut), Clock.Clock, yield* clockWithoutTimers))
          }
          assert.deepStrictEqual([flightsOf(process.adapter), flights.size], [20, 20])
          others()
          yield* advance(10 * 60_000)
          for (let n = 0; n < 10; n++) yield* cache.getOrSet(`k ${n}`, new Origin().gives(), ofRequest())
          assert.deepStrictEqual([flightsOf(process.adapter), flights.size], [0, 0])
        }),
      { untidy: true }
    )

    scenario("is not given up while it goes on, however slowly it polls", (world) =>
      Effect.gen(function* () {
        yield* onWorkers
        const { cache, process } = yield* world.cache({ waitMax: "1 minute", waitStrategy: () => 3_000 }, polled)
        const other = yield* world.cache({}, remote)
        const origin = new Origin()
        yield* begin(other.cache.getOrSet("k", origin.gives(8_000), ofRequest()))
        const one = yield* begin(cache.getOrSet("k", origin.gives(), ofRequest()))
        const two = yield* begin(cache.getOrSet("k", origin.gives(), ofRequest()))
        yield* advance(9_100)
        for (const caller of [one, two]) assert.strictEqual((yield* Fiber.join(caller)).value, "v1")
        // Each poll is made once for both.
        assert.strictEqual(process.count("acquire"), 4)
      })
    )
  })

  scenario(
    "a flight without heartbeats is given up after its lease, and another request takes over",
    (world) =>
      Effect.gen(function* () {
        yield* onWorkers
        let cutOff = false
        // The work of a request that was cut off never ends.
        const cut = (adapter: Adapter): Adapter => ({
          ...remote(adapter),
          renew: (key, options) => (cutOff ? Effect.never : adapter.renew(key, options))
        })
        const { cache } = yield* world.cache({ leaseTtl: 300 }, cut)
        yield* begin(cache.getOrSet("k", () => Effect.never, ofRequest()))
        const origin = new Origin()
        const other = yield* begin(cache.getOrSet("k", origin.gives(10), ofRequest()))
        yield* advance(1000)
        assert.isTrue(waits(other), "the leader lives, and renews")
        cutOff = true
        yield* advance(800)
        assert.strictEqual((yield* Fiber.join(other)).value, "v1")
      }),
    { untidy: true }
  )

  scenario("a waiter's own deadline and signal hold, and its leaving does not affect the other request", (world) =>
    Effect.gen(function* () {
      yield* onWorkers
      const { cache } = yield* world.cache({ onWaitTimeout: "fail" }, remote)
      const origin = new Origin()
      const leader = yield* begin(cache.getOrSet("k", origin.gives(1000), ofRequest()))
      const hasty = yield* begin(Effect.flip(cache.getOrSet("k", origin.gives(), { ...ofRequest(), waitMax: 100 })))
      const controller = new AbortController()
      const fickle = yield* begin(
        Effect.flip(cache.getOrSet("k", origin.gives(), { ...ofRequest(), signal: controller.signal }))
      )
      const gone = yield* begin(cache.getOrSet("k", origin.gives(), ofRequest()))
      yield* advance(160)
      assert.strictEqual((yield* Fiber.join(hasty))._tag, "WAIT_TIMEOUT")
      controller.abort()
      assert.strictEqual((yield* Fiber.join(fickle))._tag, "ABORTED")
      yield* Fiber.interrupt(gone)
      yield* advance(900)
      assert.strictEqual((yield* Fiber.join(leader)).value, "v1")
      assert.strictEqual(origin.interrupted, 0)
    })
  )

  scenario("when the leader leaves and others wait, the load goes on for them", (world) =>
    Effect.gen(function* () {
      yield* onWorkers
      const { cache } = yield* world.cache({}, remote)
      const origin = new Origin()
      const leader = yield* begin(cache.getOrSet("k", origin.gives(500), ofRequest()))
      const other = yield* begin(cache.getOrSet("k", origin.gives(500), ofRequest()))
      yield* advance(100)
      yield* Fiber.interrupt(leader)
      yield* advance(450)
      assert.strictEqual((yield* Fiber.join(other)).value, "v1")
      assert.strictEqual(origin.interrupted, 0)
    })
  )

  scenario("a stale value is served to the others at once", (world) =>
    Effect.gen(function* () {
      yield* onWorkers
      const { cache } = yield* world.cache(stale, remote)
      yield* cache.set("k", "old")
      yield* advance(2000)
      const origin = new Origin()
      const first = yield* cache.getOrSet("k", origin.gives(500), ofRequest())
      const second = yield* begin(cache.getOrSet("k", origin.gives(500), ofRequest()))
      yield* advance(10)
      assert.deepStrictEqual([first.meta.cache, (yield* Fiber.join(second)).meta.cache], ["STALE", "STALE"])
      yield* advance(500)
      assert.strictEqual(origin.calls, 1)
    })
  )
})
