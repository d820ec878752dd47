import { assert, describe, it, expect } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Cause from "effect/Cause"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import * as Cache from "../src/Cache.ts"
import * as MemoryAdapter from "../src/MemoryAdapter.ts"
import * as WaitStrategy from "../src/WaitStrategy.ts"
import { createCache } from "../src/promise.ts"
import { Origin, Broken } from "./support/Origin.ts"
import { faulty } from "./support/Faulty.ts"
import { advance, begin, beginMany, ended, flightsOf, flush, joinAll, scenario, waits, bytesOf } from "./support/Scenario.ts"
import { remote, slow, withoutWatch } from "./support/Wrappers.ts"

describe("suspects", () => {
  scenario("1 a fallback whose fetcher throws at once", (world) =>
    Effect.gen(function* () {
      const { cache, process } = yield* world.cache({ waitMax: 100, leaseTtl: 10_000 })
      yield* world.crash("k", 60_000)
      const f = yield* begin(Effect.exit(cache.getOrSet("k", () => { throw new Error("at once") })))
      yield* advance(100)
      const exit = ended(f)
      assert.isTrue(Exit.isSuccess(exit) && Exit.isFailure(exit.value))
      assert.strictEqual(flightsOf(process.adapter), 0)
      const g = yield* begin(cache.getOrSet("k", () => Effect.succeed("ok")))
      yield* advance(100)
      assert.strictEqual((yield* Fiber.join(g)).value, "ok")
    })
  )
  scenario("2 evenLeading", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache({}, (a) => slow(remote(a), 20))
      const origin = new Origin()
      const [a, b] = yield* beginMany(2, (n) => Effect.exit(cache.getOrSet("k", origin.gives(10_000), n === 0 ? {} : { onWaitTimeout: "fail", waitMax: 100 })))
      yield* advance(150)
      const late = !waits(b!)
      yield* advance(20_000)
      yield* Fiber.join(a!)
      assert.isTrue(late)
    })
  )
  scenario("3 onFollowerWait fails", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache()
      yield* world.crash("k", 1000)
      const origin = new Origin()
      const f = yield* begin(Effect.exit(cache.getOrSet("k", origin.gives(), { hooks: { onFollowerWait: () => Effect.fail("hook") } })))
      assert.isFalse(waits(f))
      assert.strictEqual(world.flights, 0)
      yield* advance(2000)
      assert.strictEqual(origin.calls, 0)
    })
  )
  scenario("4 onFollowerWait then takeover is leader", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache()
      yield* world.crash("k", 1000)
      const origin = new Origin()
      const f = yield* begin(cache.getOrSet("k", origin.gives(10), { hooks: { onFollowerWait: () => Effect.void } }))
      yield* advance(1500)
      assert.strictEqual((yield* Fiber.join(f)).meta.cache, "MISS-LEADER")
    })
  )
  scenario("5 aborted during hook", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache()
      yield* world.crash("k", 1000)
      const origin = new Origin()
      const c = new AbortController()
      const f = yield* begin(Effect.exit(cache.getOrSet("k", origin.gives(10), { signal: c.signal, hooks: { onFollowerWait: () => Effect.sync(() => c.abort("x")) } })))
      const w = waits(f)
      yield* advance(3000)
      assert.isFalse(w)
    })
  )
  scenario("5b aborted by the fetcher itself, at once", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache()
      const c = new AbortController()
      const f = yield* begin(Effect.exit(cache.getOrSet("k", () => Effect.suspend(() => { c.abort("x"); return Effect.sleep(1000).pipe(Effect.as("v")) }), { signal: c.signal })))
      const w = waits(f)
      yield* advance(3000)
      assert.isFalse(w)
    })
  )
  scenario("6 fill fails: lease given back", (world) =>
    Effect.gen(function* () {
      const { cache, process } = yield* world.cache({}, (a) => faulty(a, { fill: ["fail"] }))
      const origin = new Origin()
      const a = yield* cache.getOrSet("k", origin.gives())
      assert.strictEqual(a.meta.uncached, "set-failed")
      const b = yield* begin(cache.getOrSet("k", origin.gives()))
      const w = waits(b)
      yield* advance(20000)
      assert.isFalse(w, process.verbs.join())
    })
  )
  scenario("7 clock back", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache({}, remote)
      yield* TestClock.setTime(1_000_000)
      const a = yield* cache.getOrSet("k", () => Effect.as(TestClock.setTime(900_000), "v"))
      assert.strictEqual(a.meta.cache, "MISS-LEADER")
      assert.isAtLeast(cache.stats().meanLoadMillis, 0)
    })
  )
  scenario("8 memory maxBytes unencodable", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache<any>({})
      const a = yield* Effect.exit(cache.getOrSet("k", () => Effect.succeed(() => 1)))
      const s = yield* world.store.read("k")
      assert.isUndefined(s.lease)
      assert.isTrue(Exit.isSuccess(a), String(a))
    })
  , { store: () => MemoryAdapter.make({ maxBytes: 1000 }) })
  scenario("9 interrupts itself", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache({})
      const origin = new Origin()
      const fs = yield* beginMany(50, () => Effect.exit(cache.getOrSet("k", origin.load(100, () => Effect.interrupt))))
      yield* advance(10000)
      assert.isTrue(fs.every((f) => !waits(f)))
      assert.strictEqual(origin.calls, 1)
    })
  )
  scenario("10 watch hangs", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache({ waitMax: 60000 }, (a) => faulty(a, { watch: () => "hang" }))
      const token = yield* world.crash("k", 1000)
      const origin = new Origin()
      const f = yield* begin(cache.getOrSet("k", origin.gives()))
      yield* advance(1001)
      const w = waits(f)
      yield* advance(100000)
      assert.isFalse(w)
    })
  )
  scenario("11 watch spurious", (world) =>
    Effect.gen(function* () {
      let n = 0
      const { cache, process } = yield* world.cache({ waitMax: 60000 }, (a) => ({ ...a, watch: () => Effect.sync(() => { if (++n > 1000) throw new Error("busy"); return Effect.void }) }))
      yield* world.crash("k", 1000)
      const origin = new Origin()
      const f = yield* begin(Effect.exit(cache.getOrSet("k", origin.gives())))
      yield* advance(1001)
      yield* flush
      assert.isBelow(n, 100)
      assert.isFalse(waits(f))
    })
  )
  scenario("12 SIE exact expiry", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache({ cacheTtl: 1000, staleIfError: 5000 })
      const origin = new Origin()
      yield* cache.getOrSet("k", origin.gives())
      yield* advance(1000)
      const a = yield* cache.getOrSet("k", origin.gives())
      assert.strictEqual(a.value, "v2")
    })
  )
  it.effect("13 hooks and codec checked", () =>
    Effect.gen(function* () {
      const adapter = MemoryAdapter.make()
      const a = yield* Effect.exit(Effect.scoped(Cache.make({ adapter, hooks: { onHit: 5 as any } })))
      const b = yield* Effect.exit(Effect.scoped(Cache.make({ adapter, codec: "json" as any })))
      const c = yield* Effect.exit(Effect.scoped(Cache.make({ adapter, failureCodec: {} as any })))
      const tag = (e: Exit.Exit<any, any>) => Exit.isFailure(e) ? (Cause.squash(e.cause) as any)._tag : "ok"
      const d = (() => { try { createCache({ adapter, hooks: 5 as any }); return "ok" } catch (e: any) { return e._tag } })()
      const e = (() => { try { WaitStrategy.fixed("x" as any); return "ok" } catch (e: any) { return e._tag } })()
      assert.deepStrictEqual([tag(a), tag(b), tag(c), d, e], Array(5).fill("INVALID_OPTION"))
    })
  )
  scenario("14 shouldCache throws", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache({ shouldCache: () => { throw new Error("x") } })
      const a = yield* Effect.exit(cache.getOrSet("k", () => Effect.succeed("v")))
      assert.isTrue(Exit.isSuccess(a), String(a))
    })
  )
  scenario("15 lost once", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache({ leaseTtl: 300 })
      const origin = new Origin()
      const f = yield* begin(cache.getOrSet("k", origin.gives(1000)))
      yield* world.store.delete("k")
      yield* advance(2000)
      assert.strictEqual((yield* Fiber.join(f)).meta.uncached, "lost")
      assert.strictEqual(cache.stats().leaseLost, 1)
    })
  )
  scenario("16 stale in cooling tells error", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache({ cacheTtl: 1000, staleIfError: 5000, cooldown: 1000 })
      const origin = new Origin()
      yield* cache.getOrSet("k", origin.gives())
      yield* advance(1500)
      const a = yield* cache.getOrSet("k", origin.breaks())
      const b = yield* cache.getOrSet("k", origin.breaks())
      assert.deepStrictEqual([a.meta.cache, b.meta.cache], ["STALE", "STALE"])
      assert.instanceOf(a.meta.error, Broken)
      assert.instanceOf(b.meta.error, Broken)
    })
  )
  scenario("17 refresh fails; joiner of a fresh value", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache({}, remote)
      const origin = new Origin()
      yield* cache.set("k", "old")
      const f = yield* begin(Effect.exit(cache.refresh("k", origin.breaks(100))))
      const g = yield* begin(Effect.exit(cache.getOrSet("k", origin.gives())))
      yield* advance(1000)
      const e = ended(g)
      assert.isTrue(Exit.isSuccess(e) && Exit.isSuccess(e.value), String(e))
    })
  )
  scenario("18 detached own call", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache({})
      const results: Array<any> = []
      const f = yield* begin(Effect.exit(cache.getOrSet("k", () => Effect.suspend(() => {
        Effect.runFork(Effect.exit(cache.getOrSet("k", () => Effect.succeed("inner")))).addObserver((e) => results.push(e))
        return Effect.sleep(10).pipe(Effect.as("v"))
      }))))
      yield* advance(1000)
      assert.deepStrictEqual(results.map((r) => r.value.value?.value ?? String(r.value)), ["v"])
    })
  )
  scenario("19 close order", (world) =>
    Effect.gen(function* () {
      const process = world.process((a) => slow(remote(a), 2))
      yield* Effect.scoped(Effect.gen(function* () {
        const cache = yield* Cache.make({ adapter: process.adapter, cacheTtl: 100, staleWhileRevalidate: 10000 })
        yield* Effect.forkChild(cache.set("k", "v"))
        yield* advance(200)
        const f = yield* begin(cache.getOrSet("k", () => Effect.sleep(1000).pipe(Effect.as("w"))))
        yield* advance(10)
        assert.strictEqual((yield* Fiber.join(f)).meta.cache, "STALE")
      })).pipe(Effect.forkChild)
      yield* advance(0)
      yield* advance(200); yield* advance(10)
      yield* advance(100)
      assert.deepStrictEqual(process.verbs, ["put", "acquire", "abandon", "close"])
    })
  )
  scenario("22 acquire hangs: waitMax", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache({ waitMax: 1000, onWaitTimeout: "fail" }, (a) => faulty(a, { acquire: () => "hang" }))
      const f = yield* begin(Effect.exit(cache.getOrSet("k", () => Effect.succeed("v"))))
      yield* advance(1000_000)
      assert.isFalse(waits(f))
    })
  , { untidy: true })
  for (const bad of [NaN, -5, 0, -Infinity]) scenario(`23 pace ${bad}`, (world) =>
    Effect.gen(function* () {
      let n = 0
      const { cache, process } = yield* world.cache({ waitMax: 60000, waitStrategy: { begin: () => () => Effect.sync(() => { if (++n > 3000) throw new Error("busy"); return bad }) } }, withoutWatch)
      yield* world.crash("k", 1000)
      const origin = new Origin()
      const f = yield* begin(Effect.exit(cache.getOrSet("k", origin.gives())))
      yield* advance(1002)
      assert.isFalse(waits(f))
      assert.isBelow(n, 30)
    })
  )
  scenario("26 eager bypass", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache({ cacheTtl: 1000, staleIfError: 5000, cooldown: 1000, onCooling: "fetch" }, remote)
      const origin = new Origin()
      yield* cache.getOrSet("k", origin.gives())
      yield* advance(1500)
      yield* cache.getOrSet("k", origin.breaks())
      let calls = 0
      const b = yield* cache.getOrSet("k", () => { calls++; return Effect.succeed("z") })
      assert.deepStrictEqual([b.meta.cache, calls], ["STALE", 0])
    })
  )
  scenario("27 set ttl 0", (world) =>
    Effect.gen(function* () {
      const { cache, process } = yield* world.cache({})
      yield* cache.set("k", "a")
      yield* cache.set("k", "b", { cacheTtl: 0 })
      assert.isFalse(yield* cache.has("k"))
      assert.deepStrictEqual(process.calls.map((c) => [c.verb, c.options?.lifetime]), [])
    })
  )
  it("20 sweep", () => {
    for (const n of [10_000, 20_000, 40_000, 80_000]) {
      const adapter = MemoryAdapter.make()
      const t0 = performance.now()
      for (let i = 0; i < n; i++) Effect.runSync(adapter.acquire(`k${i}`, { owner: "a", leaseFor: 1e9 }))
      console.log(n, performance.now() - t0)
    }
  })
  it("21 sizeOf", () => {
    let n = 0
    const adapter = MemoryAdapter.make({ maxBytes: 1000, sizeOf: () => (n++, 1) })
    Effect.runSync(adapter.put("k", { value: bytesOf("x"), lifetime: { fresh: 1000, stale: 0 } }))
    assert.strictEqual(n, 1)
  })
})
