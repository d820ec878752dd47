import { assert, describe } from "@effect/vitest"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { type Acquired, type Adapter, AdapterError } from "../../src/contract/Adapter.ts"
import { down, faulty } from "../support/Faulty.ts"
import { Origin } from "../support/Origin.ts"
import { advance, begin, ended, flush, scenario, waits } from "../support/Scenario.ts"
import { asksMany, remote, slow } from "../support/Wrappers.ts"

class Down extends Data.TaggedError("Down")<{}> {}

const keys = ["a", "b", "c", "d"]

for (const [kind, wrap] of [
  ["memory", undefined],
  ["a remote store", remote],
  ["a store that is asked for many", (adapter: Adapter) => asksMany(adapter)]
] as const) {
  describe(`getOrSetMany, over ${kind}`, () => {
    scenario("asks once, for the missing keys alone, and fills the values that came", (world) =>
      Effect.gen(function* () {
        const { cache } = yield* world.cache({}, wrap)
        yield* cache.set("b", "old b")
        const asked: Array<ReadonlyArray<string>> = []
        const fetchMany = (wanted: ReadonlyArray<string>) => {
          asked.push(wanted)
          return Effect.delay(
            Effect.succeed(wanted.filter((key) => key !== "d").map((key) => [key, `new ${key}`] as const)),
            10
          )
        }
        const caller = yield* begin(cache.getOrSetMany([...keys, "a"], fetchMany))
        yield* advance(10)
        const expected = [
          ["a", "new a"],
          ["b", "old b"],
          ["c", "new c"]
        ]
        assert.deepStrictEqual([...(yield* Fiber.join(caller))], expected as never)
        assert.deepStrictEqual(asked, [["a", "c", "d"]])
        assert.deepStrictEqual([...(yield* cache.getMany(keys))], expected as never)
        // A key without a value fails no caller, and is free at once.
        const own = yield* cache.getOrSet("d", () => Effect.succeed("own"))
        assert.deepStrictEqual([own.value, own.meta.cache], ["own", "MISS-LEADER"])
      })
    )

    scenario("waits for keys that others load, in this process and in another", (world) =>
      Effect.gen(function* () {
        const a = yield* world.cache({}, wrap)
        const b = yield* world.cache({}, wrap)
        const origin = new Origin()
        const here = yield* begin(a.cache.getOrSet("a", origin.gives(100)))
        const there = yield* begin(b.cache.getOrSet("b", origin.gives(100)))
        const asked: Array<ReadonlyArray<string>> = []
        const many = yield* begin(
          a.cache.getOrSetMany(keys, (wanted) => {
            asked.push(wanted)
            return Effect.succeed(wanted.map((key) => [key, "batch"] as const))
          })
        )
        assert.deepStrictEqual(asked, [["c", "d"]])
        yield* advance(100)
        assert.strictEqual((yield* Fiber.join(many)).size, 4)
        assert.strictEqual((yield* Fiber.join(many)).get("c"), "batch")
        yield* Fiber.join(here)
        yield* Fiber.join(there)
        assert.strictEqual(origin.calls, 2)
      })
    )

    scenario("two batches at once: each key is fetched once", (world) =>
      Effect.gen(function* () {
        const { cache } = yield* world.cache({}, wrap)
        const counts = new Map<string, number>()
        const fetchMany = (wanted: ReadonlyArray<string>) => {
          for (const key of wanted) counts.set(key, (counts.get(key) ?? 0) + 1)
          return Effect.delay(Effect.succeed(wanted.map((key) => [key, key] as const)), 10)
        }
        const first = yield* begin(cache.getOrSetMany(["a", "b", "c"], fetchMany))
        const second = yield* begin(cache.getOrSetMany(["b", "c", "d"], fetchMany))
        yield* advance(10)
        assert.strictEqual((yield* Fiber.join(first)).size, 3)
        assert.strictEqual((yield* Fiber.join(second)).size, 3)
        assert.deepStrictEqual([...counts.values()], [1, 1, 1, 1])
      })
    )

    scenario("a fetch that fails is the caller's failure, and one call", (world) =>
      Effect.gen(function* () {
        const { cache } = yield* world.cache({ cooldown: 0 }, wrap)
        let calls = 0
        const failed = yield* Effect.flip(
          cache.getOrSetMany(keys, () => {
            calls++
            return Effect.fail(new Down())
          })
        )
        assert.strictEqual(failed._tag, "Down")
        assert.strictEqual(calls, 1)
      })
    )

    scenario("a caller that leaves ends the fetch, and gives every lease back", (world) =>
      Effect.gen(function* () {
        const { cache } = yield* world.cache({}, wrap)
        let interrupted = 0
        const caller = yield* begin(
          cache.getOrSetMany(keys, () => Effect.onInterrupt(Effect.never, () => Effect.sync(() => interrupted++)))
        )
        yield* Fiber.interrupt(caller)
        yield* flush
        assert.strictEqual(interrupted, 1)
        for (const key of keys) assert.isUndefined((yield* world.store.read(key)).lease)
      })
    )

    scenario(
      "a caller that leaves holds up no load that others joined, although a key of it was not decided",
      (world) =>
        Effect.gen(function* () {
          const { cache } = yield* world.cache({}, (adapter) => ({
            ...remote((wrap ?? remote)(adapter)),
            acquire: (key, options) => Effect.delay(adapter.acquire(key, options), key === "a" ? 60_000 : 10)
          }))
          yield* begin(Effect.exit(cache.getOrSet("a", () => Effect.succeed("own"))))
          const leaving = yield* begin(
            cache.getOrSetMany(["a", "b"], (wanted) =>
              Effect.succeed(wanted.map((key) => [key, `new ${key}`] as const))
            )
          )
          const joined = yield* begin(cache.getOrSet("b", () => Effect.succeed("own")))
          yield* advance(10)
          yield* Fiber.interrupt(leaving)
          yield* advance(10)
          assert.isFalse(waits(joined))
          assert.deepInclude(yield* Fiber.join(joined), { value: "new b" })
          yield* advance(60_000)
        })
    )

    scenario("a caller that joined a key for which the batch has no value loads it alone", (world) =>
      Effect.gen(function* () {
        const { cache } = yield* world.cache({}, wrap)
        const many = yield* begin(cache.getOrSetMany(["a"], () => Effect.delay(Effect.succeed([]), 10)))
        const joined = yield* begin(cache.getOrSet("a", () => Effect.succeed("own")))
        yield* advance(10)
        assert.strictEqual((yield* Fiber.join(many)).size, 0)
        assert.deepInclude(yield* Fiber.join(joined), { value: "own" })
      })
    )
  })
}

describe("one request for the keys of a batch", () => {
  const all = (wanted: ReadonlyArray<string>) => Effect.succeed(wanted.map((key) => [key, `new ${key}`] as const))

  scenario("hits and misses cost one command together", (world) =>
    Effect.gen(function* () {
      const asked: Array<number> = []
      const { cache, process } = yield* world.cache({}, (adapter) => asksMany(adapter, asked))
      yield* cache.set("b", "old b")
      assert.strictEqual((yield* cache.getOrSetMany(keys, all)).get("b"), "old b")
      assert.strictEqual((yield* cache.getOrSetMany(keys, all)).get("a"), "new a")
      assert.deepStrictEqual(asked, [4, 4])
      assert.strictEqual(process.count("acquire"), 0)
      assert.deepInclude(cache.stats(), { hits: 5, misses: 3, loads: 3 })
    })
  )

  scenario("a batch of one is a single request, and a key that is being loaded is not requested", (world) =>
    Effect.gen(function* () {
      const asked: Array<number> = []
      const { cache, process } = yield* world.cache({}, (adapter) => asksMany(adapter, asked))
      yield* cache.getOrSetMany(["a"], all)
      assert.strictEqual(process.count("acquire"), 1)
      const origin = new Origin()
      const alone = yield* begin(cache.getOrSet("b", origin.gives(10)))
      const both = yield* begin(cache.getOrSetMany(["b", "c"], all))
      yield* advance(10)
      yield* Fiber.join(alone)
      assert.strictEqual((yield* Fiber.join(both)).get("b"), "v1")
      assert.strictEqual(process.count("acquire"), 3)
      assert.deepStrictEqual(asked, [])
    })
  )

  for (const reason of ["Unavailable", "Rejected"] as const) {
    scenario(`one that fails (${reason}) is no answer: each key gets a request of its own`, (world) =>
      Effect.gen(function* () {
        const { cache, process } = yield* world.cache({}, (adapter) => ({
          ...asksMany(adapter),
          acquireMany: () => Effect.fail(down("acquireMany", reason))
        }))
        assert.strictEqual((yield* cache.getOrSetMany(keys, all)).size, 4)
        assert.strictEqual(process.count("acquire"), 4)
        assert.deepInclude(cache.stats(), { loads: 4, adapterErrors: 0 })
      })
    )
  }

  const faults: ReadonlyArray<
    readonly [fault: string, bend: (found: ReadonlyArray<Acquired>) => ReadonlyArray<Acquired>]
  > = [
    ["too few", (found) => found.slice(1)],
    ["too many", (found) => [...found, found[0]!]],
    ["none", () => []],
    ["nothing at all", () => undefined as never],
    ["an object by key", (found) => Object.fromEntries(found.map((one, at) => [keys[at], one])) as never],
    ["a hole", (found) => found.map((one, at) => (at === 2 ? (undefined as never) : one))],
    ["an unknown answer", (found) => found.map((one) => ({ ...one, _tag: "Found" as never }))],
    [
      "a hit without a value",
      (found) => found.map((one) => (one._tag === "Hit" ? { ...one, value: null as never } : one))
    ]
  ]
  for (const [fault, bend] of faults) {
    scenario(`an adapter that answers ${fault}: each key gets its own value, asked for by itself`, (world) =>
      Effect.gen(function* () {
        const asked: Array<number> = []
        const { cache, process } = yield* world.cache({}, (adapter) => {
          const many = asksMany(adapter, asked)
          return { ...many, acquireMany: (keys, options) => Effect.map(many.acquireMany!(keys, options), bend) }
        })
        yield* cache.set("b", "old b")
        yield* cache.set("d", "old d")
        let fetches = 0
        const values = yield* cache.getOrSetMany(keys, (wanted) => {
          fetches++
          return all(wanted)
        })
        assert.deepStrictEqual(Object.fromEntries(values), { a: "new a", b: "old b", c: "new c", d: "old d" })
        // The leases that the batch took are found again by their owner.
        assert.deepStrictEqual([fetches, process.count("acquire")], [1, 4])
        for (const key of keys) assert.isUndefined((yield* world.store.read(key)).lease)
        // From then on the adapter is not asked in that way.
        yield* cache.getOrSetMany(keys, all)
        assert.deepStrictEqual(asked, [4])
      })
    )
  }

  scenario("its reply lost: the leases it took are found again, and the batch is one fetch", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache({}, (adapter) => {
        const many = asksMany(adapter)
        return {
          ...many,
          acquireMany: (keys, options) =>
            Effect.andThen(many.acquireMany!(keys, options), Effect.fail(down("acquireMany")))
        }
      })
      let fetches = 0
      const found = yield* cache.getOrSetMany(keys, (wanted) => {
        fetches++
        return all(wanted)
      })
      assert.deepStrictEqual([found.size, fetches], [4, 1])
      for (const key of keys) assert.isUndefined((yield* world.store.read(key)).lease)
    })
  )

  scenario("a key that the store refuses fails its batch as it would alone, and leaves no lease", (world) =>
    Effect.gen(function* () {
      const refused = new AdapterError({
        adapter: "faulty",
        operation: "acquire",
        key: "c",
        reason: "Rejected",
        message: "not this one"
      })
      const { cache } = yield* world.cache({}, (adapter) => {
        const many = asksMany(adapter)
        return {
          ...many,
          acquire: (key, options) => (key === "c" ? Effect.fail(refused) : many.acquire(key, options)),
          acquireMany: () => Effect.fail(refused)
        }
      })
      const failed = yield* Effect.flip(cache.getOrSetMany(keys, () => Effect.never))
      assert.strictEqual(failed._tag, "CACHE_GET_FAILED")
      yield* flush
      for (const key of keys) assert.isUndefined((yield* world.store.read(key)).lease)
    })
  )
})

describe("one fetch for keys that must be loaded later", () => {
  const counting = () => {
    const asked: Array<ReadonlyArray<string>> = []
    const fetchMany = (wanted: ReadonlyArray<string>) => {
      asked.push(wanted)
      return Effect.delay(Effect.succeed(wanted.map((key) => [key, `new ${key}`] as const)), 100)
    }
    return { asked, fetchMany }
  }

  for (const [kind, wrap] of [
    ["memory", undefined],
    ["a remote store", remote],
    ["a slow one", (adapter: Adapter) => slow(remote(adapter), 4)]
  ] as const) {
    scenario(`keys that are refreshed behind their stale values, over ${kind}`, (world) =>
      Effect.gen(function* () {
        const { cache } = yield* world.cache({ cacheTtl: 1000, staleWhileRevalidate: 60_000 }, wrap)
        for (const key of ["a", "b", "c"]) yield* begin(cache.set(key, `old ${key}`))
        yield* advance(2000)
        const { asked, fetchMany } = counting()
        const caller = yield* begin(cache.getOrSetMany(["a", "b", "c"], fetchMany))
        yield* advance(20)
        assert.deepStrictEqual([...(yield* Fiber.join(caller)).values()], ["old a", "old b", "old c"])
        yield* advance(130)
        assert.deepStrictEqual(asked, [["a", "b", "c"]])
        const found = yield* begin(cache.getMany(["a", "b", "c"]))
        yield* advance(10)
        assert.deepStrictEqual([...(yield* Fiber.join(found)).values()], ["new a", "new b", "new c"])
      })
    )

    scenario(`beside one that is missing: the caller waits for a fetch of all, over ${kind}`, (world) =>
      Effect.gen(function* () {
        const { cache } = yield* world.cache({ cacheTtl: 1000, staleWhileRevalidate: 60_000 }, wrap)
        yield* begin(cache.set("a", "old a"))
        yield* advance(2000)
        const { asked, fetchMany } = counting()
        const caller = yield* begin(cache.getOrSetMany(["a", "b"], fetchMany))
        yield* advance(150)
        assert.deepStrictEqual([...(yield* Fiber.join(caller)).values()], ["old a", "new b"])
        assert.strictEqual(asked.length, 1)
        assert.deepStrictEqual([...asked[0]!].sort(), ["a", "b"])
      })
    )

    scenario(`a batch that has to wait for its place behind another load, over ${kind}`, (world) =>
      Effect.gen(function* () {
        const { cache } = yield* world.cache(
          { cacheTtl: 1000, staleWhileRevalidate: 60_000, refreshConcurrency: 1 },
          wrap
        )
        for (const key of ["x", "a", "b", "c"]) yield* begin(cache.set(key, "old"))
        yield* advance(2000)
        const origin = new Origin()
        yield* begin(cache.getOrSet("x", origin.gives(500)))
        yield* advance(20)
        const { asked, fetchMany } = counting()
        const caller = yield* begin(cache.getOrSetMany(["a", "b", "c"], fetchMany))
        yield* advance(20)
        assert.strictEqual((yield* Fiber.join(caller)).size, 3)
        assert.deepStrictEqual(asked, [])
        // One was fetched by somebody else meanwhile: nobody waits for it.
        yield* begin(cache.set("b", "newer"))
        yield* advance(500)
        assert.deepStrictEqual(asked, [["a", "c"]])
        yield* advance(150)
        // The place is free again.
        yield* begin(cache.set("y", "old", { cacheTtl: 10, staleWhileRevalidate: 60_000 }))
        yield* advance(20)
        yield* begin(cache.getOrSet("y", origin.gives(10)))
        yield* advance(50)
        assert.strictEqual(origin.calls, 2)
      })
    )
  }

  scenario(
    "a key that was given up and fetched beside its flight, which others keep: both loads share the fetch",
    (world) =>
      Effect.gen(function* () {
        // The store takes 1.5 seconds for `a`, and 0.6 for the second time that `b` is asked for.
        const late = [undefined, Effect.sleep(1_500), Effect.sleep(600)]
        const { cache } = yield* world.cache({ waitMax: 100 }, (adapter) => faulty(remote(adapter), { acquire: late }))
        // Has no value for `b`, so the batch loads it itself, 0.9 seconds later.
        yield* begin(cache.getOrSetMany(["b"], () => Effect.delay(Effect.succeed([] as Array<[string, string]>), 900)))
        const asked: Array<ReadonlyArray<string>> = []
        const batch = yield* begin(
          cache.getOrSetMany(["a", "b"], (keys) =>
            Effect.sync(() => {
              asked.push(keys)
              return keys.map((key): [string, string] => [key, `${key}1`])
            })
          )
        )
        const other = yield* begin(cache.getOrSet("a", () => Effect.succeed("never"), { waitMax: "1 minute" }))
        yield* advance(900)
        yield* advance(100)
        yield* advance(500)
        yield* advance(500)
        assert.deepStrictEqual(
          ended(batch),
          Exit.succeed(
            new Map([
              ["a", "a1"],
              ["b", "b1"]
            ])
          )
        )
        assert.deepStrictEqual(asked, [["a", "b"]])
        assert.strictEqual((yield* Fiber.join(other)).value, "a1")
      })
  )

  scenario("keys whose load elsewhere takes longer than waitMax", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache({ waitMax: 200 }, remote)
      for (const key of ["a", "b"]) yield* world.crash(key, 60_000)
      const { asked, fetchMany } = counting()
      const caller = yield* begin(cache.getOrSetMany(["a", "b", "c"], fetchMany))
      yield* advance(200)
      assert.deepStrictEqual(asked, [["c"], ["a", "b"]])
      yield* advance(100)
      assert.strictEqual((yield* Fiber.join(caller)).size, 3)
    })
  )

  scenario(
    "a key for which a fetch has no value is left out, though a stale value could stand in for a failure",
    (world) =>
      Effect.gen(function* () {
        const { cache } = yield* world.cache({ cacheTtl: 100, staleIfError: 60_000 }, remote)
        yield* cache.getOrSetMany(["a"], () => Effect.succeed([["a", "old"] as const]))
        yield* advance(200)
        assert.deepStrictEqual([...(yield* cache.getOrSetMany(["a"], () => Effect.succeed([])))], [])
        assert.strictEqual(cache.stats().staleServed, 0)
      })
  )

  scenario(
    "a caller that joined a fetch beside another's load, which has no value for its key, fetches by itself",
    (world) =>
      Effect.gen(function* () {
        const { cache } = yield* world.cache({ waitMax: 200 }, remote)
        yield* world.crash("a", 60_000)
        const without = yield* begin(cache.getOrSetMany(["a"], () => Effect.delay(Effect.succeed([]), 1_000)))
        const many = yield* begin(cache.getOrSetMany(["a"], () => Effect.succeed([["a", "of a batch"] as const])))
        const one = yield* begin(cache.getOrSet("a", () => Effect.succeed("alone")))
        yield* advance(200)
        yield* advance(1_000)
        assert.strictEqual((yield* Fiber.join(without)).size, 0)
        assert.deepStrictEqual([...(yield* Fiber.join(many))], [["a", "of a batch"]])
        assert.strictEqual((yield* Fiber.join(one)).meta.cache, "MISS-FOLLOWER-FALLBACK")
        assert.deepInclude(cache.stats(), { loads: 2, loadFailures: 0, errors: {} })
      })
  )

  for (const [kind, wrap] of [
    ["memory", undefined],
    ["a remote store", remote]
  ] as const) {
    scenario(`a failed fetch cools every key down, over ${kind}`, (world) =>
      Effect.gen(function* () {
        const { cache } = yield* world.cache({ cooldown: 1000 }, wrap)
        const failed = yield* Effect.flip(cache.getOrSetMany(keys, () => Effect.delay(Effect.fail(new Down()), 0)))
        assert.strictEqual(failed._tag, "Down")
        yield* flush
        for (const key of keys) {
          const { cooling, lease } = yield* world.store.read(key)
          assert.isDefined(cooling, key)
          assert.isUndefined(lease, key)
        }
      })
    )
  }
})

describe("invalidation of many", () => {
  scenario("deleteMany, invalidateWhere and clear void the loads under way", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache()
      yield* Effect.forEach(["user:1", "user:2", "page:1"], (key) => cache.set(key, key))
      const origin = new Origin()
      const loading = yield* begin(cache.getOrSet("user:3", origin.gives(100)))
      assert.strictEqual(yield* cache.invalidateWhere("user:*"), 3)
      yield* advance(100)
      assert.strictEqual((yield* Fiber.join(loading)).meta.uncached, "lost")
      assert.deepStrictEqual(
        [...(yield* cache.getMany(["user:1", "user:2", "user:3", "page:1"]))],
        [["page:1", "page:1"]]
      )
      yield* cache.invalidateTag("any")
      assert.strictEqual(yield* cache.clear(), 1)
      assert.isTrue((yield* world.store.read("\u0001tag:any")).value !== undefined)
      assert.strictEqual(yield* cache.deleteMany(["x", "y"]), 0)
    })
  )

  for (const [kind, wrap] of [
    ["memory", undefined],
    ["a remote store", remote]
  ] as const) {
    scenario(`a key that is invalidated while a batch is fetched is not filled by it, over ${kind}`, (world) =>
      Effect.gen(function* () {
        const { cache } = yield* world.cache({ tags: (key) => [`tag:${key}`] }, wrap)
        const many = yield* begin(
          cache.getOrSetMany(keys, (wanted) =>
            Effect.delay(Effect.succeed(wanted.map((key) => [key, key] as const)), 100)
          )
        )
        yield* advance(50)
        yield* cache.delete("a")
        yield* cache.invalidateTag("tag:b")
        yield* cache.invalidateWhere("c*")
        yield* advance(50)
        assert.strictEqual((yield* Fiber.join(many)).size, 4)
        assert.deepStrictEqual([...(yield* cache.getMany(keys))], [["d", "d"]])
        yield* advance(100_000)
        assert.deepStrictEqual([...(yield* cache.getMany(keys))], [["d", "d"]])
      })
    )

    scenario(`a stale value that is deleted during its refresh stays deleted, over ${kind}`, (world) =>
      Effect.gen(function* () {
        const { cache } = yield* world.cache({ cacheTtl: 1000, staleWhileRevalidate: "1 hour" }, wrap)
        yield* cache.set("k", "old")
        yield* advance(2000)
        const origin = new Origin()
        assert.strictEqual((yield* cache.getOrSet("k", origin.gives(100))).meta.cache, "STALE")
        yield* advance(50)
        yield* cache.delete("k")
        yield* advance(100)
        assert.deepStrictEqual([...(yield* cache.getMany(["k"]))], [])
        assert.strictEqual(origin.calls, 1)
      })
    )
  }

  scenario("an adapter that cannot list fails with the remedy, for callers without types", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache({}, ({ keys: _, ...adapter }) => adapter)
      const refused = yield* Effect.flip(cache.clear())
      assert.strictEqual(refused._tag, "UNSUPPORTED")
      assert.include(refused.message, "tag")
      assert.deepInclude(yield* Effect.flip(cache.invalidateWhere("")), { _tag: "INVALID_OPTION", option: "pattern" })
    })
  )

  scenario("set writes to the origin first, and the cache changes only if that succeeds", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache()
      const order: Array<string> = []
      yield* cache.set("k", "1", { origin: (key, value) => Effect.sync(() => order.push(`${key}=${value}`)) })
      assert.deepStrictEqual([order, (yield* cache.getMany(["k"])).get("k")], [["k=1"], "1"])
      const failed = yield* Effect.flip(cache.set("k", "2", { origin: () => Effect.fail(new Down()) }))
      assert.strictEqual(failed._tag, "Down")
      assert.strictEqual((yield* cache.getMany(["k"])).get("k"), "1")
    })
  )
})
