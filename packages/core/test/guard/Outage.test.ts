/** What people call, over a store that is lost and comes back: with the options that nobody set. */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Cache from "../../src/Cache.ts"
import type { StoreChange } from "../../src/options/Answer.ts"
import * as Tiered from "../../src/stores/tiered/Tiered.ts"
import { Origin } from "../support/Origin.ts"
import { Store } from "../support/Outage.ts"
import { advance, begin, beginMany, joinAll, scenario } from "../support/Scenario.ts"

const made = (store: Store, options: Omit<Cache.Options<string>, "adapter"> = {}) =>
  Effect.orDie(Cache.make<string>({ ...options, adapter: store.adapter }))

/** Ends the outage, and everything that it left to be done. */
const heal = (store: Store) =>
  Effect.suspend(() => {
    store.state = "answers"
    return Effect.andThen(advance(2_000), advance(10_000))
  })

describe("a silent store", () => {
  scenario("costs the first callers one time-out, and later ones nothing: they fail at once, and say since when", () =>
    Effect.gen(function* () {
      const store = new Store()
      const cache = yield* made(store)
      store.state = "silent"
      const origin = new Origin()
      const first = yield* beginMany(100, (n) => Effect.flip(cache.getOrSet(`k${n}`, origin.gives())))
      yield* advance(2_000)
      for (const { _tag } of yield* joinAll(first)) assert.strictEqual(_tag, "CACHE_GET_FAILED")
      store.asked = 0
      const later = yield* beginMany(1_000, (n) => Effect.flip(cache.getOrSet(`k${n}`, origin.gives())))
      for (const error of yield* joinAll(later)) {
        assert.strictEqual(error._tag, "CACHE_GET_FAILED")
        assert.match(error.message, /^the store has been down for \d+ ms/)
      }
      assert.strictEqual(store.asked, 0)
      assert.strictEqual(origin.calls, 0)
      assert.strictEqual(cache.stats().storeDownFor, 0)
      yield* advance(100)
      assert.strictEqual(cache.stats().storeDownFor, 100)
      yield* heal(store)
    })
  )

  scenario('with "fetch" every key is loaded once, told as MISS-UNAVAILABLE, and never as another\'s slow load', () =>
    Effect.gen(function* () {
      const store = new Store()
      const cache = yield* made(store, { onAdapterError: "fetch" })
      store.state = "silent"
      const origin = new Origin()
      const first = yield* beginMany(30, (n) => cache.getOrSet(`k${n % 10}`, origin.gives(50)))
      yield* advance(2_050)
      const answers = yield* joinAll(first)
      assert.strictEqual(origin.calls, 10)
      const told = answers.map(({ meta }) => `${meta.cache}, ${meta.uncached}`)
      assert.deepStrictEqual([...new Set(told)].sort(), [
        "MISS-FOLLOWER-HIT, unavailable",
        "MISS-UNAVAILABLE, unavailable"
      ])
      store.asked = 0
      const later = yield* beginMany(30, (n) => cache.getOrSet(`later${n % 10}`, origin.gives(50)))
      assert.strictEqual(store.asked, 0)
      yield* advance(50)
      yield* joinAll(later)
      assert.strictEqual(origin.calls, 20)
      assert.strictEqual(cache.stats().unavailable, 20)
      assert.strictEqual(cache.stats().fallbacks, 0)
      yield* heal(store)
    })
  )

  scenario("is told by one hook at each change, and within a second of an answer keys are cached again", () =>
    Effect.gen(function* () {
      const store = new Store()
      const told: Array<StoreChange> = []
      const cache = yield* made(store, {
        onAdapterError: "fetch",
        hooks: { onStoreChange: (change) => Effect.sync(() => told.push(change)) }
      })
      store.state = "silent"
      const origin = new Origin()
      const first = yield* begin(cache.getOrSet("k", origin.gives()))
      yield* advance(2_000)
      yield* Fiber.join(first)
      for (let n = 0; n < 60; n++) {
        yield* cache.getOrSet("k", origin.gives())
        yield* advance(1_000)
      }
      assert.deepStrictEqual(
        told.map(({ adapter, cause, state }) => [adapter, state, cause?.message]),
        [["memory", "down", "silent"]]
      )
      store.state = "answers"
      yield* advance(1_000)
      assert.strictEqual((yield* cache.getOrSet("k", origin.gives())).meta.cache, "MISS-LEADER")
      assert.strictEqual((yield* cache.getOrSet("k", origin.gives())).meta.cache, "HIT")
      yield* advance(2_000)
      assert.deepStrictEqual(
        told.map(({ state }) => state),
        ["down", "up"]
      )
      assert.isAtLeast(told[1]!.downFor!, 60_000)
    })
  )

  scenario("that went down while a load ran is given the value once it is back", () =>
    Effect.gen(function* () {
      const store = new Store()
      const cache = yield* made(store)
      const origin = new Origin()
      const caller = yield* begin(cache.getOrSet("k", origin.gives(1_000)))
      store.state = "silent"
      yield* advance(1_000)
      yield* advance(3_000)
      assert.deepInclude((yield* Fiber.join(caller)).meta, { cache: "MISS-LEADER-NOCACHE", uncached: "set-failed" })
      store.state = "answers"
      yield* advance(3_000)
      assert.strictEqual((yield* cache.getOrSet("k", origin.gives())).meta.cache, "HIT")
      assert.strictEqual(origin.calls, 1)
    })
  )
})

describe("a near tier", () => {
  scenario("goes on with its copies while the far store is down", () =>
    Effect.gen(function* () {
      const store = new Store()
      const cache = yield* Effect.orDie(
        Cache.make<string>({ adapter: Tiered.make([{ ttl: "1 hour" }, store.adapter]), cacheTtl: "1 hour" })
      )
      const origin = new Origin()
      yield* cache.getOrSet("warm", origin.gives())
      yield* cache.getOrSet("warm", origin.gives())
      store.state = "refuses"
      for (let n = 0; n < 3; n++) yield* Effect.flip(cache.getOrSet("cold", origin.gives()))
      assert.deepStrictEqual(store.changes, ["down"])
      store.asked = 0
      assert.strictEqual((yield* cache.getOrSet("warm", origin.gives())).meta.cache, "HIT")
      assert.strictEqual(store.asked, 0)
      yield* heal(store)
    })
  )
})
