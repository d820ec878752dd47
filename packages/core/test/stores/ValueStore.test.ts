import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { Adapter, type Value } from "../../src/contract/Adapter.ts"
import * as Namespace from "../../src/contract/Namespace.ts"
import * as MemoryAdapter from "../../src/stores/MemoryAdapter.ts"
import * as ValueStore from "../../src/stores/ValueStore.ts"
import * as Tags from "../../src/tags/Tags.ts"
import { Values } from "../fixtures/Values.ts"
import { down } from "../support/Faulty.ts"
import { assertMembers, whole } from "../support/Members.ts"

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

  it.effect("endless bytes get an end with their name, by a touch and by a fill without a value", () =>
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

  it.effect(
    "an invalidated tag is invalid although the store of values has lost, or does not show yet, what it holds",
    () =>
      Effect.gen(function* () {
        const { adapter, values } = setup()
        for (const named of [adapter, Namespace.of(adapter, "users")]) {
          const tags = yield* Tags.current(named, ["t"])
          assert.isTrue(yield* Tags.valid(named, tags))
          yield* Tags.invalidate(named, ["t"])
          values.map.clear()
          assert.isFalse(yield* Tags.valid(named, tags))
          // The values of users are kept there in any case.
          yield* named.put("k", { value: value("v"), lifetime })
          assert.strictEqual(values.map.size, 1)
        }
      })
  )

  it.effect("a verb that reads the leases first fails under its own name", () =>
    Effect.gen(function* () {
      const { leases, values } = setup()
      const broken = { ...leases, read: () => Effect.fail(down("read")) }
      const adapter = ValueStore.withLeases(values.store, broken)
      const failed = yield* Effect.flip(adapter.touch("k", { freshFor: 1000 }))
      assert.deepInclude({ ...failed }, { operation: "touch", key: "k", reason: "Unavailable" })
    })
  )

  it.effect("a fill whose lease was lost leaves the stored value alone", () =>
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

  it.effect("a missing value is a miss: one leads, the others follow, and the fill repairs the key", () =>
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

  it.effect("a missing value is not loaded while the key cools down", () =>
    Effect.gen(function* () {
      const { adapter, values } = setup()
      yield* filled(adapter, "k", "v")
      values.map.clear()
      const token = yield* lead(adapter, "k")
      yield* adapter.abandon("k", { token, cooldown: 50, cause: value("why") })
      assert.deepStrictEqual(yield* adapter.acquire("k", asked), { _tag: "Cooling", retryIn: 50, cause: value("why") })
    })
  )

  it.effect("a leader that replaces a missing value takes nothing from a newer load", () =>
    Effect.gen(function* () {
      const { adapter, leases, values } = setup()
      yield* filled(adapter, "k", "v")
      values.map.clear()
      // Between the read of the missing value and the next request another flight fills the key.
      let first = true
      const racing = ValueStore.withLeases(
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
      assert.deepInclude(yield* racing.acquire("k", asked), { _tag: "Hit", value: value("newer") })
      assert.strictEqual((yield* leases.read("k")).lease, undefined)
      first = true
      values.map.clear()
      assert.deepInclude(yield* racing.read("k"), { value: value("newer") })
    })
  )

  it.effect("a value that was stored there without a value store is a miss", () =>
    Effect.gen(function* () {
      const { adapter, leases } = setup()
      yield* leases.put("k", { value: value("plain"), lifetime })
      assert.strictEqual((yield* adapter.read("k")).value, undefined)
      yield* filled(adapter, "k", "v")
      assert.deepInclude(yield* adapter.acquire("k", asked), { _tag: "Hit", value: value("v") })
    })
  )

  it.effect("gives up in bounded time on a key that keeps changing", () =>
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

  it.effect("removes overwritten, deleted and refused versions where it can", () =>
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

  it.effect("a fill that is run again, as a retry does, keeps the version it stored", () =>
    Effect.gen(function* () {
      const adapter = ValueStore.withLeases(new Values().removing, MemoryAdapter.make())
      const token = yield* lead(adapter, "k")
      const fill = adapter.fill("k", { token, value: value("v"), lifetime })
      assert.isTrue(yield* fill)
      assert.isFalse(yield* fill)
      assert.deepInclude(yield* adapter.acquire("k", asked), { _tag: "Hit", value: value("v") })
    })
  )

  it.effect("a fill without a value writes the same version for longer, under the same name", () =>
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

  it.effect("a fill without a value brings no missing version back, and the lease goes on", () =>
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

  it.effect("a fill without a value removes no named version, also when a fill with a value follows", () =>
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

  it.effect("a touch lets the version live as long as its name; a shorter one moves no bytes", () =>
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

  it.effect("a touch can give an endless version an end, and take the end from another", () =>
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

  it.effect("a refused verb shortens no version's life, and moves no bytes for a value that is not fresh", () =>
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
      const racing = ValueStore.withLeases(
        {
          ...values.removing,
          get: (name) => Effect.tap(values.removing.get(name), () => Effect.ignore(plain.delete("k")))
        },
        leases
      )
      yield* filled(plain, "k", "v")
      assert.isFalse(yield* racing.touch("k", { freshFor: 5000 }))
      assert.strictEqual(values.map.size, 0)
      yield* filled(plain, "k", "v")
      yield* TestClock.adjust(1000)
      const token = yield* lead(plain, "k")
      assert.isFalse(yield* racing.fill("k", { token, lifetime }))
      assert.strictEqual(values.map.size, 0)
    })
  )

  it.effect("failures of touches and fills without a value are reported as this adapter's own", () =>
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

  it.effect("uses the value store's limit and refuses larger values before anything is written", () =>
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

  it.effect("resolves every key of a batch, where the leases have batches", () =>
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

  it("has each member that still holds for it, of leases that have all", () => {
    const leases = whole({ shortestLease: 77 })
    const adapter = ValueStore.withLeases(new Values().removing, leases)
    assertMembers(adapter, leases, {
      name: "own",
      limits: "own",
      identity: "own",
      keepsReferences: "absent",
      dropsTagged: "absent",
      acquire: "own",
      fill: "own",
      abandon: "own",
      renew: "own",
      delete: "own",
      put: "own",
      touch: "own",
      read: "own",
      watch: "as it is",
      keys: "as it is",
      changes: "as it is",
      acquireMany: "own",
      deleteMany: "own",
      hitUnsafe: "absent",
      valueUnsafe: "absent",
      evictions: "as it is",
      tiers: "as it is",
      pollEvery: "as it is",
      partOf: "absent",
      close: "as it is"
    })
    assert.strictEqual(adapter.limits.shortestLease, 77)
    assert.strictEqual(adapter.limits.valueBytes, 1000)
  })

  it.effect("deletes many keys with their versions, by one request to leases that can", () =>
    Effect.gen(function* () {
      const values = new Values()
      const memory = MemoryAdapter.make()
      const asked: Array<ReadonlyArray<string>> = []
      const deleteMany = (keys: ReadonlyArray<string>) => {
        asked.push(keys)
        return Effect.map(Effect.forEach(keys, memory.delete), (gone) => gone.filter(Boolean).length)
      }
      const adapter = ValueStore.withLeases(values.removing, { ...memory, deleteMany })
      for (const key of ["a", "b", "c"]) yield* filled(adapter, key, key)
      assert.strictEqual(yield* adapter.deleteMany!(["a", "b", "none"]), 2)
      assert.deepStrictEqual(asked, [["a", "b", "none"]])
      assert.deepStrictEqual(
        [...values.map.values()].map(({ bytes }) => bytes),
        [value("c").bytes]
      )
      const refused = yield* Effect.flip(adapter.deleteMany!(["a lone surrogate: \ud800"]))
      assert.deepInclude({ ...refused }, { operation: "deleteMany", reason: "Rejected" })
      assert.strictEqual(ValueStore.withLeases(values.removing, memory).deleteMany, undefined)
    })
  )

  it("two pairs of the same stores have one identity, and no other pair has it", () => {
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

    it.effect("a value up to the bound is kept there, byte for byte, and a larger one under a name", () =>
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
      "it is stale beside a lease, touched, and filled again like any other, and no bytes are written to the value store",
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

    it.effect("a smaller value replaces a larger one that is being read", () =>
      Effect.gen(function* () {
        const { adapter, leases, values } = inlining()
        yield* adapter.put("k", { value: value("larger"), lifetime })
        const racing = ValueStore.withLeases(
          {
            ...values.removing,
            get: (name) => Effect.andThen(adapter.put("k", { value: value("v"), lifetime }), values.store.get(name))
          },
          leases,
          { inlineBytes: 4 }
        )
        assert.deepInclude(yield* racing.acquire("k", asked), { _tag: "Hit", value: value("v") })
        assert.strictEqual(values.map.size, 0)
      })
    )

    it.effect("none is by default", () =>
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
      const adapter = ValueStore.withLeases(values.store, MemoryAdapter.make(), { leasesDiscard: true })
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

  it.effect("where the leases remove overwritten versions, only refused versions are removed here", () =>
    Effect.gen(function* () {
      const values = new Values()
      const leases = { ...MemoryAdapter.make(), deleteMany: () => Effect.succeed(7) }
      const adapter = ValueStore.withLeases(values.removing, leases, { leasesDiscard: true })
      assert.strictEqual(yield* adapter.deleteMany!(["a", "b"]), 7)
      assert.strictEqual(values.gets, 0)
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
