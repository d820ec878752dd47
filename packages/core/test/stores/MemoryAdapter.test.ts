import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as Codec from "../../src/codec/Codec.ts"
import { encodedValue } from "../../src/codec/EncodedValue.ts"
import { Adapter, type AdapterError, type Leader, Token, type Value } from "../../src/contract/Adapter.ts"
import { InvalidOption } from "../../src/contract/CacheLockingError.ts"
import * as MemoryAdapter from "../../src/stores/MemoryAdapter.ts"
import { bytesOf, stepped } from "../support/Scenario.ts"

const lifetime = { fresh: 1000, stale: 0 }
const forever = { fresh: Infinity, stale: 0 }

const put = (adapter: Adapter, key: string, value: Value = bytesOf(key), life = forever) =>
  adapter.put(key, { value, lifetime: life })

const lead = (adapter: Adapter, key: string, owner = "a", leaseFor = 1000) =>
  Effect.map(adapter.acquire(key, { owner, leaseFor }), (found) => {
    if (found._tag !== "Leader") return assert.fail(`not a leader but ${found._tag}`)
    return (found as Leader).token
  })

const has = (adapter: Adapter, key: string) => Effect.map(adapter.read(key), ({ value }) => value !== undefined)

const keysOf = (adapter: Adapter, prefix = "") =>
  Effect.map(Stream.runCollect(adapter.keys!(prefix)), (keys) => [...keys].sort())

describe("the least recently used value", () => {
  it.effect("is evicted first when there are too many", () =>
    Effect.gen(function* () {
      const adapter = MemoryAdapter.make({ maxEntries: 3 })
      for (const key of ["a", "b", "c"]) yield* put(adapter, key)
      // A hit is a use.
      yield* adapter.acquire("a", { owner: "x", leaseFor: 1000 })
      yield* put(adapter, "d")
      assert.deepStrictEqual(yield* keysOf(adapter), ["a", "c", "d"])
      yield* put(adapter, "e")
      assert.deepStrictEqual(yield* keysOf(adapter), ["a", "d", "e"])
    })
  )

  it.effect("a hit without an Effect is a use too", () =>
    Effect.gen(function* () {
      const adapter = MemoryAdapter.make({ maxEntries: 2 })
      yield* put(adapter, "a")
      yield* put(adapter, "b")
      const clock = yield* Effect.clockWith(Effect.succeed)
      assert.isDefined(adapter.hitUnsafe!("a", clock))
      yield* put(adapter, "c")
      assert.deepStrictEqual(yield* keysOf(adapter), ["a", "c"])
    })
  )

  it.effect("writing again is a use, and counts as one value", () =>
    Effect.gen(function* () {
      const adapter = MemoryAdapter.make({ maxEntries: 2 })
      yield* put(adapter, "a")
      yield* put(adapter, "b")
      yield* put(adapter, "a", bytesOf("again"))
      yield* put(adapter, "c")
      assert.deepStrictEqual(yield* keysOf(adapter), ["a", "c"])
      assert.deepStrictEqual((yield* adapter.read("a")).value, bytesOf("again"))
    })
  )

  it.effect("the bound is never exceeded, by any verb", () =>
    Effect.gen(function* () {
      const adapter = MemoryAdapter.make({ maxEntries: 10 })
      for (let i = 0; i < 500; i++) {
        const key = `k${(i * 7919) % 40}`
        const found = yield* adapter.acquire(key, { owner: `${i}`, leaseFor: 1000 })
        if (found._tag === "Leader")
          yield* adapter.fill(key, { token: found.token, value: bytesOf(key), lifetime: forever })
        assert.isAtMost((yield* keysOf(adapter)).length, 10)
      }
    })
  )

  it.effect("10,000 are kept by default", () =>
    Effect.gen(function* () {
      const adapter = MemoryAdapter.make()
      const value = bytesOf("v")
      for (let i = 0; i < 10_050; i++) yield* put(adapter, `k${i}`, value)
      assert.strictEqual((yield* keysOf(adapter)).length, 10_000)
      assert.isFalse(yield* has(adapter, "k49"))
      assert.isTrue(yield* has(adapter, "k50"))
    })
  )
})

describe("evictions", () => {
  it.effect("counts the evictions by bounds, and nothing else", () =>
    Effect.gen(function* () {
      const adapter = MemoryAdapter.make({ maxEntries: 2 })
      yield* put(adapter, "a")
      yield* put(adapter, "a")
      yield* put(adapter, "b", bytesOf("b"), { fresh: 5, stale: 0 })
      yield* adapter.delete("a")
      yield* TestClock.adjust(5)
      yield* adapter.acquire("b", { owner: "x", leaseFor: 1000 })
      assert.strictEqual(adapter.evictions!(), 0)
      for (const key of ["c", "d", "e", "f"]) yield* put(adapter, key)
      assert.strictEqual(adapter.evictions!(), 2)
    })
  )
})

describe("maxBytes", () => {
  it.effect("bounds the bytes of values", () =>
    Effect.gen(function* () {
      const adapter = MemoryAdapter.make({ maxBytes: 100 })
      for (const key of ["a", "b", "c"]) yield* put(adapter, key, { bytes: new Uint8Array(33) })
      assert.deepStrictEqual(yield* keysOf(adapter), ["a", "b", "c"])
      yield* put(adapter, "d", { bytes: new Uint8Array(40) })
      assert.deepStrictEqual(yield* keysOf(adapter), ["c", "d"])
    })
  )

  it.effect("refuses a value that can never fit, and changes nothing", () =>
    Effect.gen(function* () {
      const adapter = MemoryAdapter.make({ maxBytes: 100 })
      yield* put(adapter, "k", bytesOf("old"))
      const big = { bytes: new Uint8Array(101) }
      const token = yield* Effect.map(adapter.acquire("k", { owner: "a", leaseFor: 1000, force: true }), (found) =>
        found._tag === "Leader" ? found.token : assert.fail(found._tag)
      )
      for (const verb of [put(adapter, "k", big), adapter.fill("k", { token, value: big, lifetime })]) {
        const error: AdapterError = yield* Effect.flip(verb as Effect.Effect<unknown, AdapterError>)
        assert.deepInclude(error, { _tag: "AdapterError", reason: "Rejected", adapter: "memory", key: "k" })
        assert.isFalse(error.retryable)
      }
      const { lease, value } = yield* adapter.read("k")
      assert.deepStrictEqual(value, bytesOf("old"))
      assert.strictEqual(lease?.owner, "a")
      assert.strictEqual(adapter.limits.valueBytes, 100)
    })
  )

  it.effect("takes a value that fits to the last byte", () =>
    Effect.gen(function* () {
      const adapter = MemoryAdapter.make({ maxBytes: 100 })
      yield* put(adapter, "k", { bytes: new Uint8Array(100) })
      assert.isTrue(yield* has(adapter, "k"))
      yield* put(adapter, "j", { bytes: new Uint8Array(0) })
      assert.deepStrictEqual(yield* keysOf(adapter), ["j"])
    })
  )

  it.effect("sizeOf is called once per value, with the value and its key", () =>
    Effect.gen(function* () {
      const asked: Array<unknown> = []
      const adapter = MemoryAdapter.make({
        maxBytes: 100,
        sizeOf: (value, key) => {
          asked.push([value, key])
          return 40
        }
      })
      const a = bytesOf("a")
      yield* put(adapter, "a", a)
      const token = yield* lead(adapter, "b")
      const b = bytesOf("b")
      yield* adapter.fill("b", { token, value: b, lifetime: forever })
      assert.deepStrictEqual(asked, [
        [a, "a"],
        [b, "b"]
      ])
      yield* adapter.acquire("a", { owner: "x", leaseFor: 1000 })
      yield* put(adapter, "c")
      assert.deepStrictEqual(yield* keysOf(adapter), ["a", "c"])
    })
  )

  it.effect("a value is refused when sizeOf throws or gives no number", () =>
    Effect.gen(function* () {
      for (const sizeOf of [
        (): number => {
          throw new Error("bug")
        },
        () => Number.NaN,
        () => Infinity,
        () => undefined as never
      ]) {
        const adapter = MemoryAdapter.make({ maxBytes: 100, sizeOf })
        const error = yield* Effect.flip(put(adapter, "k") as Effect.Effect<unknown, AdapterError>)
        assert.strictEqual(error.reason, "Rejected", String(sizeOf))
        assert.isFalse(yield* has(adapter, "k"))
      }
    })
  )

  it.effect("a size of 0 or less counts as 1, so that empty values are bounded too", () =>
    Effect.gen(function* () {
      const adapter = MemoryAdapter.make({ maxBytes: 3, sizeOf: () => -5 })
      for (const key of ["a", "b", "c", "d"]) yield* put(adapter, key)
      assert.deepStrictEqual(yield* keysOf(adapter), ["b", "c", "d"])
    })
  )

  it.effect("a value that cannot be encoded is refused", () =>
    Effect.gen(function* () {
      const adapter = MemoryAdapter.make({ maxBytes: 1000 })
      const error = yield* Effect.flip(
        put(
          adapter,
          "k",
          encodedValue(() => 1, Codec.default)
        ) as Effect.Effect<unknown, AdapterError>
      )
      assert.strictEqual(error.reason, "Rejected")
    })
  )

  it.effect("a value that is touched, or filled without bytes, keeps its size", () =>
    Effect.gen(function* () {
      const adapter = MemoryAdapter.make({ maxBytes: 100 })
      yield* put(adapter, "k", { bytes: new Uint8Array(60) }, { fresh: 1000, stale: 1000 })
      assert.isTrue(yield* adapter.touch("k", { freshFor: 5000 }))
      assert.strictEqual((yield* adapter.read("k")).freshFor, 5000)
      yield* TestClock.adjust(5000)
      const token = yield* lead(adapter, "k")
      assert.isTrue(yield* adapter.fill("k", { token, lifetime }))
      assert.deepInclude(yield* adapter.read("k"), { freshFor: 1000, value: { bytes: new Uint8Array(60) } })
      yield* put(adapter, "j", { bytes: new Uint8Array(40) })
      assert.deepStrictEqual(yield* keysOf(adapter), ["j", "k"])
      yield* put(adapter, "i", { bytes: new Uint8Array(40) })
      assert.deepStrictEqual(yield* keysOf(adapter), ["i", "j"])
    })
  )

  it.effect("renewals, leases and cooldowns of a key leave the sizes alone", () =>
    Effect.gen(function* () {
      const adapter = MemoryAdapter.make({ maxBytes: 100 })
      yield* put(adapter, "k", { bytes: new Uint8Array(50) }, { fresh: 10, stale: 100_000 })
      yield* TestClock.adjust(20)
      for (let i = 0; i < 20; i++) {
        const token = yield* lead(adapter, "k", `${i}`)
        yield* adapter.renew("k", { token, leaseFor: 1000 })
        yield* adapter.abandon("k", { token, cooldown: i % 2 })
        yield* TestClock.adjust(2)
      }
      yield* put(adapter, "j", { bytes: new Uint8Array(40) })
      assert.deepStrictEqual(yield* keysOf(adapter), ["j", "k"])
      yield* put(adapter, "i", { bytes: new Uint8Array(40) })
      assert.deepStrictEqual(yield* keysOf(adapter), ["i", "j"])
    })
  )
})

describe("a live lease", () => {
  it.effect("is never evicted under pressure", () =>
    Effect.gen(function* () {
      const adapter = MemoryAdapter.make({ maxEntries: 10 })
      const tokens = yield* Effect.forEach(
        Array.from({ length: 100 }, (_, i) => `led${i}`),
        (key) => lead(adapter, key)
      )
      for (let i = 0; i < 1000; i++) yield* put(adapter, `other${i}`)
      for (let i = 0; i < 100; i++) {
        const found = yield* adapter.acquire(`led${i}`, { owner: "b", leaseFor: 1000 })
        assert.strictEqual(found._tag, "Follower")
        assert.isTrue(yield* adapter.fill(`led${i}`, { token: tokens[i]!, value: bytesOf("v"), lifetime }))
      }
    })
  )

  it.effect("outlives the eviction of the value beside it", () =>
    Effect.gen(function* () {
      const adapter = MemoryAdapter.make({ maxEntries: 2 })
      yield* put(adapter, "k", bytesOf("old"), { fresh: 10, stale: 10_000 })
      yield* TestClock.adjust(20)
      const token = yield* lead(adapter, "k")
      yield* put(adapter, "a")
      yield* put(adapter, "b")
      const { lease, value } = yield* adapter.read("k")
      assert.deepStrictEqual([value, lease?.endsIn], [undefined, 1000])
      assert.isTrue(yield* adapter.fill("k", { token, value: bytesOf("new"), lifetime }))
      assert.deepStrictEqual((yield* adapter.read("k")).value, bytesOf("new"))
    })
  )

  it.effect("is kept, and so is a cooldown", () =>
    Effect.gen(function* () {
      const adapter = MemoryAdapter.make({ maxEntries: 1 })
      const token = yield* lead(adapter, "k")
      yield* adapter.abandon("k", { token, cooldown: 1000, cause: bytesOf("why") })
      for (let i = 0; i < 100; i++) yield* put(adapter, `other${i}`)
      const found = yield* adapter.acquire("k", { owner: "b", leaseFor: 1000 })
      assert.deepInclude(found, { _tag: "Cooling", retryIn: 1000, cause: bytesOf("why") })
    })
  )
})

describe("expired entries", () => {
  /** Counts the leases and cooldowns in the map inside, because a leak cannot be seen from outside. */
  const countingLeases = (make: () => Adapter): { readonly adapter: Adapter; readonly size: () => number } => {
    const maps: Array<Map<unknown, unknown>> = []
    const Original = globalThis.Map
    class Watched<K, V> extends Original<K, V> {
      constructor(...args: ConstructorParameters<typeof Map<K, V>>) {
        super(...args)
        maps.push(this)
      }
    }
    globalThis.Map = Watched as never
    try {
      const adapter = make()
      return { adapter, size: () => Math.max(0, ...maps.map((map) => (isLeases(map) ? map.size : 0))) }
    } finally {
      globalThis.Map = Original
    }
  }
  const isLeases = (map: Map<unknown, unknown>): boolean => {
    for (const value of map.values()) return typeof value === "object" && value !== null && "lease" in value
    return false
  }

  it.effect("leases of dead flights are removed as others come", () =>
    Effect.gen(function* () {
      const { adapter, size } = countingLeases(() => MemoryAdapter.make())
      for (let i = 0; i < 5000; i++) yield* lead(adapter, `dead${i}`, "a", 100)
      assert.strictEqual(size(), 5000)
      yield* TestClock.adjust(100)
      for (let i = 0; i < 5000; i++) yield* lead(adapter, `new${i}`, "a", 100)
      // Each addition visits two entries, so after as many again no old one is left.
      assert.isAtMost(size(), 5002)
      yield* TestClock.adjust(100)
      for (let i = 0; i < 3000; i++) {
        const token = yield* lead(adapter, `more${i}`, "a", 100)
        yield* adapter.fill(`more${i}`, { token, value: bytesOf("v"), lifetime })
      }
      assert.isAtMost(size(), 5)
    })
  )

  it.effect("leases that ended leave nothing behind", () =>
    Effect.gen(function* () {
      const { adapter, size } = countingLeases(() => MemoryAdapter.make())
      for (let i = 0; i < 100; i++) {
        const filled = yield* lead(adapter, `f${i}`)
        yield* adapter.fill(`f${i}`, { token: filled, value: bytesOf("v"), lifetime })
        const abandoned = yield* lead(adapter, `a${i}`)
        yield* adapter.abandon(`a${i}`, { token: abandoned })
        yield* lead(adapter, `d${i}`)
        yield* adapter.delete(`d${i}`)
        yield* lead(adapter, `p${i}`)
        yield* put(adapter, `p${i}`)
      }
      assert.strictEqual(size(), 0)
    })
  )

  it("removal is amortized: with 100,000 live leases no addition is slow", { retry: 2 }, () => {
    const adapter = MemoryAdapter.make()
    const time = (n: number, f: (i: number) => Effect.Effect<unknown, unknown>) => {
      const began = performance.now()
      for (let i = 0; i < n; i++) Effect.runSync(f(i))
      return (performance.now() - began) / n
    }
    const acquire = (i: number) => adapter.acquire(`k${i}`, { owner: "a", leaseFor: 1e9 })
    time(5000, acquire)
    const few = time(5000, (i) => acquire(i + 5000))
    time(90_000, (i) => acquire(i + 10_000))
    const many = time(5000, (i) => acquire(i + 100_000))
    const again = time(5000, (i) => acquire(i * 17))
    assert.isBelow(many, few * 10 + 0.01)
    assert.isBelow(again, few * 10 + 0.01)
  })

  it.effect("no verb finds an expired value, although it is still in memory", () =>
    Effect.gen(function* () {
      const adapter = MemoryAdapter.make()
      yield* put(adapter, "k", bytesOf("v"), { fresh: 100, stale: 100 })
      yield* TestClock.adjust(200)
      const clock = yield* Effect.clockWith(Effect.succeed)
      assert.isUndefined(adapter.hitUnsafe!("k", clock))
      assert.isUndefined((yield* adapter.read("k")).value)
      assert.deepStrictEqual(yield* keysOf(adapter), [])
      assert.isFalse(yield* adapter.delete("k"))
      yield* put(adapter, "k", bytesOf("v"), { fresh: 100, stale: 100 })
      yield* TestClock.adjust(200)
      assert.deepInclude(yield* adapter.acquire("k", { owner: "a", leaseFor: 1000 }), {
        _tag: "Leader",
        stale: undefined
      })
    })
  )
})

describe("hitUnsafe", () => {
  it.effect("answers as acquire would for fresh values, and nothing else", () =>
    Effect.gen(function* () {
      const adapter = MemoryAdapter.make()
      const clock = yield* Effect.clockWith(Effect.succeed)
      assert.isUndefined(adapter.hitUnsafe!("k", clock))
      const value = bytesOf("v")
      yield* put(adapter, "k", value, { fresh: 1000, stale: 500 })
      yield* TestClock.adjust(400)
      assert.deepInclude(adapter.hitUnsafe!("k", clock), { value, freshFor: 600, age: 400 })
      assert.strictEqual(adapter.hitUnsafe!("k", clock)!.value, value)
      yield* TestClock.adjust(600)
      assert.isUndefined(adapter.hitUnsafe!("k", clock))
      yield* lead(adapter, "led")
      assert.isUndefined(adapter.hitUnsafe!("led", clock))
    })
  )

  it.effect("a step of the wall clock changes no age, lease or cooldown", () =>
    Effect.gen(function* () {
      let step = 0
      const clock = yield* stepped(() => step)
      const adapter = MemoryAdapter.make()
      const test = Effect.gen(function* () {
        yield* put(adapter, "k", bytesOf("v"), lifetime)
        const token = yield* lead(adapter, "failed")
        yield* adapter.abandon("failed", { token, cooldown: 100 })
        yield* lead(adapter, "led")
        yield* TestClock.adjust(40)
        for (const by of [0, 3_600_000, -3_600_000]) {
          step = by
          assert.strictEqual(adapter.hitUnsafe!("k", clock)!.age, 40)
          assert.strictEqual((yield* adapter.read("k")).age, 40)
          assert.strictEqual((yield* adapter.read("failed")).cooling?.retryIn, 60)
          assert.strictEqual((yield* adapter.read("led")).lease?.endsIn, 960)
        }
      })
      yield* Effect.provideService(test, Clock.Clock, clock)
    })
  )

  it.effect("instants far from the first are right too", () =>
    Effect.gen(function* () {
      const adapter = MemoryAdapter.make()
      yield* put(adapter, "early", bytesOf("v"), { fresh: 2 ** 42, stale: 0 })
      yield* TestClock.setTime(2 ** 41 + 0.5)
      yield* put(adapter, "late", bytesOf("v"), lifetime)
      assert.strictEqual((yield* adapter.read("early")).age, 2 ** 41 + 0.5)
      yield* TestClock.adjust(999)
      assert.strictEqual((yield* adapter.read("late")).freshFor, 1)
      yield* TestClock.adjust(1)
      assert.isUndefined((yield* adapter.read("late")).value)
    })
  )
})

describe("keys", () => {
  it.effect("lists the keys that have a value or are leased, each once, by prefix", () =>
    Effect.gen(function* () {
      const adapter = MemoryAdapter.make()
      for (const key of ["user:1", "user:2", "users", "post:1", ""]) if (key !== "") yield* put(adapter, key)
      yield* lead(adapter, "user:led", "a", 1000)
      yield* lead(adapter, "user:dead", "a", 5)
      yield* put(adapter, "user:stale", bytesOf("v"), { fresh: 0, stale: 1000 })
      yield* put(adapter, "user:gone", bytesOf("v"), { fresh: 5, stale: 0 })
      yield* TestClock.adjust(5)
      assert.deepStrictEqual(yield* keysOf(adapter, "user:"), ["user:1", "user:2", "user:led", "user:stale"])
      assert.deepStrictEqual(yield* keysOf(adapter, "none"), [])
      yield* lead(adapter, "user:stale")
      assert.strictEqual((yield* keysOf(adapter)).length, 6)
    })
  )

  it.effect("is a snapshot: a delete meanwhile disturbs nothing", () =>
    Effect.gen(function* () {
      const adapter = MemoryAdapter.make()
      for (let i = 0; i < 100; i++) yield* put(adapter, `k${i}`)
      const seen = yield* Stream.runFold(
        Stream.mapEffect(adapter.keys!("k"), (key) => Effect.as(adapter.delete(key), key)),
        () => 0,
        (count) => count + 1
      )
      assert.strictEqual(seen, 100)
      assert.deepStrictEqual(yield* keysOf(adapter), [])
    })
  )
})

describe("watch", () => {
  const watching = (adapter: Adapter, key: string) =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const woken = yield* Scope.provide(adapter.watch!(key), scope)
      const fiber = yield* Effect.forkChild(woken)
      yield* Effect.yieldNow
      return { scope, fiber, awake: () => fiber.pollUnsafe() !== undefined }
    })

  it.effect("is woken by each verb that changes the key, and by no other", () =>
    Effect.gen(function* () {
      const adapter = MemoryAdapter.make()
      const token = yield* lead(adapter, "k")
      const { awake, fiber, scope } = yield* watching(adapter, "k")
      yield* adapter.acquire("k", { owner: "b", leaseFor: 1000 })
      yield* adapter.renew("k", { token, leaseFor: 1000 })
      yield* adapter.read("k")
      yield* adapter.fill("k", { token: Token("other"), value: bytesOf("v"), lifetime })
      yield* adapter.abandon("k", { token: Token("other") })
      yield* put(adapter, "j")
      yield* adapter.delete("j")
      yield* Effect.yieldNow
      assert.isFalse(awake())
      yield* adapter.fill("k", { token, value: bytesOf("v"), lifetime })
      yield* Fiber.join(fiber)
      yield* Scope.close(scope, Exit.void)
      for (const change of [put(adapter, "k"), adapter.delete("k")] as ReadonlyArray<
        Effect.Effect<unknown, AdapterError>
      >) {
        const next = yield* watching(adapter, "k")
        yield* change
        yield* Fiber.join(next.fiber)
        yield* Scope.close(next.scope, Exit.void)
      }
      const again = yield* lead(adapter, "k")
      const last = yield* watching(adapter, "k")
      yield* adapter.abandon("k", { token: again })
      yield* Fiber.join(last.fiber)
      yield* Scope.close(last.scope, Exit.void)
    })
  )

  it.effect("wakes every watcher, also one that awaits only afterwards", () =>
    Effect.gen(function* () {
      const adapter = MemoryAdapter.make()
      yield* Effect.scoped(
        Effect.gen(function* () {
          const wokens = yield* Effect.forEach(Array.from({ length: 50 }), () => adapter.watch!("k"))
          yield* put(adapter, "k")
          for (const woken of wokens) yield* woken
        })
      )
    })
  )

  it.effect("a watcher that stops does not stop the others", () =>
    Effect.gen(function* () {
      const adapter = MemoryAdapter.make()
      const first = yield* watching(adapter, "k")
      const second = yield* watching(adapter, "k")
      yield* Scope.close(first.scope, Exit.void)
      yield* put(adapter, "k")
      yield* Fiber.join(second.fiber)
      assert.isFalse(first.awake())
      yield* Fiber.interrupt(first.fiber)
      yield* Scope.close(second.scope, Exit.void)
    })
  )

  it.effect("a watcher that closes after it was woken does not end a newer watch", () =>
    Effect.gen(function* () {
      const adapter = MemoryAdapter.make()
      const first = yield* watching(adapter, "k")
      yield* put(adapter, "k")
      const second = yield* watching(adapter, "k")
      yield* Scope.close(first.scope, Exit.void)
      yield* put(adapter, "k")
      yield* Fiber.join(second.fiber)
      yield* Scope.close(second.scope, Exit.void)
    })
  )
})

describe("changes", () => {
  it.effect("reports every key that is filled, put or deleted, as long as its scope lives", () =>
    Effect.gen(function* () {
      const adapter = MemoryAdapter.make()
      const scope = yield* Scope.make()
      const changed: Array<string> = []
      yield* Scope.provide(
        adapter.changes!({
          changed: (key) => changed.push(key),
          lost: () => assert.fail(),
          restored: () => assert.fail()
        }),
        scope
      )
      yield* put(adapter, "put")
      const token = yield* lead(adapter, "fill")
      yield* adapter.fill("fill", { token, value: bytesOf("v"), lifetime })
      yield* adapter.delete("put")
      yield* adapter.read("fill")
      assert.deepStrictEqual(changed, ["put", "fill", "put"])
      yield* Scope.close(scope, Exit.void)
      yield* put(adapter, "after")
      assert.strictEqual(changed.length, 3)
    })
  )
})

describe("options", () => {
  it("are checked when the adapter is made", () => {
    for (const [options, option] of [
      [{ maxEntries: 0 }, "maxEntries"],
      [{ maxEntries: 1.5 }, "maxEntries"],
      [{ maxEntries: Infinity }, "maxEntries"],
      [{ maxEntries: "5" }, "maxEntries"],
      [{ maxBytes: 0 }, "maxBytes"],
      [{ maxBytes: -5 }, "maxBytes"],
      [{ maxBytes: Number.NaN }, "maxBytes"],
      [{ sizeOf: 5 }, "sizeOf"],
      [{ maxSize: 5 }, "maxSize"],
      [null, "options"]
    ] as ReadonlyArray<readonly [any, string]>) {
      try {
        MemoryAdapter.make(options)
        assert.fail(`accepted ${JSON.stringify(options)}`)
      } catch (error) {
        assert.instanceOf(error, InvalidOption, JSON.stringify(options))
        assert.strictEqual((error as InvalidOption).option, option)
      }
    }
    MemoryAdapter.make({ maxEntries: undefined, maxBytes: Infinity, sizeOf: undefined })
  })

  it.effect("layer provides one adapter to all its users", () =>
    Effect.gen(function* () {
      const [one, two] = yield* Effect.all([Adapter, Adapter]).pipe(
        Effect.provide(MemoryAdapter.layer({ maxEntries: 5 }))
      )
      assert.strictEqual(one, two)
      assert.strictEqual(one.name, "memory")
    })
  )

  it.effect("two adapters share nothing", () =>
    Effect.gen(function* () {
      const one = MemoryAdapter.make()
      const two = MemoryAdapter.make()
      yield* put(one, "k")
      assert.isFalse(yield* has(two, "k"))
    })
  )
})
