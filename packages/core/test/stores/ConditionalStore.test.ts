import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { type Adapter, AdapterError, Token, type Value } from "../../src/contract/Adapter.ts"
import * as ConditionalStore from "../../src/stores/ConditionalStore.ts"
import * as EntryRecord from "../../src/stores/EntryRecord.ts"
import { Blobs } from "../fixtures/Blobs.ts"

const value = (text: string): Value => ({ bytes: new TextEncoder().encode(text) })
const lifetime = { fresh: 1000, stale: 500 }

const lead = (adapter: Adapter, key: string, owner = "a") =>
  Effect.map(adapter.acquire(key, { owner, leaseFor: 100 }), (found) => {
    if (found._tag !== "Leader") return assert.fail(`not a leader but ${found._tag}`)
    return found.token
  })

describe("ConditionalStore", () => {
  it.effect("a hit and a read cost one read and no write", () =>
    Effect.gen(function* () {
      const blobs = new Blobs()
      const adapter = ConditionalStore.make(blobs.store)
      yield* adapter.put("k", { value: value("v"), lifetime })
      blobs.reads = blobs.writes = 0
      const found = yield* adapter.acquire("k", { owner: "a", leaseFor: 100 })
      assert.deepStrictEqual(found, { _tag: "Hit", value: value("v"), freshFor: 1000, age: 0, took: 0 })
      assert.deepStrictEqual([blobs.reads, blobs.writes], [1, 0])
      yield* adapter.read("k")
      assert.deepStrictEqual([blobs.reads, blobs.writes], [2, 0])
    })
  )

  it.effect("a follower, a lost token and a needless delete write nothing", () =>
    Effect.gen(function* () {
      const blobs = new Blobs()
      const adapter = ConditionalStore.make(blobs.store)
      const token = yield* lead(adapter, "k")
      blobs.writes = 0
      assert.strictEqual((yield* adapter.acquire("k", { owner: "b", leaseFor: 100 }))._tag, "Follower")
      yield* TestClock.adjust(100)
      assert.isFalse(yield* adapter.fill("k", { token, value: value("v"), lifetime }))
      assert.isFalse(yield* adapter.renew("k", { token, leaseFor: 100 }))
      assert.isFalse(yield* adapter.delete("nothing there"))
      assert.strictEqual(blobs.writes, 0)
    })
  )

  it.effect("a fill decides again when a delete was faster, and is refused", () =>
    Effect.gen(function* () {
      const blobs = new Blobs()
      const adapter = ConditionalStore.make(blobs.store)
      const token = yield* lead(adapter, "k")
      blobs.beforeWrite = (key) => Effect.sync(() => blobs.map.delete(key))
      const filling = yield* Effect.forkChild(adapter.fill("k", { token, value: value("late"), lifetime }))
      yield* TestClock.adjust(1000)
      assert.isFalse(yield* Fiber.join(filling))
      assert.strictEqual(blobs.map.size, 0)
    })
  )

  it.effect("gives up as Unavailable, in bounded time, when other writers are always faster", () =>
    Effect.gen(function* () {
      const blobs = new Blobs()
      const adapter = ConditionalStore.make(blobs.store, { attempts: 5, base: 10, cap: 20 })
      blobs.beforeWrite = (key) => Effect.sync(() => blobs.set(key, EntryRecord.encode(undefined)))
      const putting = yield* Effect.forkChild(Effect.flip(adapter.put("k", { value: value("v"), lifetime })))
      yield* TestClock.adjust(80)
      const error = yield* Fiber.join(putting)
      assert.instanceOf(error, AdapterError)
      assert.deepInclude(error, { adapter: "blobs", operation: "put", key: "k", reason: "Unavailable" })
      assert.strictEqual(blobs.writes, 5)
    })
  )

  it.effect("passes the store the time for which the record matters, and removes it when it is over", () =>
    Effect.gen(function* () {
      const blobs = new Blobs()
      const adapter = ConditionalStore.make(blobs.store)
      const token = yield* lead(adapter, "k")
      assert.strictEqual(blobs.map.get("k")?.ttl, 100)
      yield* TestClock.adjust(50)
      yield* adapter.fill("k", { token, value: value("v"), lifetime })
      assert.strictEqual(blobs.map.get("k")?.ttl, 1500)
      yield* adapter.put("k", { value: value("v"), lifetime: { fresh: 0, stale: 0 } })
      assert.strictEqual(blobs.map.size, 0)
    })
  )

  it.effect("a fill without a value costs one read and one write, keeps the bytes and restarts the lifetime", () =>
    Effect.gen(function* () {
      const blobs = new Blobs()
      const adapter = ConditionalStore.make(blobs.store)
      yield* adapter.put("k", { value: value("v"), lifetime })
      yield* TestClock.adjust(1200)
      const token = yield* lead(adapter, "k")
      yield* TestClock.adjust(40)
      blobs.reads = blobs.writes = 0
      assert.isTrue(yield* adapter.fill("k", { token, lifetime: { fresh: 300, stale: 0 } }))
      assert.deepStrictEqual([blobs.reads, blobs.writes], [1, 1])
      assert.strictEqual(blobs.map.get("k")?.ttl, 300)
      const found = yield* adapter.acquire("k", { owner: "b", leaseFor: 100 })
      assert.deepStrictEqual(found, { _tag: "Hit", value: value("v"), freshFor: 300, age: 0, took: 40 })
    })
  )

  it.effect("a fill without a value, after a delete and the owner's next lease, brings nothing back", () =>
    Effect.gen(function* () {
      const blobs = new Blobs()
      const adapter = ConditionalStore.make(blobs.store)
      yield* adapter.put("k", { value: value("v"), lifetime })
      yield* TestClock.adjust(1000)
      const token = yield* lead(adapter, "k")
      blobs.beforeWrite = (key) =>
        Effect.sync(() => {
          blobs.beforeWrite = () => Effect.void
          blobs.map.delete(key)
        })
      const filling = yield* Effect.forkChild(adapter.fill("k", { token, lifetime }))
      yield* TestClock.adjust(1000)
      assert.isFalse(yield* Fiber.join(filling))
      const next = yield* lead(adapter, "k")
      blobs.writes = 0
      assert.isFalse(yield* adapter.fill("k", { token: next, lifetime }))
      assert.strictEqual(blobs.writes, 0)
      assert.strictEqual((yield* adapter.read("k")).value, undefined)
    })
  )

  it.effect("a touch costs one read and one write, passes the store the new end, and writes nothing in vain", () =>
    Effect.gen(function* () {
      const blobs = new Blobs()
      const adapter = ConditionalStore.make(blobs.store)
      assert.isFalse(yield* adapter.touch("k", { freshFor: 5000 }))
      yield* adapter.put("k", { value: value("v"), lifetime })
      yield* TestClock.adjust(400)
      blobs.reads = blobs.writes = 0
      assert.isTrue(yield* adapter.touch("k", { freshFor: 5000 }))
      assert.deepStrictEqual([blobs.reads, blobs.writes], [1, 1])
      assert.strictEqual(blobs.map.get("k")?.ttl, 5500)
      assert.deepInclude(yield* adapter.read("k"), { value: value("v"), freshFor: 5000, keptFor: 5500, age: 400 })
      assert.isTrue(yield* adapter.touch("k", { freshFor: 10 }))
      assert.strictEqual(blobs.map.get("k")?.ttl, 510)
      yield* TestClock.adjust(10)
      blobs.writes = 0
      assert.isFalse(yield* adapter.touch("k", { freshFor: 5000 }))
      assert.strictEqual(blobs.writes, 0)
      assert.deepInclude(yield* adapter.read("k"), { freshFor: 0, keptFor: 500 })
    })
  )

  it.effect("a touch decides again when a fill was faster, on the filled value", () =>
    Effect.gen(function* () {
      const blobs = new Blobs()
      const adapter = ConditionalStore.make(blobs.store)
      yield* adapter.put("k", { value: value("old"), lifetime })
      blobs.beforeWrite = () =>
        Effect.suspend(() => {
          blobs.beforeWrite = () => Effect.void
          return adapter.put("k", { value: value("new"), lifetime: { fresh: 100, stale: 7 } })
        })
      const touching = yield* Effect.forkChild(adapter.touch("k", { freshFor: 5000 }))
      yield* TestClock.adjust(1000)
      assert.isTrue(yield* Fiber.join(touching))
      const { keptFor, freshFor, value: kept } = yield* adapter.read("k")
      assert.deepStrictEqual(kept, value("new"))
      assert.strictEqual(keptFor - freshFor, 7)
    })
  )

  it("watches, lists, reports changes and closes as the store does", () => {
    const { store } = new Blobs()
    const verbs = {
      watch: () => Effect.succeed(Effect.never),
      keys: () => Stream.make("k"),
      changes: () => Effect.void,
      close: Effect.void
    }
    const adapter = ConditionalStore.make({ ...store, ...verbs })
    for (const verb of ["watch", "keys", "changes", "close"] as const) {
      assert.strictEqual(adapter[verb], verbs[verb] as unknown)
      assert.strictEqual(ConditionalStore.make(store)[verb], undefined)
    }
  })

  it.effect("uses the store's clock where replies contain it", () =>
    Effect.gen(function* () {
      const blobs = new Blobs()
      let now = 5_000_000
      const adapter = ConditionalStore.make({
        ...blobs.store,
        read: (key) => Effect.map(blobs.store.read(key), (found) => ({ ...found, now }))
      })
      yield* lead(adapter, "k")
      yield* TestClock.adjust("1 hour")
      assert.deepInclude(yield* adapter.acquire("k", { owner: "b", leaseFor: 100 }), { leaseEndsIn: 100 })
      now += 100
      yield* lead(adapter, "k", "b")
    })
  )

  it.effect("a record that cannot be read is a miss, and is overwritten", () =>
    Effect.gen(function* () {
      const blobs = new Blobs()
      const adapter = ConditionalStore.make(blobs.store)
      blobs.set("k", new TextEncoder().encode("somebody else's"))
      assert.strictEqual((yield* adapter.read("k")).value, undefined)
      const token = yield* lead(adapter, "k")
      assert.isTrue(yield* adapter.fill("k", { token, value: value("v"), lifetime }))
    })
  )

  it.effect("grants the lease to one of fifty, although all read before one writes", () =>
    Effect.gen(function* () {
      const blobs = new Blobs()
      blobs.beforeWrite = () => Effect.sleep(5)
      const adapter = ConditionalStore.make(blobs.store)
      const racing = yield* Effect.forkChild(
        Effect.forEach(
          Array.from({ length: 50 }, (_, i) => `o${i}`),
          (owner) => adapter.acquire("k", { owner, leaseFor: 10_000 }),
          { concurrency: "unbounded" }
        )
      )
      yield* TestClock.adjust(1000)
      const tags = (yield* Fiber.join(racing)).map((found) => found._tag)
      assert.strictEqual(tags.filter((tag) => tag === "Leader").length, 1)
      assert.strictEqual(tags.filter((tag) => tag === "Follower").length, 49)
    })
  )

  it.effect("refuses keys and values over its limits before it asks the store", () =>
    Effect.gen(function* () {
      const blobs = new Blobs()
      const adapter = ConditionalStore.make(blobs.store)
      const long = "é".repeat(51)
      const big = { bytes: new Uint8Array(1001) }
      const errors = [
        yield* Effect.flip(adapter.acquire(long, { owner: "a", leaseFor: 1 })),
        yield* Effect.flip(adapter.read(long)),
        yield* Effect.flip(adapter.delete("lone \ud800")),
        yield* Effect.flip(adapter.touch(long, { freshFor: 1 })),
        yield* Effect.flip(adapter.fill(long, { token: Token("t"), lifetime })),
        yield* Effect.flip(adapter.put("k", { value: big, lifetime }))
      ]
      assert.deepStrictEqual(
        errors.map((error) => [error.operation, error.reason]),
        [
          ["acquire", "Rejected"],
          ["read", "Rejected"],
          ["delete", "Rejected"],
          ["touch", "Rejected"],
          ["fill", "Rejected"],
          ["put", "Rejected"]
        ]
      )
      assert.deepStrictEqual([blobs.reads, blobs.writes], [0, 0])
      yield* adapter.put("é".repeat(50), { value: { bytes: new Uint8Array(1000) }, lifetime })
    })
  )

  describe("where a write returns the version that it made", () => {
    const versioned = () => {
      const blobs = new Blobs()
      const store = {
        ...blobs.store,
        writeIf: (...given: Parameters<typeof blobs.store.writeIf>) =>
          Effect.map(blobs.store.writeIf(...given), (written) => written && (blobs.map.get(given[0])?.version ?? true))
      }
      return { blobs, adapter: ConditionalStore.make(store), other: ConditionalStore.make(store) }
    }

    it.effect("the leader renews, fills and abandons with one write and no read", () =>
      Effect.gen(function* () {
        const { adapter, blobs } = versioned()
        const token = yield* lead(adapter, "k")
        blobs.reads = blobs.writes = 0
        assert.isTrue(yield* adapter.renew("k", { token, leaseFor: 200 }))
        assert.isTrue(yield* adapter.fill("k", { token, value: value("v"), lifetime }))
        assert.deepStrictEqual([blobs.reads, blobs.writes], [0, 2])
        const next = yield* lead(adapter, "l")
        blobs.reads = blobs.writes = 0
        assert.isTrue(yield* adapter.abandon("l", { token: next }))
        assert.deepStrictEqual([blobs.reads, blobs.writes], [0, 1])
        assert.isFalse(yield* adapter.abandon("l", { token: next }))
        assert.deepStrictEqual([blobs.reads, blobs.writes], [1, 1])
      })
    )

    it.effect(
      "a removal that may have been carried out, and was overwritten since, is not taken for one that found nothing",
      () =>
        Effect.gen(function* () {
          const { adapter, blobs } = versioned()
          const other = ConditionalStore.make(blobs.store)
          yield* adapter.put("k", { value: value("v"), lifetime })
          let lost = 1
          const store = {
            ...blobs.store,
            writeIf: (...given: Parameters<typeof blobs.store.writeIf>) =>
              Effect.flatMap(blobs.store.writeIf(...given), (written) =>
                lost-- > 0 ? Effect.as(lead(other, "k"), undefined) : Effect.succeed(written)
              )
          }
          const repeating = ConditionalStore.make(store, { base: 0 })
          assert.isTrue(yield* repeating.delete("k"))
          assert.isFalse(yield* repeating.delete("k"))
          lost = 1
          const token = yield* lead(other, "l")
          assert.isFalse(yield* repeating.fill("l", { token, value: value("w"), lifetime }))
        })
    )

    it.effect("a change by others since is noticed: nothing is overwritten, and no live lease is reported lost", () =>
      Effect.gen(function* () {
        const { adapter, blobs, other } = versioned()
        const voided = yield* lead(adapter, "k")
        yield* other.put("k", { value: value("new"), lifetime })
        assert.isFalse(yield* adapter.fill("k", { token: voided, value: value("old"), lifetime }))
        assert.deepInclude(yield* other.read("k"), { value: value("new") })
        const renewed = yield* lead(adapter, "l")
        yield* TestClock.adjust(90)
        assert.isTrue(yield* other.renew("l", { token: renewed, leaseFor: 100 }))
        yield* TestClock.adjust(50)
        // By the record that this process wrote, the lease is over.
        assert.isTrue(yield* adapter.fill("l", { token: renewed, value: value("v"), lifetime }))
        const foreign = yield* lead(adapter, "m")
        blobs.reads = 0
        assert.isFalse(yield* adapter.fill("k", { token: foreign, value: value("v"), lifetime }))
        assert.strictEqual(blobs.reads, 1)
        assert.isTrue(yield* adapter.renew("m", { token: foreign, leaseFor: 100 }))
        assert.strictEqual(blobs.reads, 1)
      })
    )

    it.effect("a lease that ended stays ended, whatever record is remembered", () =>
      Effect.gen(function* () {
        const { adapter } = versioned()
        const token = yield* lead(adapter, "k")
        yield* TestClock.adjust(100)
        assert.isFalse(yield* adapter.fill("k", { token, value: value("v"), lifetime }))
        assert.isFalse(yield* adapter.renew("k", { token, leaseFor: 100 }))
      })
    )
  })

  it.effect("uses the store's clock where it is known without a request", () =>
    Effect.gen(function* () {
      let now = 1_000
      const adapter = ConditionalStore.make({ ...new Blobs().store, now: () => now })
      const token = yield* lead(adapter, "k")
      yield* TestClock.adjust(5000)
      now += 99
      assert.isTrue(yield* adapter.renew("k", { token, leaseFor: 100 }))
      now += 100
      assert.isFalse(yield* adapter.renew("k", { token, leaseFor: 100 }))
    })
  )

  it.effect("failures of the store are reported with the verb and the key", () =>
    Effect.gen(function* () {
      const cause = new Error("why")
      const down = new AdapterError({
        adapter: "blobs",
        operation: "read",
        reason: "Unavailable",
        message: "down",
        cause
      })
      const adapter = ConditionalStore.make({ ...new Blobs().store, read: () => down })
      assert.deepInclude(yield* Effect.flip(adapter.touch("k", { freshFor: 1 })), {
        adapter: "blobs",
        operation: "touch",
        key: "k",
        reason: "Unavailable",
        message: "down",
        cause
      })
    })
  )
})
