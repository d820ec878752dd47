import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { Adapter, type Value } from "../../src/contract/Adapter.ts"
import * as MemoryAdapter from "../../src/stores/MemoryAdapter.ts"
import * as ValueStore from "../../src/stores/ValueStore.ts"
import { Values } from "../fixtures/Values.ts"
import { down } from "../support/Faulty.ts"

const value = (text: string): Value => ({ bytes: new TextEncoder().encode(text) })
const lifetime = { fresh: 1000, stale: 500 }
const asked = { owner: "a", leaseFor: 100 }

const setup = () => {
  const values = new Values()
  const leases = MemoryAdapter.make()
  return { values, leases, adapter: ValueStore.withLeases(values.store, leases) }
}

const lead = (adapter: Adapter, key: string, owner = "a") =>
  Effect.map(adapter.acquire(key, { owner, leaseFor: 100 }), (found) => {
    if (found._tag !== "Leader") return assert.fail(`not a leader but ${found._tag}`)
    return found.token
  })

const filled = (adapter: Adapter, key: string, text: string) =>
  Effect.flatMap(lead(adapter, key), (token) => adapter.fill(key, { token, value: value(text), lifetime }))

describe("withLeases", () => {
  it.effect("keeps the bytes in one store and only their name in the other", () =>
    Effect.gen(function* () {
      const { adapter, leases, values } = setup()
      assert.isTrue(yield* filled(adapter, "k", "v"))
      assert.deepStrictEqual(yield* adapter.acquire("k", asked), {
        _tag: "Hit",
        value: value("v"),
        freshFor: 1000,
        age: 0,
        took: 0
      })
      assert.deepStrictEqual([values.sets, values.gets], [1, 1])
      const named = (yield* leases.read("k")).value
      assert.notDeepEqual(named, value("v"))
      assert.deepStrictEqual([...values.map.values()], [{ bytes: value("v").bytes, ttl: 61_500 }])
    })
  )

  it.effect(
    "bytes that were to live for ever get an end with their name, by a touch and by a fill without a value",
    () =>
      Effect.gen(function* () {
        for (const verb of ["touch", "fill"] as const) {
          const { adapter, values } = setup()
          yield* adapter.put("k", { value: value("v"), lifetime: { fresh: Infinity, stale: 0 } })
          assert.deepStrictEqual([...values.map.values()][0]?.ttl, Infinity)
          if (verb === "touch") assert.isTrue(yield* adapter.touch("k", { freshFor: 1000 }))
          else {
            const led = yield* adapter.acquire("k", { ...asked, refreshWithin: Infinity })
            if (led._tag !== "Leader") return assert.fail(`not a leader but ${led._tag}`)
            assert.isTrue(yield* adapter.fill("k", { token: led.token, lifetime }))
          }
          assert.isBelow([...values.map.values()][0]!.ttl, 120_000, verb)
          assert.strictEqual(values.map.size, 1)
        }
      })
  )

  it.effect("a verb that looks at the leases first fails as itself", () =>
    Effect.gen(function* () {
      const { leases, values } = setup()
      const broken = { ...leases, read: () => Effect.fail(down("read")) }
      const adapter = ValueStore.withLeases(values.store, broken)
      const failed = yield* Effect.flip(adapter.touch("k", { freshFor: 1000 }))
      assert.deepInclude({ ...failed }, { operation: "touch", key: "k", reason: "Unavailable" })
    })
  )

  it.effect("a fill whose lease was lost leaves what others read alone", () =>
    Effect.gen(function* () {
      const { adapter } = setup()
      const old = yield* lead(adapter, "k")
      yield* adapter.put("k", { value: value("new"), lifetime })
      assert.isFalse(yield* adapter.fill("k", { token: old, value: value("old"), lifetime }))
      assert.deepInclude(yield* adapter.acquire("k", asked), { _tag: "Hit", value: value("new") })
    })
  )

  it.effect("stale values come with leader, follower and cooldown", () =>
    Effect.gen(function* () {
      const { adapter } = setup()
      yield* filled(adapter, "k", "v")
      yield* TestClock.adjust(1100)
      const stale = { value: value("v"), age: 1100, took: 0, staleFor: 100 }
      const leader = yield* adapter.acquire("k", asked)
      assert.deepInclude(leader, { _tag: "Leader", stale })
      assert.deepInclude(yield* adapter.acquire("k", { ...asked, owner: "b" }), { _tag: "Follower", stale })
      if (leader._tag !== "Leader") return
      yield* adapter.abandon("k", { token: leader.token, cooldown: 50, cause: value("why") })
      assert.deepStrictEqual(yield* adapter.acquire("k", asked), {
        _tag: "Cooling",
        retryIn: 50,
        cause: value("why"),
        stale
      })
    })
  )

  it.effect("a value that is gone is a miss: one leads, the rest follow, and its fill heals the key", () =>
    Effect.gen(function* () {
      const { adapter, values } = setup()
      yield* filled(adapter, "k", "v")
      values.map.clear()
      assert.deepInclude(yield* adapter.read("k"), { value: undefined, freshFor: 0, keptFor: 0 })
      const token = yield* lead(adapter, "k", "a")
      assert.strictEqual(yield* lead(adapter, "k", "a"), token)
      assert.deepStrictEqual(yield* adapter.acquire("k", { ...asked, owner: "b" }), {
        _tag: "Follower",
        leaseEndsIn: 100
      })
      assert.isTrue(yield* adapter.fill("k", { token, value: value("again"), lifetime }))
      assert.deepInclude(yield* adapter.acquire("k", asked), { _tag: "Hit", value: value("again") })
    })
  )

  it.effect("a value that is gone while the key cools down is not loaded", () =>
    Effect.gen(function* () {
      const { adapter, values } = setup()
      yield* filled(adapter, "k", "v")
      values.map.clear()
      const token = yield* lead(adapter, "k")
      yield* adapter.abandon("k", { token, cooldown: 50, cause: value("why") })
      assert.deepStrictEqual(yield* adapter.acquire("k", asked), { _tag: "Cooling", retryIn: 50, cause: value("why") })
    })
  )

  it.effect("a leader that takes over a value that is gone takes nothing from a newer load", () =>
    Effect.gen(function* () {
      const { adapter, leases, values } = setup()
      yield* filled(adapter, "k", "v")
      values.map.clear()
      // Between the look at the gone value and the next question another flight fills the key.
      let first = true
      const overtaken = ValueStore.withLeases(
        {
          ...values.store,
          get: (name) =>
            Effect.tap(values.store.get(name), () => {
              if (!first) return Effect.void
              first = false
              return adapter.put("k", { value: value("newer"), lifetime })
            })
        },
        leases
      )
      assert.deepInclude(yield* overtaken.acquire("k", asked), { _tag: "Hit", value: value("newer") })
      assert.strictEqual((yield* leases.read("k")).lease, undefined)
      first = true
      values.map.clear()
      assert.deepInclude(yield* overtaken.read("k"), { value: value("newer") })
    })
  )

  it.effect("what somebody stored there without a value store is a miss", () =>
    Effect.gen(function* () {
      const { adapter, leases } = setup()
      yield* leases.put("k", { value: value("plain"), lifetime })
      assert.strictEqual((yield* adapter.read("k")).value, undefined)
      yield* filled(adapter, "k", "v")
      assert.deepInclude(yield* adapter.acquire("k", asked), { _tag: "Hit", value: value("v") })
    })
  )

  it.effect("gives up in bounded time on a key that never holds still", () =>
    Effect.gen(function* () {
      const { adapter, leases, values } = setup()
      yield* adapter.put("k", { value: value("v"), lifetime })
      const restless = ValueStore.withLeases(
        {
          ...values.store,
          get: () => Effect.as(adapter.put("k", { value: value("v"), lifetime }), undefined)
        },
        leases
      )
      assert.deepInclude(yield* Effect.flip(restless.acquire("k", asked)), { reason: "Unavailable", key: "k" })
      assert.deepInclude(yield* Effect.flip(restless.read("k")), { reason: "Unavailable", operation: "read" })
    })
  )

  it.effect("a value store that is down fails a hit, and costs a leader only the stale value", () =>
    Effect.gen(function* () {
      const { adapter, values } = setup()
      yield* filled(adapter, "k", "v")
      values.broken = true
      assert.deepInclude(yield* Effect.flip(adapter.acquire("k", asked)), {
        adapter: "values+memory",
        operation: "acquire",
        key: "k",
        reason: "Unavailable"
      })
      yield* TestClock.adjust(1100)
      assert.deepInclude(yield* adapter.acquire("k", asked), { _tag: "Leader", stale: undefined })
    })
  )

  it.effect("removes overtaken, deleted and refused versions where it can", () =>
    Effect.gen(function* () {
      const values = new Values()
      const adapter = ValueStore.withLeases(values.removing, MemoryAdapter.make())
      const texts = () => [...values.map.values()].map(({ bytes }) => new TextDecoder().decode(bytes))
      yield* filled(adapter, "k", "one")
      yield* TestClock.adjust(1100)
      yield* filled(adapter, "k", "two")
      assert.deepStrictEqual(texts(), ["two"])
      yield* adapter.put("k", { value: value("three"), lifetime })
      assert.deepStrictEqual(texts(), ["three"])
      yield* adapter.delete("k")
      assert.deepStrictEqual(texts(), [])
      const token = yield* lead(adapter, "k")
      yield* adapter.delete("k")
      assert.isFalse(yield* adapter.fill("k", { token, value: value("late"), lifetime }))
      assert.deepStrictEqual(texts(), [])
    })
  )

  it.effect("a fill that is run again, as a retry does, takes nothing from what it stored", () =>
    Effect.gen(function* () {
      const adapter = ValueStore.withLeases(new Values().removing, MemoryAdapter.make())
      const token = yield* lead(adapter, "k")
      const fill = adapter.fill("k", { token, value: value("v"), lifetime })
      assert.isTrue(yield* fill)
      assert.isFalse(yield* fill)
      assert.deepInclude(yield* adapter.acquire("k", asked), { _tag: "Hit", value: value("v") })
    })
  )

  it.effect("a fill without a value writes the same version for longer, and names nothing anew", () =>
    Effect.gen(function* () {
      const { adapter, leases, values } = setup()
      yield* filled(adapter, "k", "v")
      const [name] = values.map.keys()
      const named = (yield* leases.read("k")).value
      yield* TestClock.adjust(1100)
      const token = yield* lead(adapter, "k")
      yield* TestClock.adjust(30)
      assert.isTrue(yield* adapter.fill("k", { token, lifetime: { fresh: 7000, stale: 0 } }))
      assert.deepStrictEqual([...values.map], [[name, { bytes: value("v").bytes, ttl: 67_000 }]])
      assert.deepStrictEqual((yield* leases.read("k")).value, named)
      const found = yield* adapter.acquire("k", asked)
      assert.deepStrictEqual(found, { _tag: "Hit", value: value("v"), freshFor: 7000, age: 0, took: 30 })
      assert.isFalse(yield* adapter.fill("k", { token, lifetime }))
    })
  )

  it.effect("a fill without a value brings no version back that is gone, and the lease goes on", () =>
    Effect.gen(function* () {
      const { adapter, values } = setup()
      const first = yield* lead(adapter, "k")
      assert.isFalse(yield* adapter.fill("k", { token: first, lifetime }))
      assert.isTrue(yield* adapter.fill("k", { token: first, value: value("v"), lifetime }))
      yield* TestClock.adjust(1000)
      const token = yield* lead(adapter, "k")
      values.map.clear()
      assert.isFalse(yield* adapter.fill("k", { token, lifetime }))
      assert.strictEqual(values.map.size, 0)
      assert.deepInclude(yield* adapter.acquire("k", { ...asked, owner: "b" }), { _tag: "Follower" })
      assert.isTrue(yield* adapter.fill("k", { token, value: value("w"), lifetime }))
      assert.deepInclude(yield* adapter.acquire("k", asked), { _tag: "Hit", value: value("w") })
    })
  )

  it.effect("a fill without a value removes nothing that is named, also when it is followed by one with a value", () =>
    Effect.gen(function* () {
      const values = new Values()
      const adapter = ValueStore.withLeases(values.removing, MemoryAdapter.make())
      yield* filled(adapter, "k", "v")
      for (let round = 0; round < 3; round++) {
        yield* TestClock.adjust(1100)
        const token = yield* lead(adapter, "k")
        assert.isTrue(yield* adapter.fill("k", { token, lifetime }))
        assert.strictEqual(values.map.size, 1)
        assert.deepInclude(yield* adapter.acquire("k", asked), { _tag: "Hit", value: value("v") })
      }
      yield* TestClock.adjust(1100)
      yield* filled(adapter, "k", "w")
      assert.strictEqual(values.map.size, 1)
    })
  )

  it.effect("a touch lets the version live as long as its name, and a shorter one costs no bytes", () =>
    Effect.gen(function* () {
      const { adapter, values } = setup()
      yield* filled(adapter, "k", "v")
      assert.isTrue(yield* adapter.touch("k", { freshFor: 7000 }))
      assert.deepStrictEqual([...values.map.values()], [{ bytes: value("v").bytes, ttl: 67_500 }])
      assert.deepInclude(yield* adapter.read("k"), { value: value("v"), freshFor: 7000, keptFor: 7500 })
      values.sets = 0
      assert.isTrue(yield* adapter.touch("k", { freshFor: 10 }))
      assert.strictEqual(values.sets, 0)
      assert.deepInclude(yield* adapter.read("k"), { value: value("v"), freshFor: 10, keptFor: 510 })
    })
  )

  it.effect("an endless version is touched to end, and one with an end to have none", () =>
    Effect.gen(function* () {
      const { adapter, values } = setup()
      const ttls = () => [...values.map.values()].map(({ ttl }) => ttl)
      yield* adapter.put("k", { value: value("v"), lifetime: { fresh: Infinity, stale: 0 } })
      assert.isTrue(yield* adapter.touch("k", { freshFor: 5000 }))
      assert.deepStrictEqual(ttls(), [65_000])
      assert.deepInclude(yield* adapter.read("k"), { value: value("v"), freshFor: 5000 })
      yield* adapter.put("k", { value: value("w"), lifetime })
      values.map.delete([...values.map.keys()][0]!)
      assert.isTrue(yield* adapter.touch("k", { freshFor: Infinity }))
      assert.deepStrictEqual(ttls(), [Infinity])
      assert.isTrue(yield* adapter.touch("k", { freshFor: Infinity }))
      assert.deepStrictEqual(ttls(), [Infinity])
    })
  )

  it.effect("what is refused shortens no version's life, and moves no bytes for what is not fresh", () =>
    Effect.gen(function* () {
      const { adapter, values } = setup()
      const old = yield* lead(adapter, "k")
      yield* adapter.put("k", { value: value("v"), lifetime: { fresh: 500_000, stale: 500_000 } })
      assert.isFalse(yield* adapter.fill("k", { token: old, lifetime: { fresh: 1, stale: 0 } }))
      assert.deepStrictEqual(
        [...values.map.values()].map(({ ttl }) => ttl),
        [1_060_000]
      )
      yield* TestClock.adjust(500_000)
      values.sets = values.gets = 0
      assert.isFalse(yield* adapter.touch("k", { freshFor: 5000 }))
      assert.deepStrictEqual([values.sets, values.gets], [0, 0])
      assert.deepInclude(yield* adapter.acquire("k", asked), { _tag: "Leader" })
    })
  )

  it.effect("a version that is deleted while it is written again is not left behind", () =>
    Effect.gen(function* () {
      const values = new Values()
      const leases = MemoryAdapter.make()
      const plain = ValueStore.withLeases(values.removing, leases)
      const overtaken = ValueStore.withLeases(
        {
          ...values.removing,
          get: (name) => Effect.tap(values.removing.get(name), () => Effect.ignore(plain.delete("k")))
        },
        leases
      )
      yield* filled(plain, "k", "v")
      assert.isFalse(yield* overtaken.touch("k", { freshFor: 5000 }))
      assert.strictEqual(values.map.size, 0)
      yield* filled(plain, "k", "v")
      yield* TestClock.adjust(1000)
      const token = yield* lead(plain, "k")
      assert.isFalse(yield* overtaken.fill("k", { token, lifetime }))
      assert.strictEqual(values.map.size, 0)
    })
  )

  it.effect("failures of touches and fills without a value are told as this adapter's own", () =>
    Effect.gen(function* () {
      const values = new Values()
      const adapter = ValueStore.withLeases(values.store, {
        ...MemoryAdapter.make(),
        limits: { keyBytes: 100, valueBytes: 1000, tick: 1, clock: "store" }
      })
      const token = yield* lead(adapter, "k")
      const long = "k".repeat(101)
      assert.deepInclude(yield* Effect.flip(adapter.touch(long, { freshFor: 1 })), {
        operation: "touch",
        reason: "Rejected"
      })
      assert.deepInclude(yield* Effect.flip(adapter.fill(long, { token, lifetime })), {
        operation: "fill",
        reason: "Rejected"
      })
      yield* adapter.put("k", { value: value("v"), lifetime })
      values.broken = true
      assert.deepInclude(yield* Effect.flip(adapter.touch("k", { freshFor: 5000 })), {
        adapter: "values+memory",
        operation: "touch",
        reason: "Unavailable"
      })
      assert.deepInclude(yield* adapter.read("k").pipe(Effect.flip), { operation: "read" })
    })
  )

  it.effect("goes by the value store's size and refuses more before anything is written", () =>
    Effect.gen(function* () {
      const { adapter, values } = setup()
      assert.strictEqual(adapter.limits.valueBytes, 1000)
      const token = yield* lead(adapter, "k")
      const big = { token, value: { bytes: new Uint8Array(1001) }, lifetime }
      assert.deepInclude(yield* Effect.flip(adapter.fill("k", big)), { reason: "Rejected" })
      assert.strictEqual(values.sets, 0)
      assert.isTrue(yield* adapter.fill("k", { ...big, value: { bytes: new Uint8Array(1000) } }))
    })
  )

  it.effect("settles every key of a batch, where the leases have batches", () =>
    Effect.gen(function* () {
      const values = new Values()
      const leases = MemoryAdapter.make()
      const batching: Adapter = {
        ...leases,
        acquireMany: (keys, options) => Effect.forEach(keys, (key) => leases.acquire(key, options))
      }
      const adapter = ValueStore.withLeases(values.store, batching)
      yield* adapter.put("a", { value: value("v"), lifetime })
      const found = yield* adapter.acquireMany!(["a", "b"], asked)
      assert.deepInclude(found[0], { _tag: "Hit", value: value("v") })
      assert.deepInclude(found[1], { _tag: "Leader" })
      assert.strictEqual(ValueStore.withLeases(values.store, leases).acquireMany, undefined)
    })
  )

  it.effect("lists and watches as the leases do, and never answers names as near hits", () =>
    Effect.gen(function* () {
      const { adapter, leases } = setup()
      yield* filled(adapter, "k", "v")
      assert.deepStrictEqual(yield* Stream.runCollect(adapter.keys!("")), ["k"])
      const token = yield* lead(adapter, "led")
      assert.deepStrictEqual((yield* Stream.runCollect(adapter.keys!(""))).toSorted(), ["k", "led"])
      yield* adapter.abandon("led", { token })
      assert.strictEqual(adapter.watch, leases.watch)
      assert.strictEqual(adapter.changes, leases.changes)
      assert.strictEqual(adapter.hitUnsafe, undefined)
      assert.strictEqual(adapter.keepsReferences, undefined)
    })
  )

  it("two over the same stores are one to flights, and no other pair is", () => {
    const { adapter, leases, values } = setup()
    assert.strictEqual(ValueStore.withLeases(values.store, leases).identity, adapter.identity)
    assert.notStrictEqual(ValueStore.withLeases(new Values().store, leases).identity, adapter.identity)
    assert.notStrictEqual(ValueStore.withLeases(values.store, MemoryAdapter.make()).identity, adapter.identity)
  })

  describe("with small values kept beside their leases", () => {
    const inlining = (inlineBytes = 4) => {
      const values = new Values()
      const leases = MemoryAdapter.make()
      return { values, leases, adapter: ValueStore.withLeases(values.removing, leases, { inlineBytes }) }
    }
    const empty: Value = { bytes: new Uint8Array() }
    const whole = (found: Value | undefined) => found && new TextDecoder().decode(found.bytes)

    it.effect("a value up to the bound is kept there, byte for byte, and one over it under a name", () =>
      Effect.gen(function* () {
        const { adapter, values } = inlining()
        for (const small of [value("four"), empty, { bytes: Uint8Array.of(0, 1, 255) }]) {
          yield* adapter.put("k", { value: small, lifetime })
          assert.deepInclude(yield* adapter.acquire("k", asked), { _tag: "Hit", value: small })
          assert.deepStrictEqual((yield* adapter.read("k")).value, small)
        }
        assert.deepStrictEqual([values.sets, values.gets], [0, 0])
        yield* adapter.put("k", { value: value("fives"), lifetime })
        assert.deepInclude(yield* adapter.acquire("k", asked), { _tag: "Hit", value: value("fives") })
        assert.deepStrictEqual([values.sets, values.gets], [1, 1])
      })
    )

    it.effect(
      "it is stale beside a lease, touched, and filled anew like any other, and no bytes are written apart",
      () =>
        Effect.gen(function* () {
          const { adapter, values } = inlining()
          yield* filled(adapter, "k", "v")
          assert.isTrue(yield* adapter.touch("k", { freshFor: 2000 }))
          yield* TestClock.adjust(2100)
          const found = yield* adapter.acquire("k", asked)
          if (found._tag !== "Leader") return assert.fail(found._tag)
          assert.strictEqual(whole(found.stale?.value), "v")
          assert.isTrue(yield* adapter.fill("k", { token: found.token, lifetime }))
          assert.strictEqual(whole((yield* adapter.read("k")).value), "v")
          yield* adapter.delete("k")
          assert.isFalse(yield* adapter.touch("k", { freshFor: 2000 }))
          assert.deepStrictEqual([values.sets, values.gets], [0, 0])
        })
    )

    it.effect("a smaller value takes the place of a larger one that is read at that moment", () =>
      Effect.gen(function* () {
        const { adapter, leases, values } = inlining()
        yield* adapter.put("k", { value: value("larger"), lifetime })
        const overtaken = ValueStore.withLeases(
          {
            ...values.removing,
            get: (name) => Effect.andThen(adapter.put("k", { value: value("v"), lifetime }), values.store.get(name))
          },
          leases,
          { inlineBytes: 4 }
        )
        assert.deepInclude(yield* overtaken.acquire("k", asked), { _tag: "Hit", value: value("v") })
        assert.strictEqual(values.map.size, 0)
      })
    )

    it.effect("none is, unless it is told", () =>
      Effect.gen(function* () {
        const { adapter, values } = setup()
        yield* adapter.put("k", { value: empty, lifetime })
        assert.strictEqual(values.sets, 1)
      })
    )
  })

  it.effect("where versions last, a touch and a fill without a value move no bytes", () =>
    Effect.gen(function* () {
      const values = new Values()
      const adapter = ValueStore.withLeases({ ...values.store, lasting: true }, MemoryAdapter.make())
      yield* filled(adapter, "k", "v")
      values.sets = values.gets = 0
      assert.isTrue(yield* adapter.touch("k", { freshFor: 500_000 }))
      yield* TestClock.adjust(500_100)
      const token = yield* adapter.acquire("k", { ...asked, owner: "other" })
      values.gets = 0
      if (token._tag !== "Leader") return assert.fail(token._tag)
      assert.isTrue(yield* adapter.fill("k", { token: token.token, lifetime }))
      assert.deepStrictEqual([values.sets, values.gets], [0, 0])
    })
  )

  it.effect("where the leases remove what they write over, only what was refused is removed here", () =>
    Effect.gen(function* () {
      const values = new Values()
      const leases = { ...MemoryAdapter.make(), deleteMany: () => Effect.succeed(0) }
      const adapter = ValueStore.withLeases(values.removing, leases, { leasesDiscard: true })
      assert.strictEqual(adapter.deleteMany, leases.deleteMany)
      yield* adapter.put("k", { value: value("one"), lifetime })
      yield* adapter.put("k", { value: value("two"), lifetime })
      assert.strictEqual(values.map.size, 2)
      const token = yield* lead(adapter, "l")
      yield* adapter.delete("l")
      assert.isFalse(yield* adapter.fill("l", { token, value: value("late"), lifetime }))
      assert.strictEqual(values.map.size, 2)
    })
  )

  it.effect("comes as a layer over a value store and a lease adapter", () =>
    Effect.gen(function* () {
      const adapter = yield* Adapter
      assert.strictEqual(adapter.name, "values+memory")
    }).pipe(
      Effect.provide(
        ValueStore.layer.pipe(
          Layer.provide([Layer.succeed(ValueStore.ValueStore, new Values().store), MemoryAdapter.layer()])
        )
      )
    )
  )
})
