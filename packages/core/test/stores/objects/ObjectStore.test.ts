import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { type Adapter, AdapterError, type Value } from "../../../src/contract/Adapter.ts"
import * as EntryRecord from "../../../src/stores/EntryRecord.ts"
import * as ObjectStore from "../../../src/stores/objects/ObjectStore.ts"
import { Buckets } from "../../fixtures/Buckets.ts"

const value = (text: string): Value => ({ bytes: new TextEncoder().encode(text) })
const small = value("small")
const large = value("a value that is larger than eight bytes")
const lifetime = { fresh: 1000, stale: 500 }
const asked = { owner: "a", leaseFor: 100 }

const setup = () => {
  const buckets = new Buckets()
  const adapter = ObjectStore.make(buckets.bucket, { prefix: "c", inlineBytes: 8 })
  const forget = () => {
    buckets.asked.length = 0
  }
  return { adapter, asked: buckets.asked, buckets, forget }
}

const lead = (adapter: Adapter, key: string, owner = "a") =>
  Effect.map(adapter.acquire(key, { owner, leaseFor: 100 }), (found) => {
    if (found._tag !== "Leader") return assert.fail(`not a leader but ${found._tag}`)
    return found.token
  })

const filled = (adapter: Adapter, key: string, value: Value) =>
  Effect.flatMap(lead(adapter, key), (token) => adapter.fill(key, { token, value, lifetime }))

const values = (buckets: Buckets) => [...buckets.map.keys()].filter((name) => name.startsWith("c/values/"))

describe("requests", () => {
  it.effect("a small value: a miss is GET, PUT and PUT, a hit is one GET", () =>
    Effect.gen(function* () {
      const { adapter, asked: sent, forget } = setup()
      assert.isTrue(yield* filled(adapter, "k", small))
      assert.deepStrictEqual(sent, ["GET c/leases", "PUT c/leases", "PUT c/leases"])
      forget()
      assert.deepInclude(yield* adapter.acquire("k", asked), { _tag: "Hit", value: small })
      assert.deepStrictEqual(sent, ["GET c/leases"])
    })
  )

  it.effect("a larger value: a miss is one PUT more, a hit is two GETs", () =>
    Effect.gen(function* () {
      const { adapter, asked: sent, forget } = setup()
      assert.isTrue(yield* filled(adapter, "k", large))
      assert.deepStrictEqual(sent, ["GET c/leases", "PUT c/leases", "PUT c/values", "PUT c/leases"])
      forget()
      assert.deepInclude(yield* adapter.acquire("k", asked), { _tag: "Hit", value: large })
      assert.deepStrictEqual(sent, ["GET c/leases", "GET c/values"])
    })
  )

  it.effect("leases, touches and fills without a value never move the bytes of a larger value", () =>
    Effect.gen(function* () {
      const { adapter, asked: sent, buckets, forget } = setup()
      yield* filled(adapter, "k", large)
      const [name] = values(buckets)
      forget()
      assert.isTrue(yield* adapter.touch("k", { freshFor: 2000 }))
      assert.deepStrictEqual(sent, ["GET c/leases", "PUT c/leases"])
      yield* TestClock.adjust(2100)
      const token = yield* lead(adapter, "k")
      forget()
      assert.isTrue(yield* adapter.renew("k", { token, leaseFor: 200 }))
      assert.isTrue(yield* adapter.fill("k", { token, lifetime }))
      assert.deepStrictEqual(sent, ["PUT c/leases", "PUT c/leases"])
      assert.deepStrictEqual(values(buckets), [name])
      assert.deepInclude(yield* adapter.acquire("k", asked), { _tag: "Hit", value: large, freshFor: 1000 })
    })
  )

  it.effect("a follower and a cooling caller read once and write nothing", () =>
    Effect.gen(function* () {
      const { adapter, asked: sent, forget } = setup()
      const token = yield* lead(adapter, "k")
      forget()
      assert.deepInclude(yield* adapter.acquire("k", { ...asked, owner: "b" }), { _tag: "Follower", leaseEndsIn: 100 })
      assert.deepStrictEqual(sent, ["GET c/leases"])
      yield* adapter.abandon("k", { token, cooldown: 50, cause: value("why") })
      forget()
      assert.deepInclude(yield* adapter.acquire("k", asked), { _tag: "Cooling", retryIn: 50, cause: value("why") })
      assert.deepStrictEqual(sent, ["GET c/leases"])
    })
  )

  it.effect("where a write returns no version, the next verb reads first", () =>
    Effect.gen(function* () {
      const { adapter, asked: sent, buckets } = setup()
      buckets.faults.returnsVersions = false
      assert.isTrue(yield* filled(adapter, "k", small))
      assert.deepStrictEqual(sent, ["GET c/leases", "PUT c/leases", "GET c/leases", "PUT c/leases"])
    })
  )
})

describe("values with an object of their own", () => {
  it.effect("are removed when they are overwritten, deleted, refused, or expired and asked for again", () =>
    Effect.gen(function* () {
      const { adapter, buckets } = setup()
      yield* filled(adapter, "k", large)
      yield* adapter.put("k", { value: large, lifetime })
      assert.strictEqual(values(buckets).length, 1)
      yield* adapter.put("k", { value: small, lifetime })
      assert.deepStrictEqual(values(buckets), [])
      yield* adapter.put("k", { value: large, lifetime })
      assert.isTrue(yield* adapter.delete("k"))
      assert.deepStrictEqual(values(buckets), [])
      const token = yield* lead(adapter, "k")
      yield* adapter.delete("k")
      assert.isFalse(yield* adapter.fill("k", { token, value: large, lifetime }))
      assert.deepStrictEqual(values(buckets), [])
      yield* adapter.put("k", { value: large, lifetime })
      yield* TestClock.adjust(1600)
      yield* lead(adapter, "k")
      assert.deepStrictEqual(values(buckets), [])
    })
  )

  it.effect("are no more after twenty loads, each after the end of the last value, than after one", () =>
    Effect.gen(function* () {
      const { adapter, buckets } = setup()
      for (let load = 0; load < 20; load++) {
        assert.isTrue(yield* filled(adapter, "k", large))
        assert.strictEqual(values(buckets).length, 1)
        yield* TestClock.adjust(lifetime.fresh + lifetime.stale + 1)
      }
      assert.isFalse(yield* adapter.delete("k"))
      assert.strictEqual(values(buckets).length, 0)
    })
  )

  it.effect("a reader between two of them gets the newer", () =>
    Effect.gen(function* () {
      const { adapter, buckets } = setup()
      yield* adapter.put("k", { value: large, lifetime })
      const other = ObjectStore.make(buckets.bucket, { prefix: "c", inlineBytes: 8 })
      let first = true
      const slow = ObjectStore.make(
        {
          ...buckets.bucket,
          get: (name) => {
            if (!first || !name.startsWith("c/values/")) return buckets.bucket.get(name)
            first = false
            return Effect.andThen(other.put("k", { value: small, lifetime }), buckets.bucket.get(name))
          }
        },
        { prefix: "c", inlineBytes: 8 }
      )
      assert.deepInclude(yield* slow.acquire("k", asked), { _tag: "Hit", value: small })
    })
  )

  it.effect("a missing one is a miss", () =>
    Effect.gen(function* () {
      const { adapter, buckets } = setup()
      yield* adapter.put("k", { value: large, lifetime })
      buckets.map.delete(values(buckets)[0]!)
      assert.deepInclude(yield* adapter.read("k"), { value: undefined, freshFor: 0 })
      const token = yield* lead(adapter, "k")
      assert.isTrue(yield* adapter.fill("k", { token, value: large, lifetime }))
      assert.deepInclude(yield* adapter.acquire("k", asked), { _tag: "Hit", value: large })
    })
  )
})

describe("keys", () => {
  it.effect("lists the keys that have a value or are leased, page by page, and reads no value", () =>
    Effect.gen(function* () {
      const { adapter, asked: sent, buckets, forget } = setup()
      for (const key of ["a1", "a2", "a/3", "b"]) yield* adapter.put(key, { value: small, lifetime })
      yield* lead(adapter, "a led")
      yield* adapter.put("a gone", { value: small, lifetime })
      yield* adapter.delete("a gone")
      const token = yield* lead(adapter, "a cooling")
      yield* adapter.abandon("a cooling", { token, cooldown: 10_000 })
      yield* adapter.put("a brief", { value: small, lifetime: { fresh: 0, stale: 0 } })
      buckets.map.set("c/leases/a no lease", { bytes: large.bytes, version: "v", modified: 0, notes: {} })
      buckets.map.set("c/leases/a foreign.lease", { bytes: large.bytes, version: "v", modified: 0, notes: {} })
      forget()
      assert.deepStrictEqual((yield* Stream.runCollect(adapter.keys("a"))).toSorted(), ["a led", "a/3", "a1", "a2"])
      assert.isFalse(sent.some((what) => what.startsWith("GET")))
      assert.deepStrictEqual(yield* Stream.runCollect(adapter.keys("\ud800a")), [])
      assert.strictEqual((yield* Effect.flip(adapter.deleteMany!(["a1", "\ud800"]))).reason, "Rejected")
      assert.strictEqual(yield* adapter.deleteMany!(["a1", "a led", "b", "none"]), 2)
    })
  )

  it.effect("failures are reported with the verb and the key", () =>
    Effect.gen(function* () {
      const { buckets } = setup()
      const down = new AdapterError({ adapter: "bucket", operation: "put", reason: "Unavailable", message: "down" })
      const adapter = ObjectStore.make(
        { ...buckets.bucket, get: () => down, list: () => down },
        { prefix: "c", inlineBytes: 8 }
      )
      assert.deepInclude(yield* Effect.flip(adapter.acquire("k", asked)), {
        adapter: "bucket",
        operation: "acquire",
        key: "k",
        reason: "Unavailable",
        message: "down"
      })
      assert.deepInclude(yield* Effect.flip(Stream.runCollect(adapter.keys(""))), { operation: "keys", key: undefined })
    })
  )
})

describe("setup", () => {
  const tried = (fault: Partial<Buckets["faults"]>) => {
    const { buckets } = setup()
    Object.assign(buckets.faults, fault)
    return Effect.map(Effect.result(ObjectStore.setup(buckets.bucket, "c")), (result) => {
      assert.strictEqual(buckets.map.size, 0, "it leaves nothing behind")
      return result._tag === "Failure" ? result.failure : undefined
    })
  }

  it.effect("passes a bucket that heeds conditions, with or without versions in its replies", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* tried({}), undefined)
      assert.strictEqual(yield* tried({ returnsVersions: false }), undefined)
      assert.strictEqual(yield* tried({ ignoresRemoveMatch: true }), undefined)
    })
  )

  it.effect("refuses a bucket that does not, and names the condition", () =>
    Effect.gen(function* () {
      const refused = { adapter: "bucket", reason: "Rejected" } as const
      for (const [fault, words] of [
        [{ ignoresNoneMatch: true }, /does not heed If-None-Match/],
        [{ ignoresMatch: true }, /does not heed If-Match/],
        [{ refusesMatch: true }, /refused a write whose If-Match holds/],
        [{ late: true }, /of 8 writes at once over one version, 8 succeeded/]
      ] as const) {
        const error = yield* tried(fault)
        assert.deepInclude(error!, refused)
        assert.match(error!.message, words)
      }
    })
  )
})

describe("sweep", () => {
  const hour = 3_600_000
  const sweeping = (buckets: Buckets) => ObjectStore.sweep(buckets.bucket, { prefix: "c", grace: hour })

  it.effect("removes leases that ended long ago, and keeps those that live or ended lately", () =>
    Effect.gen(function* () {
      const { adapter, buckets } = setup()
      const endless = { fresh: Infinity, stale: 0 }
      yield* adapter.put("endless", { value: large, lifetime: endless })
      yield* adapter.put("touched", { value: large, lifetime })
      yield* adapter.touch("touched", { freshFor: 3 * hour })
      yield* adapter.put("ended", { value: large, lifetime })
      yield* adapter.put("deleted", { value: small, lifetime })
      yield* adapter.delete("deleted")
      yield* TestClock.adjust(2 * hour)
      yield* adapter.put("late", { value: large, lifetime })
      yield* adapter.put("late deleted", { value: small, lifetime })
      yield* adapter.delete("late deleted")
      yield* TestClock.adjust(10_000)
      assert.deepStrictEqual(yield* sweeping(buckets), { looked: 10, removed: 3 })
      const left = [...buckets.map.keys()].filter((name) => name.startsWith("c/leases/")).toSorted()
      assert.deepStrictEqual(
        left,
        ["endless", "late%20deleted", "late", "touched"].map((key) => `c/leases/${key}.lease`)
      )
      assert.strictEqual(values(buckets).length, 3)
      assert.deepInclude(yield* adapter.acquire("endless", asked), { _tag: "Hit", value: large })
      assert.deepInclude(yield* adapter.acquire("touched", asked), { _tag: "Hit", value: large })
      assert.deepStrictEqual(yield* sweeping(buckets), { looked: 7, removed: 0 })
    })
  )

  it.effect("removes values that no lease names, once they are old", () =>
    Effect.gen(function* () {
      const { adapter, buckets } = setup()
      yield* buckets.bucket.put("c/values/orphan", large.bytes)
      assert.deepStrictEqual(yield* sweeping(buckets), { looked: 1, removed: 0 })
      yield* adapter.put("k", { value: large, lifetime: { fresh: Infinity, stale: 0 } })
      yield* TestClock.adjust(2 * hour)
      assert.deepStrictEqual(yield* sweeping(buckets), { looked: 3, removed: 1 })
      assert.deepInclude(yield* adapter.read("k"), { value: large })
    })
  )

  it.effect("remembers a bounded number of names: the others take another round", () =>
    Effect.gen(function* () {
      const { adapter, asked: sent, buckets, forget } = setup()
      for (let at = 0; at < 7; at++) yield* buckets.bucket.put(`c/values/orphan ${at}`, large.bytes)
      const endless = { fresh: Infinity, stale: 0 }
      for (const key of ["a", "b", "c"]) yield* adapter.put(key, { value: large, lifetime: endless })
      yield* adapter.put("ended", { value: small, lifetime })
      yield* TestClock.adjust(2 * hour)
      forget()
      const swept = yield* ObjectStore.sweep(buckets.bucket, { prefix: "c", grace: hour, most: 4 })
      assert.deepStrictEqual(swept, { looked: 14, removed: 8 })
      // Ten values, four at a time; two on a page. Two pages of leases each time, less those that were removed.
      assert.deepStrictEqual(sent.filter((what) => what === "LIST c/values").length, 5)
      assert.deepStrictEqual(sent.filter((what) => what === "LIST c/leases").length, 6)
      for (const key of ["a", "b", "c"]) {
        assert.deepInclude(yield* adapter.acquire(key, asked), { _tag: "Hit", value: large })
      }
      assert.strictEqual(buckets.map.size, 6)
    })
  )

  it.effect("leaves a lease alone that was granted since the look, where the store heeds conditions", () =>
    Effect.gen(function* () {
      const { adapter, buckets } = setup()
      yield* adapter.put("k", { value: small, lifetime })
      yield* TestClock.adjust(2 * hour)
      let token: unknown
      buckets.beforeRemove = () => Effect.map(lead(adapter, "k"), (granted) => (token = granted))
      yield* sweeping(buckets)
      buckets.beforeRemove = () => Effect.void
      assert.isTrue(yield* adapter.fill("k", { token: token as never, value: small, lifetime }))
    })
  )

  it.effect("where the store does not, that load is lost and never overwrites another", () =>
    Effect.gen(function* () {
      const { adapter, buckets } = setup()
      buckets.faults.ignoresRemoveMatch = true
      yield* adapter.put("k", { value: small, lifetime })
      yield* TestClock.adjust(2 * hour)
      let token: unknown
      buckets.beforeRemove = () => Effect.map(lead(adapter, "k"), (granted) => (token = granted))
      yield* sweeping(buckets)
      buckets.beforeRemove = () => Effect.void
      const next = yield* lead(adapter, "k", "b")
      const late = yield* Effect.forkChild(adapter.fill("k", { token: token as never, value: small, lifetime }))
      assert.isFalse(yield* Fiber.join(late))
      assert.isTrue(yield* adapter.fill("k", { token: next, value: value("new"), lifetime }))
    })
  )

  it.effect("reads no notes of young leases while there is no old value", () =>
    Effect.gen(function* () {
      const { adapter, asked: sent, buckets, forget } = setup()
      yield* adapter.put("k", { value: large, lifetime })
      forget()
      yield* sweeping(buckets)
      assert.deepStrictEqual(sent, ["LIST c/values", "LIST c/leases"])
    })
  )
})

it("an inlined value begins with another byte than a name, and is small", () => {
  assert.isBelow(EntryRecord.encode(undefined).byteLength, 8)
})
