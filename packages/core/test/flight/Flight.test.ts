import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scheduler from "effect/Scheduler"
import * as Cache from "../../src/Cache.ts"
import * as Codec from "../../src/codec/Codec.ts"
import type { Adapter } from "../../src/contract/Adapter.ts"
import * as MemoryAdapter from "../../src/stores/MemoryAdapter.ts"
import { faulty } from "../support/Faulty.ts"
import { Broken, Origin } from "../support/Origin.ts"
import { Recorded } from "../support/Recorded.ts"
import { advance, begin, beginMany, ended, flightsOf, flush, joinAll, scenario, waits } from "../support/Scenario.ts"
import { remote, slow } from "../support/Wrappers.ts"

const kinds: ReadonlyArray<readonly [string, ((adapter: Adapter) => Adapter) | undefined]> = [
  ["memory", undefined],
  ["a remote store", remote],
  ["a slow remote store", (adapter) => slow(remote(adapter), 20)]
]

const outcomes = (answers: ReadonlyArray<{ readonly meta: { readonly cache: string } }>): Record<string, number> => {
  const counts: Record<string, number> = {}
  for (const { meta } of answers) counts[meta.cache] = (counts[meta.cache] ?? 0) + 1
  return counts
}

describe("callers of one process", () => {
  for (const [kind, wrap] of kinds) {
    scenario(`1,000 at once make one load over ${kind}`, (world) =>
      Effect.gen(function* () {
        const { cache, process } = yield* world.cache({}, wrap)
        const origin = new Origin()
        const callers = yield* beginMany(1000, () => cache.getOrSet("k", origin.gives(200)))
        assert.strictEqual(flightsOf(process.adapter), 1)
        yield* advance(300)
        const answers = yield* joinAll(callers)
        assert.strictEqual(origin.calls, 1)
        assert.isTrue(answers.every(({ value }) => value === "v1"))
        assert.deepStrictEqual(outcomes(answers), { "MISS-LEADER": 1, "MISS-FOLLOWER-HIT": 999 })
        assert.deepStrictEqual(process.verbs, ["acquire", "fill"])
        assert.strictEqual(cache.stats().stampedePrevented, 999)
        assert.strictEqual(cache.stats().misses, 1000)
      })
    )

    scenario(`different keys are loaded side by side over ${kind}`, (world) =>
      Effect.gen(function* () {
        const { cache } = yield* world.cache({}, wrap)
        const origin = new Origin()
        const callers = yield* beginMany(50, (n) => cache.getOrSet(`k${n % 10}`, origin.gives(100)))
        yield* advance(200)
        yield* joinAll(callers)
        assert.deepStrictEqual([origin.calls, origin.most], [10, 10])
      })
    )
  }

  scenario("many callers at once ask for a remote fresh value once", (world) =>
    Effect.gen(function* () {
      const { cache, process } = yield* world.cache({}, (adapter) => slow(remote(adapter), 20))
      yield* begin(cache.set("k", "v"))
      yield* advance(100)
      const origin = new Origin()
      const callers = yield* beginMany(100, () => cache.getOrSet("k", origin.gives()))
      yield* advance(100)
      assert.deepStrictEqual(outcomes(yield* joinAll(callers)), { HIT: 100 })
      assert.deepStrictEqual(process.verbs, ["put", "acquire"])
      assert.strictEqual(origin.calls, 0)
    })
  )

  scenario("explain reports the number of waiters", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache()
      const origin = new Origin()
      const callers = yield* beginMany(7, () => cache.getOrSet("k", origin.gives(100)))
      assert.strictEqual((yield* cache.explain("k")).waitersHere, 7)
      yield* Fiber.interrupt(callers[3]!)
      assert.strictEqual((yield* cache.explain("k")).waitersHere, 6)
      yield* advance(100)
      assert.strictEqual((yield* cache.explain("k")).waitersHere, 0)
    })
  )

  scenario("two caches over one adapter share a load", (world) =>
    Effect.gen(function* () {
      const { adapter } = world.process(remote)
      const one = yield* Cache.make<string>({ adapter })
      const two = yield* Cache.make<string>({ adapter, cacheTtl: 5 })
      const origin = new Origin()
      const callers = yield* beginMany(20, (n) => (n % 2 === 0 ? one : two).getOrSet("k", origin.gives(100)))
      yield* advance(100)
      assert.deepStrictEqual(outcomes(yield* joinAll(callers)), { "MISS-LEADER": 1, "MISS-FOLLOWER-HIT": 19 })
      assert.strictEqual(origin.calls, 1)
    })
  )

  scenario("repeated one-shot calls over one adapter share a load, with a cache over it too", (world) =>
    Effect.gen(function* () {
      const { adapter, verbs } = world.process(remote)
      const cache = yield* Cache.make<string>({ adapter })
      const origin = new Origin()
      const callers = yield* beginMany(1000, (n) =>
        n % 5 === 0
          ? cache.getOrSet("k", origin.gives(100))
          : Cache.getOrSet({ adapter, key: "k", fetcher: origin.gives(100) })
      )
      yield* advance(100)
      assert.deepStrictEqual(outcomes(yield* joinAll(callers)), { "MISS-LEADER": 1, "MISS-FOLLOWER-HIT": 999 })
      assert.strictEqual(origin.calls, 1)
      assert.deepStrictEqual(verbs, ["acquire", "fill"])
    })
  )

  scenario("one-shot calls that each make their adapter anew over one identity share a load", (world) =>
    Effect.gen(function* () {
      const client = {}
      const process = world.process(remote)
      const origin = new Origin()
      const callers = yield* beginMany(100, () =>
        Cache.getOrSet({
          adapter: { ...process.adapter, identity: client },
          key: "k",
          fetcher: origin.gives(100)
        })
      )
      yield* advance(100)
      assert.deepStrictEqual(outcomes(yield* joinAll(callers)), { "MISS-LEADER": 1, "MISS-FOLLOWER-HIT": 99 })
      assert.strictEqual(origin.calls, 1)
    })
  )

  it.effect('1,000 one-shot calls over "memory" make one load', () =>
    Effect.gen(function* () {
      const origin = new Origin()
      const key = "Flight.test: memory"
      const callers = yield* beginMany(1000, () =>
        Cache.getOrSet({ adapter: "memory", key, cacheTtl: "1 minute", fetcher: origin.gives(100) })
      )
      yield* advance(100)
      assert.deepStrictEqual(outcomes(yield* joinAll(callers)), { "MISS-LEADER": 1, "MISS-FOLLOWER-HIT": 999 })
      const again = yield* Effect.scoped(
        Effect.flatMap(Cache.make<string>({ adapter: "memory" }), (cache) => cache.getOrSet(key, origin.gives()))
      )
      assert.strictEqual(again.meta.cache, "HIT")
      assert.strictEqual(origin.calls, 1)
    })
  )

  scenario("different codecs share no flight, but one lease", (world) =>
    Effect.gen(function* () {
      const { adapter } = world.process(remote)
      const plain = yield* Cache.make<string>({ adapter, codec: Codec.json<string>() })
      world.codecs.add(Codec.json())
      world.codecs.add(Codec.string)
      const origin = new Origin()
      const one = yield* begin(plain.getOrSet("k", origin.gives(100)))
      const text = Cache.getOrSet({ adapter, key: "k", codec: Codec.string, fetcher: origin.gives(100) })
      const two = yield* begin(text)
      assert.deepStrictEqual([flightsOf(adapter, Codec.json()), flightsOf(adapter, Codec.string)], [1, 1])
      assert.strictEqual(origin.calls, 1)
      yield* advance(500)
      assert.strictEqual((yield* Fiber.join(one)).value, "v1")
      // It cannot read the other's value, and loads for itself.
      assert.strictEqual((yield* Fiber.join(two)).value, "v2")
      assert.strictEqual(origin.most, 1)
    })
  )
})

describe("leaving", () => {
  // Where each step takes a turn of the scheduler.
  const settled = Effect.repeat(flush, { times: 15 })

  for (const [kind, wrap] of kinds) {
    scenario(`one leaves, the others stay: the load goes on over ${kind}`, (world) =>
      Effect.gen(function* () {
        const { cache } = yield* world.cache({}, wrap)
        const origin = new Origin()
        const callers = yield* beginMany(5, () => cache.getOrSet("k", origin.gives(200)))
        yield* advance(50)
        // Also the one that began it.
        yield* Fiber.interrupt(callers[0]!)
        yield* Fiber.interrupt(callers[3]!)
        yield* advance(300)
        const rest = yield* joinAll([callers[1]!, callers[2]!, callers[4]!])
        assert.deepStrictEqual(outcomes(rest), { "MISS-FOLLOWER-HIT": 3 })
        assert.deepStrictEqual([origin.calls, origin.interrupted], [1, 0])
      })
    )

    scenario(`the last one to leave ends the load, and the lease is free at once, over ${kind}`, (world) =>
      Effect.gen(function* () {
        const { cache, process } = yield* world.cache({}, wrap)
        const origin = new Origin()
        const callers = yield* beginMany(3, () => cache.getOrSet("k", origin.gives(60_000)))
        yield* advance(100)
        for (const caller of callers) yield* Fiber.interrupt(caller)
        assert.strictEqual(world.flights, 0)
        yield* advance(20)
        assert.deepStrictEqual(
          { calls: origin.calls, interrupted: origin.interrupted, running: origin.running },
          { calls: 1, interrupted: 1, running: 0 }
        )
        assert.deepStrictEqual(process.verbs, ["acquire", "abandon"])
        assert.isUndefined((yield* world.store.read("k")).lease)
        assert.isUndefined((yield* world.store.read("k")).cooling)
        // Nobody waits: not for the lease, not for a cooldown.
        const next = yield* begin(cache.getOrSet("k", origin.gives()))
        yield* advance(50)
        assert.deepStrictEqual(
          Exit.map(ended(next), ({ meta }) => meta.cache),
          Exit.succeed("MISS-LEADER" as const)
        )
      })
    )
  }

  scenario("a new caller right after everybody left begins a new flight", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache({}, remote)
      const origin = new Origin()
      // The fetcher does not let itself be interrupted quickly.
      const stubborn = () => Effect.uninterruptible(origin.gives(100)({ key: "k", stale: undefined }))
      const first = yield* begin(cache.getOrSet("k", stubborn))
      yield* Effect.forkChild(Fiber.interrupt(first))
      yield* flush
      assert.isFalse(waits(first))
      const second = yield* begin(cache.getOrSet("k", origin.gives(10)))
      assert.isTrue(waits(second))
      yield* advance(500)
      assert.strictEqual((yield* Fiber.join(second)).value, "v2")
    })
  )

  scenario("a caller that leaves ends at once, although the fetcher's finalizer takes time", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache()
      let released = false
      const caller = yield* begin(
        cache.getOrSet("k", () =>
          Effect.never.pipe(
            Effect.onInterrupt(() =>
              Effect.andThen(
                Effect.sleep(500),
                Effect.sync(() => {
                  released = true
                })
              )
            )
          )
        )
      )
      yield* Effect.forkChild(Fiber.interrupt(caller))
      yield* flush
      assert.isFalse(waits(caller))
      assert.isFalse(released)
      yield* advance(500)
      assert.isTrue(released)
    })
  )

  scenario("the lease is given back only after the fetcher has really stopped", (world) =>
    Effect.gen(function* () {
      const { cache, process } = yield* world.cache()
      const caller = yield* begin(cache.getOrSet("k", () => Effect.onInterrupt(Effect.never, () => Effect.sleep(500))))
      yield* Effect.forkChild(Fiber.interrupt(caller))
      yield* advance(499)
      assert.isDefined((yield* world.store.read("k")).lease)
      yield* advance(1)
      assert.isUndefined((yield* world.store.read("k")).lease)
      assert.strictEqual(process.count("abandon"), 1)
    })
  )

  scenario("leaving while the lease is asked for still gives it back", (world) =>
    Effect.gen(function* () {
      const { cache, process } = yield* world.cache({}, (adapter) => slow(remote(adapter), 100))
      const origin = new Origin()
      const caller = yield* begin(cache.getOrSet("k", origin.gives()))
      yield* advance(60)
      yield* Fiber.interrupt(caller)
      assert.isDefined((yield* world.store.read("k")).lease)
      assert.strictEqual(world.flights, 0)
      yield* advance(100)
      assert.isUndefined((yield* world.store.read("k")).lease)
      assert.deepStrictEqual(process.verbs, ["acquire", "abandon"])
      assert.strictEqual(origin.calls, 0)
      yield* advance(100)
    })
  )

  scenario("leaving while the value is filled keeps the value", (world) =>
    Effect.gen(function* () {
      const { cache, process } = yield* world.cache({}, (adapter) => slow(remote(adapter), 100))
      const origin = new Origin()
      const caller = yield* begin(cache.getOrSet("k", origin.gives()))
      yield* advance(120)
      assert.deepStrictEqual(process.verbs, ["acquire", "fill"])
      yield* Fiber.interrupt(caller)
      yield* advance(100)
      assert.strictEqual((yield* world.store.read("k")).freshFor, Infinity)
      assert.strictEqual(process.count("abandon"), 0)
    })
  )

  scenario("leaving while following ends the subscription and asks nothing more", (world) =>
    Effect.gen(function* () {
      const { cache, process } = yield* world.cache({}, remote)
      yield* world.crash("k", 10_000)
      const origin = new Origin()
      const callers = yield* beginMany(3, () => cache.getOrSet("k", origin.gives()))
      yield* advance(100)
      assert.strictEqual(process.watching, 1)
      for (const caller of callers) yield* Fiber.interrupt(caller)
      yield* flush
      assert.strictEqual(process.watching, 0)
      const asked = process.verbs.length
      yield* advance(20_000)
      assert.strictEqual(process.verbs.length, asked)
      assert.strictEqual(origin.calls, 0)
    })
  )

  scenario("a process that leaves frees its lease for a follower elsewhere, at once", (world) =>
    Effect.gen(function* () {
      const a = yield* world.cache({}, remote)
      const b = yield* world.cache({}, remote)
      const origin = new Origin()
      const leader = yield* begin(a.cache.getOrSet("k", origin.gives(60_000)))
      const follower = yield* begin(b.cache.getOrSet("k", origin.gives()))
      yield* advance(100)
      assert.isTrue(waits(follower))
      yield* Fiber.interrupt(leader)
      yield* flush
      assert.deepStrictEqual(ended(follower).pipe(Exit.map(({ value }) => value)), Exit.succeed("v2"))
      assert.strictEqual(b.cache.stats().takeovers, 1)
    })
  )

  scenario("Effect.timeout is a way to leave", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache()
      const origin = new Origin()
      const hasty = yield* begin(Effect.timeoutOption(cache.getOrSet("k", origin.gives(1000)), 100))
      const patient = yield* begin(cache.getOrSet("k", origin.gives(1000)))
      yield* advance(100)
      assert.isTrue(Option.isNone(yield* Fiber.join(hasty)))
      assert.isTrue(waits(patient))
      yield* advance(900)
      assert.strictEqual((yield* Fiber.join(patient)).value, "v1")
      assert.strictEqual(origin.interrupted, 0)
    })
  )

  scenario("a caller that is interrupted before its first step affects nobody", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache()
      const origin = new Origin()
      const caller = yield* Effect.forkChild(cache.getOrSet("k", origin.gives(10)))
      yield* Fiber.interrupt(caller)
      yield* advance(100)
      assert.strictEqual(origin.running, 0)
    })
  )

  for (const [kind, wrap] of kinds) {
    scenario(`a caller that is interrupted between any two of its steps leaves nothing, over ${kind}`, (world) =>
      Effect.gen(function* () {
        for (let steps = 0; steps < 120; steps++) {
          const { cache } = yield* world.cache({}, wrap)
          const origin = new Origin()
          const caller = yield* Effect.forkChild(
            Effect.provideService(cache.getOrSet("k", origin.gives(10_000)), Scheduler.MaxOpsBeforeYield, 3)
          )
          for (let step = 0; step < steps; step++) yield* Effect.yieldNow
          yield* Effect.forkChild(Fiber.interrupt(caller))
          yield* settled
          yield* advance(100)
          yield* settled
          assert.isFalse(waits(caller))
          assert.strictEqual(origin.running, 0, `after ${steps} steps the load runs on for nobody`)
          assert.isUndefined((yield* world.store.read("k")).lease, `after ${steps} steps the lease is kept`)
          assert.strictEqual(world.flights, 0, `after ${steps} steps the flight is kept`)
        }
      })
    )
  }

  for (const [kind, wrap] of kinds) {
    scenario(`a caller whose signal fires between any two of its steps leaves nothing, over ${kind}`, (world) =>
      Effect.gen(function* () {
        for (let steps = 0; steps < 120; steps++) {
          const { cache } = yield* world.cache({}, wrap)
          const origin = new Origin()
          const controller = new AbortController()
          const caller = yield* Effect.forkChild(
            Effect.provideService(
              Effect.exit(cache.getOrSet("k", origin.gives(10_000), { signal: controller.signal })),
              Scheduler.MaxOpsBeforeYield,
              3
            )
          )
          for (let step = 0; step < steps; step++) yield* Effect.yieldNow
          controller.abort()
          yield* settled
          yield* advance(100)
          yield* settled
          assert.isFalse(waits(caller), `after ${steps} steps the caller is not answered`)
          assert.strictEqual(origin.running, 0, `after ${steps} steps the load runs on for nobody`)
          assert.isUndefined((yield* world.store.read("k")).lease, `after ${steps} steps the lease is kept`)
          assert.strictEqual(world.flights, 0, `after ${steps} steps the flight is kept`)
        }
      })
    )
  }

  scenario("coming and going in any order leaves nothing", (world) =>
    Effect.gen(function* () {
      const a = yield* world.cache({ leaseTtl: 300 }, remote)
      const b = yield* world.cache({ leaseTtl: 300 }, (adapter) => slow(remote(adapter), 4))
      const origin = new Origin()
      let seed = 7
      const random = (below: number) => {
        seed = (seed * 1103515245 + 12345) % 2147483648
        return seed % below
      }
      const callers: Array<Fiber.Fiber<unknown, unknown>> = []
      for (let i = 0; i < 300; i++) {
        const { cache } = random(2) === 0 ? a : b
        const fetcher = random(5) === 0 ? origin.breaks(random(400)) : origin.gives(random(400))
        callers.push(
          yield* Effect.forkChild(Effect.exit(cache.getOrSet(`k${random(3)}`, fetcher, { cacheTtl: random(200) })))
        )
        if (random(3) === 0) yield* advance(random(60))
        if (random(2) === 0) yield* Effect.forkChild(Fiber.interrupt(callers[random(callers.length)]!))
      }
      yield* advance(20_000)
      assert.isTrue(callers.every((caller) => !waits(caller)))
      // One load per process and key at the most, and a crash-free world has one per key.
      assert.isAtMost(origin.most, 3)
    })
  )
})

describe("failing together", () => {
  scenario("fifty callers get the very error of one load", (world) =>
    Effect.gen(function* () {
      const { cache, process } = yield* world.cache()
      const origin = new Origin()
      const callers = yield* beginMany(50, () => Effect.flip(cache.getOrSet("k", origin.breaks(100))))
      yield* advance(100)
      const errors = yield* joinAll(callers)
      assert.strictEqual(origin.calls, 1)
      assert.instanceOf(errors[0], Broken)
      assert.strictEqual(new Set(errors).size, 1)
      assert.deepStrictEqual(process.verbs, ["acquire", "abandon"])
      assert.strictEqual(cache.stats().loadFailures, 1)
    })
  )

  scenario("every caller gets the defect of one load, and the key is not blocked", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache()
      const origin = new Origin()
      const bug = new Error("a bug")
      const callers = yield* beginMany(50, () =>
        Effect.exit(
          cache.getOrSet(
            "k",
            origin.load(100, () => Effect.die(bug))
          )
        )
      )
      yield* advance(100)
      for (const exit of yield* joinAll(callers)) {
        assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause) && Cause.squash(exit.cause) === bug)
      }
      assert.strictEqual(origin.calls, 1)
      yield* advance(101)
      assert.strictEqual((yield* cache.getOrSet("k", origin.gives())).value, "v2")
    })
  )

  for (const [kind, fetcher] of [
    [
      "that throws before it gives an effect",
      (): never => {
        throw new Error("a bug")
      }
    ],
    [
      "that throws in its first step",
      () =>
        Effect.sync((): never => {
          throw new Error("a bug")
        })
    ],
    ["that gives no effect", () => undefined as never]
  ] as const) {
    const failure = kind === "that gives no effect" ? "a typed failure" : "a defect"
    scenario(`a fetcher ${kind} is ${failure} for all, and blocks nothing`, (world) =>
      Effect.gen(function* () {
        const { cache, process } = yield* world.cache({ cooldown: 0 }, (adapter) => slow(remote(adapter), 20))
        const callers = yield* beginMany(5, () => Effect.exit(cache.getOrSet("k", fetcher)))
        yield* advance(40)
        for (const caller of callers) {
          const exit = yield* Fiber.join(caller)
          assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause) === (failure === "a defect"))
        }
        assert.strictEqual(process.count("fill"), 0)
        assert.strictEqual(cache.stats().loads, 1)
        assert.isUndefined((yield* world.store.read("k")).lease)
        const next = yield* begin(cache.getOrSet("k", () => Effect.succeed("v")))
        yield* advance(40)
        assert.strictEqual((yield* Fiber.join(next)).value, "v")
      })
    )
  }

  scenario("a fetcher that interrupts itself runs once, not once for each waiter", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache()
      const origin = new Origin()
      const callers = yield* beginMany(50, () =>
        Effect.exit(
          cache.getOrSet(
            "k",
            origin.load(100, () => Effect.interrupt)
          )
        )
      )
      yield* advance(10_000)
      const exits = yield* joinAll(callers)
      assert.isTrue(exits.every(Exit.isFailure))
      assert.strictEqual(origin.calls, 1)
      assert.isUndefined((yield* world.store.read("k")).lease)
      assert.strictEqual((yield* cache.getOrSet("k", origin.gives())).value, "v2")
    })
  )

  scenario("a caller's own interruption does not reach the other waiters", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache()
      const origin = new Origin()
      const doomed = yield* begin(Effect.exit(Effect.timeout(cache.getOrSet("k", origin.gives(100)), 10)))
      const other = yield* begin(cache.getOrSet("k", origin.gives(100)))
      yield* advance(200)
      assert.isFalse(waits(doomed))
      assert.strictEqual((yield* Fiber.join(other)).value, "v1")
    })
  )
})

describe("behind a stale value", () => {
  const windows = { cacheTtl: 1000, staleWhileRevalidate: 10_000 }

  for (const [kind, wrap] of kinds) {
    scenario(`one refresh for a hundred callers, of which none waits for it, over ${kind}`, (world) =>
      Effect.gen(function* () {
        const { cache } = yield* world.cache(windows, wrap)
        const origin = new Origin()
        yield* begin(cache.set("k", "old"))
        yield* advance(1500)
        const callers = yield* beginMany(100, () => cache.getOrSet("k", origin.gives(500)))
        yield* advance(30)
        const answers = yield* joinAll(callers)
        assert.deepStrictEqual(outcomes(answers), { STALE: 100 })
        assert.isTrue(answers.every(({ value }) => value === "old"))
        yield* advance(250)
        const later = yield* begin(cache.getOrSet("k", origin.gives(500)))
        yield* advance(30)
        assert.strictEqual((yield* Fiber.join(later)).meta.cache, "STALE")
        yield* advance(500)
        const fresh = yield* begin(cache.getOrSet("k", origin.gives(500)))
        yield* advance(30)
        assert.deepInclude(yield* Fiber.join(fresh), { value: "v1" })
        assert.strictEqual(origin.calls, 1)
      })
    )
  }

  scenario("the refresh goes on after its caller was interrupted", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache(windows)
      const origin = new Origin()
      yield* cache.set("k", "old")
      yield* advance(1500)
      const caller = yield* begin(Effect.andThen(cache.getOrSet("k", origin.gives(500)), Effect.never))
      yield* advance(10)
      yield* Fiber.interrupt(caller)
      yield* advance(500)
      assert.strictEqual(origin.interrupted, 0)
      assert.strictEqual((yield* cache.getOrSet("k", origin.gives())).value, "v1")
    })
  )

  scenario("a caller without windows joins a background refresh and waits for it; leaving does not end it", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache(windows)
      const origin = new Origin()
      yield* cache.set("k", "old")
      yield* advance(1500)
      assert.strictEqual((yield* cache.getOrSet("k", origin.gives(500))).meta.cache, "STALE")
      const waiting = yield* begin(cache.getOrSet("k", origin.gives(500), { staleWhileRevalidate: 0 }))
      const leaving = yield* begin(cache.getOrSet("k", origin.gives(500), { staleWhileRevalidate: 0 }))
      yield* Fiber.interrupt(leaving)
      assert.isTrue(waits(waiting))
      yield* Fiber.interrupt(waiting)
      yield* advance(500)
      assert.strictEqual(origin.interrupted, 0)
      assert.strictEqual((yield* cache.getOrSet("k", origin.gives())).value, "v1")
      assert.strictEqual(origin.calls, 1)
    })
  )

  scenario("a flight whose only caller took a stale value while another process loads is over", (world) =>
    Effect.gen(function* () {
      const { cache, process } = yield* world.cache(windows, (adapter) => slow(remote(adapter), 20))
      const origin = new Origin()
      yield* begin(cache.set("k", "old"))
      yield* advance(1500)
      yield* world.crash("k", 5000)
      const caller = yield* begin(cache.getOrSet("k", origin.gives()))
      yield* advance(20)
      assert.strictEqual((yield* Fiber.join(caller)).meta.cache, "STALE")
      assert.strictEqual(world.flights, 0)
      yield* advance(6000)
      assert.strictEqual(origin.calls, 0)
      assert.deepStrictEqual(process.verbs, ["put", "acquire"])
    })
  )
})

describe("in a fetcher's context", () => {
  class Name extends Context.Service<Name, string>()("test/Name") {}

  scenario("a load has the context of its first caller", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache()
      const fetcher = () => Effect.delay(Name, 10)
      const one = yield* begin(Effect.provideService(cache.getOrSet("k", fetcher), Name, "one"))
      const two = yield* begin(Effect.provideService(cache.getOrSet("k", fetcher), Name, "two"))
      yield* Fiber.interrupt(one)
      yield* advance(10)
      assert.strictEqual((yield* Fiber.join(two)).value, "one")
    })
  )

  scenario("a call that a fetcher begins beside itself, for its own key, waits for it like any other", (world) =>
    Effect.gen(function* () {
      for (const wrap of [undefined, (adapter: Adapter) => faulty(adapter, { acquire: () => "reject" as const })]) {
        const { cache } = yield* world.cache({ onAdapterError: "fetch" }, wrap)
        const beside: Array<Exit.Exit<{ readonly value: string }, unknown>> = []
        const fetcher = () =>
          Effect.suspend(() => {
            Effect.runFork(cache.getOrSet("k", () => Effect.succeed("inner"))).addObserver((exit) => beside.push(exit))
            return Effect.as(Effect.sleep(10), "outer")
          })
        const caller = yield* begin(cache.getOrSet("k", fetcher))
        yield* advance(100)
        assert.strictEqual((yield* Fiber.join(caller)).value, "outer")
        assert.deepStrictEqual(beside.map(Exit.map(({ value }) => value)), [Exit.succeed("outer")])
        yield* world.store.delete("k")
      }
    })
  )
})

describe("the cost of a thousand callers for the adapter", () => {
  scenario("a load that fails, then a load that succeeds", (world) =>
    Effect.gen(function* () {
      const recorded = new Recorded(MemoryAdapter.make())
      world.processes.push(recorded)
      const cache = yield* Cache.make<string>({ adapter: recorded.adapter, cooldown: 0 })
      const origin = new Origin()
      const first = yield* beginMany(500, () => Effect.exit(cache.getOrSet("k", origin.breaks(10))))
      yield* advance(10)
      yield* joinAll(first)
      const second = yield* beginMany(500, () => cache.getOrSet("k", origin.gives(10)))
      yield* advance(10)
      yield* joinAll(second)
      assert.deepStrictEqual(recorded.verbs, ["acquire", "abandon", "acquire", "fill"])
    })
  )
})

describe("timers", () => {
  const never = () => Effect.never

  scenario("a load has no timer but that of its renewals, unless a caller has a deadline", (world) =>
    Effect.gen(function* () {
      const { cache } = yield* world.cache({ leaseTtl: 3_000, waitMax: 500 })
      const first = yield* begin(cache.getOrSet("k", never))
      assert.strictEqual(world.sleeping, 1)
      const patient = yield* begin(cache.getOrSet("k", never))
      assert.strictEqual(world.sleeping, 1)
      const hasty = yield* begin(cache.getOrSet("k", never, { onWaitTimeout: "fail" }))
      assert.strictEqual(world.sleeping, 2)
      yield* Fiber.interrupt(hasty)
      yield* flush
      assert.strictEqual(world.sleeping, 1)
      const late = yield* begin(cache.getOrSet("k", never, { onWaitTimeout: "fail" }))
      yield* advance(500)
      assert.strictEqual((yield* Effect.flip(Fiber.join(late)))._tag, "WAIT_TIMEOUT")
      assert.strictEqual(world.sleeping, 1)
      for (const caller of [first, patient]) yield* Fiber.interrupt(caller)
    })
  )

  scenario("the deadlines of callers run on while other loads begin and end", (world) =>
    Effect.gen(function* () {
      yield* world.crash("theirs", 60_000)
      const { cache } = yield* world.cache({ waitMax: 500, onWaitTimeout: "fail" }, remote)
      const waiting = yield* begin(cache.getOrSet("theirs", never))
      const ours = yield* begin(cache.getOrSet("ours", never))
      yield* cache.getOrSet("another", () => Effect.succeed("v"))
      yield* Fiber.interrupt(ours)
      yield* advance(499)
      assert.isTrue(waits(waiting))
      yield* advance(1)
      assert.strictEqual((yield* Effect.flip(Fiber.join(waiting)))._tag, "WAIT_TIMEOUT")
    })
  )
})
