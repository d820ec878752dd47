import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { afterEach, vi } from "vitest"
import * as Cache from "../src/Cache.ts"
import * as MemoryAdapter from "../src/MemoryAdapter.ts"
import { createCache } from "../src/promise.ts"
import { Broken, Origin } from "./support/Origin.ts"
import { advance, begin, flush, scenario, waits } from "./support/Scenario.ts"
import { remote } from "./support/Wrappers.ts"

/** A request, as a handler is given one, and how much of its work goes on. */
class Request {
  under = 0
  readonly waitUntil = (work: Promise<unknown>): void => {
    this.under++
    void work.then(() => this.under--)
  }
}

/** Lets promises settle, too. */
const settled = Effect.andThen(
  flush,
  Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
)

const stale = { cacheTtl: 1000, staleWhileRevalidate: 60_000 }

describe("waitUntil", () => {
  scenario("keeps a refresh behind a stale value alive, to its end", (world) =>
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

  scenario("keeps what goes on when every caller has left: the lease is given back", (world) =>
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

  scenario("a call may give its own, and the sliding of a hit is kept by it", (world) =>
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

  scenario("requests share no flights, the calls of one request do", (world) =>
    Effect.gen(function* () {
      const { cache, process } = yield* world.cache({}, remote)
      const [one, two] = [new Request(), new Request()]
      const origin = new Origin()
      const ask = ({ waitUntil }: Request) => begin(cache.getOrSet("k", origin.gives(100), { waitUntil }))
      const callers = [yield* ask(one), yield* ask(one), yield* ask(two), yield* ask(two)]
      yield* advance(50)
      assert.strictEqual(
        process.count("acquire"),
        3,
        "one for the leader; for the follower one, and one after it watches"
      )
      yield* advance(50)
      for (const caller of callers) assert.strictEqual((yield* Fiber.join(caller)).value, "v1")
      assert.strictEqual(origin.calls, 1)
    })
  )

  scenario("a request that is cut off is to the others as a process that died", (world) =>
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

  scenario("background loads have places of their own in each request, and those who wait for one are kept", (world) =>
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

  scenario("one that works no more, for the request is over, hurts nobody", (world) =>
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

  it.effect("is refused when it is no function, or needs the object that it was taken from", () =>
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

describe("on Workers, without it, nothing is begun that could be cut off", () => {
  const onWorkers = Effect.sync(() => vi.stubGlobal("navigator", { userAgent: "Cloudflare-Workers" }))
  afterEach(() => {
    vi.unstubAllGlobals()
  })

  scenario("whoever leads waits for the load, though there is a stale value; the others need not", (world) =>
    Effect.gen(function* () {
      yield* onWorkers
      const { cache } = yield* world.cache(stale, remote)
      yield* cache.set("k", "old")
      yield* advance(2000)
      const origin = new Origin()
      const leader = yield* begin(cache.getOrSet("k", origin.gives(500)))
      const other = yield* begin(cache.getOrSet("k", origin.gives(500)))
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

  it("memory wakes nobody, for who waits belongs to another request", () => {
    vi.stubGlobal("navigator", { userAgent: "Cloudflare-Workers" })
    const { changes, watch } = MemoryAdapter.make()
    assert.deepStrictEqual([watch, changes], [undefined, undefined])
  })

  it("calls share no flights, and each is answered", async () => {
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
