import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { type Adapter, AdapterError } from "../../src/contract/Adapter.ts"
import * as Guard from "../../src/guard/Guard.ts"
import * as MemoryAdapter from "../../src/stores/MemoryAdapter.ts"
import * as Tiered from "../../src/stores/tiered/Tiered.ts"
import { eachVerb } from "../support/EachVerb.ts"
import { Store } from "../support/Outage.ts"
import { advance, begin, beginMany, joinAll, scenario } from "../support/Scenario.ts"

const options = { owner: "o", leaseFor: 10_000 }

/** Reads until the store is down. */
const takeDown = (store: Store, guarded: Adapter) =>
  Effect.gen(function* () {
    store.state = "refuses"
    for (let n = 0; n < 3; n++) yield* Effect.flip(guarded.read("k"))
    assert.deepStrictEqual(store.changes, ["down"])
  })

describe("a store that refuses", () => {
  scenario("is down after three moments in a row; calls then fail at once, with its last words, and ask nothing", () =>
    Effect.gen(function* () {
      const store = new Store()
      const guarded = Guard.of(store.adapter)
      yield* takeDown(store, guarded)
      store.asked = 0
      const error = yield* Effect.flip(guarded.acquire("other", options))
      assert.deepInclude(error, { operation: "acquire", key: "other", reason: "Unavailable", unsent: true })
      assert.include(error.message, "has been down for 0 ms")
      assert.include(error.message, "refuses")
      for (const verb of [guarded.read("k"), guarded.delete("k"), Effect.scoped(guarded.watch!("k"))]) {
        assert.isTrue((yield* Effect.flip(verb as Effect.Effect<unknown, AdapterError>)).unsent)
      }
      assert.strictEqual(store.asked, 0)
      yield* Guard.health(guarded)!.stop
    })
  )

  scenario("failures of one moment count once, and an answer in between begins anew", () =>
    Effect.gen(function* () {
      const store = new Store()
      const guarded = Guard.of(store.adapter)
      for (let n = 0; n < 5; n++) {
        store.state = "silent"
        const together = yield* beginMany(100, (k) => Effect.exit(guarded.read(`k${k}`)))
        yield* advance(500)
        store.state = "answers"
        yield* guarded.read("k")
        yield* advance(1_500)
        yield* joinAll(together)
      }
      assert.deepStrictEqual(store.changes, [])
    })
  )

  for (const state of ["busy", "rejects", "read-only"] as const) {
    scenario(`a store that is ${state} is not down, however often`, () =>
      Effect.gen(function* () {
        const store = new Store()
        const guarded = Guard.of(store.adapter)
        store.state = state
        for (let n = 0; n < 20; n++) yield* Effect.flip(guarded.read("k"))
        assert.deepStrictEqual(store.changes, [])
      })
    )
  }

  scenario("a store that takes a second for each answer is not down", () =>
    Effect.gen(function* () {
      const store = new Store()
      const guarded = Guard.of(store.adapter)
      store.state = "slow"
      const calls = yield* beginMany(10, (k) => guarded.read(`k${k}`))
      yield* advance(1_000)
      yield* joinAll(calls)
      assert.deepStrictEqual(store.changes, [])
    })
  )
})

describe("a store that is silent", () => {
  scenario("is down after one request without an answer for a second, while nothing else was answered", () =>
    Effect.gen(function* () {
      const store = new Store()
      const guarded = Guard.of(store.adapter)
      store.state = "silent"
      const first = yield* beginMany(50, (k) => Effect.flip(guarded.read(`k${k}`)))
      yield* advance(2_000)
      yield* joinAll(first)
      assert.deepStrictEqual(store.changes, ["down"])
      store.asked = 0
      const later = yield* beginMany(1_000, (k) => Effect.flip(guarded.read(`k${k}`)))
      yield* joinAll(later)
      assert.strictEqual(store.asked, 0)
      yield* Guard.health(guarded)!.stop
    })
  )

  scenario("is not down for one batch without an answer, which may be many requests", () =>
    Effect.gen(function* () {
      const store = new Store()
      const guarded = Guard.of({
        ...store.adapter,
        acquireMany: () =>
          Effect.andThen(
            Effect.sleep(2_000),
            Effect.fail(
              new AdapterError({
                adapter: "memory",
                operation: "acquireMany",
                reason: "Unavailable",
                message: "no answer",
                unanswered: 2_000
              })
            )
          )
      })
      const batch = yield* begin(Effect.flip(guarded.acquireMany!(["a", "b"], options)))
      yield* advance(2_000)
      yield* Fiber.join(batch)
      assert.deepStrictEqual(store.changes, [])
    })
  )

  scenario("three time-outs in a row where each is shorter than a second", () =>
    Effect.gen(function* () {
      const store = new Store(100)
      const guarded = Guard.of(store.adapter)
      store.state = "silent"
      for (const changes of [[], [], ["down"]]) {
        const call = yield* begin(Effect.flip(guarded.read("k")))
        yield* advance(100)
        yield* Fiber.join(call)
        assert.deepStrictEqual(store.changes, changes)
      }
      yield* Guard.health(guarded)!.stop
    })
  )
})

describe("healing", () => {
  scenario("probes ask at most twice a second at last, and one answer lets requests pass within a second", () =>
    Effect.gen(function* () {
      const store = new Store()
      const guarded = Guard.of(store.adapter)
      yield* takeDown(store, guarded)
      store.asked = 0
      for (let n = 0; n < 10; n++) {
        yield* advance(1_000)
        yield* Effect.flip(guarded.read("k"))
      }
      assert.isAtLeast(store.asked, 20)
      assert.isAtMost(store.asked, 45)
      store.state = "answers"
      yield* advance(500)
      yield* guarded.read("k")
      assert.deepStrictEqual(store.changes, ["down", "up"])
    })
  )

  scenario("a probe that is lost delays it by no more than a second", () =>
    Effect.gen(function* () {
      const store = new Store()
      const guarded = Guard.of(store.adapter)
      store.state = "silent"
      const call = yield* begin(Effect.flip(guarded.read("k")))
      yield* advance(2_000)
      yield* Fiber.join(call)
      for (let n = 0; n < 20; n++) yield* advance(111)
      store.state = "answers"
      yield* advance(950)
      yield* guarded.read("k")
      assert.deepStrictEqual(store.changes, ["down", "up"])
      yield* advance(2_000)
    })
  )

  scenario("requests after a probe's answer are on trial: one that fails tells nobody anew, and pauses grow", () =>
    Effect.gen(function* () {
      const store = new Store()
      // Its reads succeed, and nothing else does.
      const readOnly = eachVerb(store.adapter, ({ effect, verb }) =>
        verb === "read"
          ? Effect.suspend(() => {
              store.asked++
              return Effect.succeed({ freshFor: 0, keptFor: 0, age: 0, took: 0 } as any)
            })
          : effect
      )
      const guarded = Guard.of({ ...readOnly, identity: store.adapter.identity! })
      store.state = "refuses"
      let tried = 0
      for (let n = 0; n < 100; n++) {
        const { unsent } = yield* Effect.flip(guarded.acquire("k", options))
        if (unsent !== true) tried++
        yield* advance(100)
      }
      assert.deepStrictEqual(store.changes, ["down"])
      assert.isAtMost(tried, 40)
      store.state = "answers"
      yield* advance(500)
      yield* guarded.acquire("k", options)
      assert.deepStrictEqual(store.changes, ["down", "up"])
    })
  )

  scenario("when nobody calls any more the probes end, and the next call asks itself", () =>
    Effect.gen(function* () {
      const store = new Store()
      const guarded = Guard.of(store.adapter)
      yield* takeDown(store, guarded)
      for (let n = 0; n < 32; n++) yield* advance(1_000)
      store.asked = 0
      yield* advance(60_000)
      assert.strictEqual(store.asked, 0)
      store.state = "answers"
      yield* guarded.read("k")
      assert.strictEqual(store.asked, 1)
      assert.deepStrictEqual(store.changes, ["down", "up"])
    })
  )

  scenario("close ends the probes", () =>
    Effect.gen(function* () {
      const store = new Store()
      const guarded = Guard.of(store.adapter)
      yield* takeDown(store, guarded)
      yield* guarded.close!
      store.asked = 0
      yield* advance(10_000)
      assert.strictEqual(store.asked, 0)
    })
  )
})

describe("one health", () => {
  scenario("for all adapters of one identity, and for all names over them", () =>
    Effect.gen(function* () {
      const store = new Store()
      const guarded = Guard.of(store.adapter)
      yield* takeDown(store, guarded)
      const again = Guard.of({ ...store.adapter })
      assert.isTrue((yield* Effect.flip(again.read("k"))).unsent)
      yield* guarded.close!
    })
  )

  scenario("for each part that the adapter names", () =>
    Effect.gen(function* () {
      const store = new Store(2_000, (key) => key.split(":")[0])
      const guarded = Guard.of(store.adapter)
      for (let n = 0; n < 3; n++) yield* Effect.flip(guarded.read("lost:k"))
      assert.isTrue((yield* Effect.flip(guarded.read("lost:other"))).unsent)
      yield* guarded.read("here:k")
      assert.deepStrictEqual(store.changes, ["down"])
      yield* guarded.close!
    })
  )

  scenario("what stays in this process has none; the far tier behind a near one has", () =>
    Effect.gen(function* () {
      const memory = MemoryAdapter.make()
      assert.strictEqual(Guard.of(memory), memory)
      const store = new Store()
      const tiered = Tiered.make([{ ttl: 60_000 }, store.adapter])
      assert.strictEqual(Guard.of(tiered), tiered)
      yield* takeDown(store, tiered)
      assert.isTrue((yield* Effect.flip(tiered.acquire("k", options))).unsent)
      yield* tiered.close!
    })
  )
})
