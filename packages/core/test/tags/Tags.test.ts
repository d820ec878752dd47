import { assert, describe } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import { AdapterError } from "../../src/contract/Adapter.ts"
import { logKey, remembered, retention } from "../../src/tags/InvalidationLog.ts"
import * as Tags from "../../src/tags/Tags.ts"
import { Origin } from "../support/Origin.ts"
import { advance, begin, beginMany, joinAll, scenario, stepped } from "../support/Scenario.ts"
import { remote, slow } from "../support/Wrappers.ts"

for (const [kind, wrap] of [
  ["memory", undefined],
  ["a remote store", remote]
] as const) {
  describe(`tags, over ${kind}`, () => {
    scenario("an invalidated value is absent for get, has, explain and getOrSet, in every process", (world) =>
      Effect.gen(function* () {
        const a = yield* world.cache({ tags: ["t"] }, wrap)
        const b = yield* world.cache({ tags: ["t"], staleIfError: "1 hour" }, wrap)
        const origin = new Origin()
        yield* a.cache.getOrSet("k", origin.gives())
        assert.deepStrictEqual(yield* b.cache.get("k"), Option.some("v1"))
        yield* b.cache.invalidateTag("t")
        for (const { cache } of [a, b]) {
          assert.deepStrictEqual(yield* cache.get("k"), Option.none())
          assert.isFalse(yield* cache.has("k"))
          assert.strictEqual((yield* cache.explain("k")).state, "absent")
        }
        const again = yield* a.cache.getOrSet("k", origin.gives())
        assert.deepStrictEqual([again.value, again.meta.cache], ["v2", "MISS-LEADER"])
        assert.strictEqual((yield* b.cache.getOrSet("k", origin.gives())).meta.cache, "HIT")
        assert.strictEqual(origin.calls, 2)
      })
    )

    scenario("20 tagged writes at once and then one invalidation leave none", (world) =>
      Effect.gen(function* () {
        const { cache } = yield* world.cache({}, wrap)
        const keys = Array.from({ length: 20 }, (_, n) => `k${n}`)
        yield* Effect.forEach(keys, (key) => cache.set(key, key, { tags: ["t", key] }), { concurrency: "unbounded" })
        assert.strictEqual((yield* cache.getMany(keys)).size, 20)
        yield* cache.invalidateTag("t")
        assert.strictEqual((yield* cache.getMany(keys)).size, 0)
        yield* cache.set("k0", "new", { tags: ["t"] })
        assert.deepStrictEqual([...(yield* cache.getMany(keys))], [["k0", "new"]])
      })
    )

    scenario("a new value forgets the tags of the old one", (world) =>
      Effect.gen(function* () {
        const { cache } = yield* world.cache({}, wrap)
        yield* cache.set("k", "a", { tags: ["old"] })
        yield* cache.set("k", "b", { tags: ["new"] })
        yield* cache.invalidateTag("old")
        assert.deepStrictEqual(yield* cache.get("k"), Option.some("b"))
        yield* cache.invalidateTags(["new", "other"])
        assert.deepStrictEqual(yield* cache.get("k"), Option.none())
      })
    )

    scenario("a tag invalidated while a load runs voids its fill, and the answer says so", (world) =>
      Effect.gen(function* () {
        const { cache } = yield* world.cache({ tags: (_, value) => [`of:${value}`] }, wrap)
        const origin = new Origin()
        const caller = yield* begin(cache.getOrSet("k", origin.gives(100)))
        yield* advance(50)
        yield* cache.invalidateTag("of:v1")
        yield* advance(50)
        assert.deepInclude(yield* Fiber.join(caller), { value: "v1" })
        assert.strictEqual((yield* Fiber.join(caller)).meta.uncached, "invalidated")
        assert.deepStrictEqual(yield* cache.get("k"), Option.none())
        yield* advance(100_000)
        assert.deepStrictEqual(yield* cache.get("k"), Option.none())
      })
    )

    scenario("another tag invalidated meanwhile does not void it", (world) =>
      Effect.gen(function* () {
        const { cache } = yield* world.cache({ tags: ["mine"] }, wrap)
        yield* cache.invalidateTag("mine")
        yield* advance(10)
        const caller = yield* begin(cache.getOrSet("k", new Origin().gives(100)))
        yield* advance(50)
        yield* cache.invalidateTag("another")
        yield* advance(50)
        assert.isUndefined((yield* Fiber.join(caller)).meta.uncached)
        assert.deepStrictEqual(yield* cache.get("k"), Option.some("v1"))
      })
    )

    scenario("an invalidation between the last look and the fill makes the filled value invalid", (world) =>
      Effect.gen(function* () {
        const { cache } = yield* world.cache({ tags: ["t"] }, (adapter) => {
          const outer = wrap === undefined ? adapter : wrap(adapter)
          return {
            ...outer,
            fill: (key, options) => Effect.andThen(Tags.invalidate(world.store, ["t"]), outer.fill(key, options))
          }
        })
        yield* cache.getOrSet("k", new Origin().gives())
        assert.deepStrictEqual(yield* cache.get("k"), Option.none())
      })
    )

    scenario("a stale value of an invalidated tag is not served, even inside its stale windows", (world) =>
      Effect.gen(function* () {
        const windows = { staleWhileRevalidate: "1 hour", staleIfError: "1 hour" } as const
        const { cache } = yield* world.cache({ cacheTtl: 1000, tags: ["t"], ...windows }, wrap)
        const origin = new Origin()
        yield* cache.getOrSet("k", origin.gives())
        yield* advance(2000)
        yield* cache.invalidateTag("t")
        const caller = yield* begin(cache.getOrSet("k", origin.gives(10)))
        yield* advance(10)
        assert.deepInclude(yield* Fiber.join(caller), { value: "v2" })
      })
    )

    scenario("a record that the store has lost makes its values invalid, not valid again", (world) =>
      Effect.gen(function* () {
        const { cache } = yield* world.cache({ tags: ["t"] }, wrap)
        yield* cache.invalidateTag("t")
        yield* cache.getOrSet("k", new Origin().gives())
        assert.isTrue(yield* cache.has("k"))
        yield* world.store.delete(Tags.tagKey("t"))
        assert.isFalse(yield* cache.has("k"))
      })
    )
  })
}

describe("the order of an invalidation and a load", () => {
  for (const [given, tags] of [
    ["given tags", ["t"]],
    ["tags that a function tells", () => ["t"]]
  ] as const) {
    for (const step of [-2_000, -300, 300, 3_600_000]) {
      scenario(`is no matter of clocks: ${given}, and a wall clock that steps by ${step} ms meanwhile`, (world) =>
        Effect.gen(function* () {
          let offset = 0
          const clock = yield* stepped(() => offset)
          const a = yield* Effect.provideService(world.cache({ tags }, remote), Clock.Clock, clock)
          const b = yield* world.cache({}, remote)
          const origin = new Origin()
          const caller = yield* begin(
            Effect.provideService(a.cache.getOrSet("k", origin.gives(100)), Clock.Clock, clock)
          )
          yield* advance(50)
          yield* b.cache.invalidateTag("t")
          offset = step
          yield* advance(50)
          assert.strictEqual((yield* Fiber.join(caller)).meta.uncached, "invalidated")
          assert.isFalse(yield* a.cache.has("k"))
          assert.isFalse(yield* b.cache.has("k"))
        })
      )
    }

    scenario(`${given}: many invalidations of others meanwhile keep nothing from being cached`, (world) =>
      Effect.gen(function* () {
        const { cache } = yield* world.cache({ tags }, remote)
        const other = yield* world.cache({}, remote)
        yield* cache.invalidateTag("t")
        const caller = yield* begin(cache.getOrSet("k", new Origin().gives(100)))
        for (let n = 0; n < 20; n++) yield* cache.invalidateTag(`before-${n}`)
        const many = Array.from({ length: remembered - 20 }, (_, n) => other.cache.invalidateTag(`t${n}`))
        yield* Effect.all(many, { concurrency: "unbounded" })
        yield* advance(100)
        assert.isUndefined((yield* Fiber.join(caller)).meta.uncached)
        assert.isTrue(yield* cache.has("k"))
      })
    )
  }

  scenario("beyond what the log remembers is unknown: the value is not cached", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache({ tags: () => ["t"] }, remote)
      const caller = yield* begin(cache.getOrSet("k", new Origin().gives(100)))
      yield* cache.invalidateTags(Array.from({ length: remembered + 1 }, (_, n) => `t${n}`))
      yield* advance(100)
      assert.strictEqual((yield* Fiber.join(caller)).meta.uncached, "invalidated")
    })
  )

  scenario("is unknown when the store has lost the log meanwhile", (world) =>
    Effect.gen(function* () {
      const { cache, process } = yield* world.cache({ tags: () => ["t"] }, remote)
      const caller = yield* begin(cache.getOrSet("k", new Origin().gives(100)))
      yield* cache.invalidateTag("t")
      const logged = process.given("fill").length
      for (const key of [logKey, Tags.tagKey("t")]) yield* world.store.delete(key)
      yield* cache.invalidateTag("other")
      assert.isAbove(process.given("fill").length, logged)
      yield* advance(100)
      assert.strictEqual((yield* Fiber.join(caller)).meta.uncached, "invalidated")
    })
  )

  scenario("survives processes that write the log at once, and one that died while it did", (world) =>
    Effect.gen(function* () {
      const loader = yield* world.cache({ tags: (key) => [key] }, remote)
      const others = yield* Effect.all(Array.from({ length: 5 }, () => world.cache({}, (far) => slow(remote(far), 7))))
      const keys = Array.from({ length: 20 }, (_, n) => `k${n}`)
      for (const crashed of [false, true]) {
        const callers = yield* beginMany(keys.length, (n) => loader.cache.refresh(keys[n]!, new Origin().gives(5_000)))
        if (crashed) yield* world.store.acquire(logKey, { owner: "dead", leaseFor: 60_000, force: true })
        const told = yield* beginMany(keys.length, (n) => others[n % 5]!.cache.invalidateTag(keys[n]!))
        yield* advance(4_000)
        yield* joinAll(told)
        yield* advance(1_000)
        for (const { meta } of yield* joinAll(callers)) assert.strictEqual(meta.uncached, "invalidated")
      }
    })
  )
})

describe("the cost of tags", () => {
  scenario("values without tags: nothing; with tags: one read for each tag, at once", (world) =>
    Effect.gen(function* () {
      const plain = yield* world.cache({}, remote)
      const origin = new Origin()
      yield* plain.cache.getOrSet("p", origin.gives())
      yield* plain.cache.getOrSet("p", origin.gives())
      assert.deepStrictEqual(plain.process.verbs, ["acquire", "fill", "acquire"])
      const tagged = yield* world.cache({ tags: ["a", "b"] }, remote)
      yield* tagged.cache.getOrSet("t", origin.gives())
      // The two tags before the load. After it the fill, and beside it the tags once more.
      assert.deepStrictEqual(tagged.process.verbs, ["acquire", "read", "read", "fill", "read", "read"])
      yield* tagged.cache.getOrSet("t", origin.gives())
      assert.deepStrictEqual(tagged.process.verbs.slice(6), ["acquire", "read", "read"])
    })
  )

  scenario("a tagged value does not outlive the record of its tags", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache({ tags: ["t"] })
      yield* cache.getOrSet("k", new Origin().gives())
      const { keptFor } = yield* cache.explain("k")
      assert.isAtMost(keptFor, retention)
      assert.deepStrictEqual(Tags.bounded({ fresh: Infinity, stale: Infinity }), { fresh: retention, stale: 0 })
      assert.deepStrictEqual(Tags.bounded({ fresh: 5, stale: Infinity }), { fresh: 5, stale: retention - 5 })
    })
  )

  scenario("a store that fails tells no tag, however many parts it has", (world) =>
    Effect.gen(function* () {
      const failed = (operation: "read" | "put") => (key: string) => {
        const part = new AdapterError({ adapter: "part", operation, key, reason: "Unavailable", message: "no" })
        return Effect.fail(
          new AdapterError({ adapter: "a+b", operation, key, reason: "Unavailable", message: "no", cause: part })
        )
      }
      const { cache } = yield* world.cache({}, (adapter) => ({
        ...remote(adapter),
        read: failed("read"),
        put: failed("put")
      }))
      for (const call of [cache.set("k", "v", { tags: ["hidden"] }), cache.invalidateTag("hidden")]) {
        const error: any = yield* Effect.flip(call)
        assert.deepInclude(error.cause, { adapter: "a+b", key: undefined, message: "no" })
        assert.deepInclude(error.cause.cause, { adapter: "part", key: undefined })
      }
    })
  )

  scenario("invalid tags are refused by name, and the value still answers the call", (world) =>
    Effect.gen(function* () {
      const { cache, process } = yield* world.cache<string>({}, (adapter) => ({
        ...adapter,
        limits: { ...adapter.limits, keyBytes: 1_000 }
      }))
      for (const bad of ["", 5, "\ud800"]) {
        const refused = yield* Effect.flip(cache.invalidateTag(bad as string))
        assert.deepInclude(refused, { _tag: "INVALID_OPTION", option: "tags" })
      }
      const long = "t".repeat(process.adapter.limits.keyBytes)
      const refused = yield* Effect.flip(cache.invalidateTag(long))
      assert.deepInclude(refused, { _tag: "INVALID_OPTION", option: "tags" })
      assert.strictEqual((yield* Effect.flip(cache.set("k", "v", { tags: [long] })))._tag, "INVALID_OPTION")
      const many = Array.from({ length: 257 }, (_, n) => `t${n}`)
      assert.match((yield* Effect.flip(cache.set("k", "v", { tags: many }))).message, /at most 256 tags/)
      yield* cache.set("k", "v", { tags: many.slice(1) })
      yield* cache.delete("k")
      const answer = yield* cache.getOrSet("k", () => Effect.succeed("v"), { tags: () => [""] })
      assert.deepStrictEqual([answer.value, answer.meta.uncached], ["v", "declined"])
      assert.isFalse(yield* cache.has("k"))
    })
  )
})
