import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import type { Adapter } from "../../src/contract/Adapter.ts"
import * as WaitStrategy from "../../src/options/WaitStrategy.ts"
import { down, faulty } from "../support/Faulty.ts"
import { Origin } from "../support/Origin.ts"
import type { Recorded } from "../support/Recorded.ts"
import { advance, begin, beginMany, bytesOf, ended, flush, joinAll, scenario, waits } from "../support/Scenario.ts"
import { remote, withoutWatch } from "../support/Wrappers.ts"

const polled = (adapter: Adapter): Adapter => withoutWatch(remote(adapter))

const lifetime = { fresh: 60_000, stale: 0 }

describe("with a push", () => {
  scenario("250 callers cost one subscription and three requests, however long the load takes", (world) =>
    Effect.gen(function* () {
      const leader = yield* world.cache({ leaseTtl: 300 }, remote)
      const { cache, process } = yield* world.cache({ leaseTtl: 300, waitMax: "1 hour" }, remote)
      const origin = new Origin()
      yield* begin(leader.cache.getOrSet("k", origin.gives(250)))
      const callers = yield* beginMany(250, () => cache.getOrSet("k", origin.gives(250)))
      assert.strictEqual(process.watching, 1)
      yield* advance(250)
      yield* joinAll(callers)
      assert.deepStrictEqual(process.verbs, ["acquire", "watch", "acquire", "acquire"])
      assert.strictEqual(process.watching, 0)
    })
  )

  scenario("under a lease that is renewed it asks once per lease", (world) =>
    Effect.gen(function* () {
      const leader = yield* world.cache({ leaseTtl: 300 }, remote)
      const { cache, process } = yield* world.cache({ waitMax: "1 hour" }, remote)
      const origin = new Origin()
      yield* begin(leader.cache.getOrSet("k", origin.gives(3000)))
      const caller = yield* begin(cache.getOrSet("k", origin.gives()))
      yield* advance(3000)
      assert.strictEqual((yield* Fiber.join(caller)).meta.waited, 3000)
      assert.isAtMost(process.count("acquire"), 3 + 3000 / 200)
      assert.strictEqual(process.count("watch"), 1)
      assert.strictEqual(origin.calls, 1)
    })
  )

  scenario("it wakes with the fill, not with the next poll", (world) =>
    Effect.gen(function* () {
      const token = yield* world.crash("k", 60_000)
      const { cache } = yield* world.cache({ waitMax: "1 hour", waitStrategy: WaitStrategy.fixed(10_000) }, remote)
      const writer = yield* world.cache({}, remote)
      yield* writer.cache.set("other", "v")
      const value = (yield* world.store.read("other")).value!
      const caller = yield* begin(cache.getOrSet("k", () => Effect.die("not to be loaded")))
      yield* advance(1234)
      yield* world.store.fill("k", { token, value, lifetime })
      yield* flush
      assert.deepStrictEqual(
        ended(caller),
        Exit.succeed({
          value: "v",
          meta: { cache: "MISS-FOLLOWER-HIT", age: 0, freshFor: 60_000, waited: 1234 }
        } as const)
      )
    })
  )

  scenario("an answer older than the subscription is no answer: it asks once more", (world) =>
    Effect.gen(function* () {
      // The second question is answered late; meanwhile the leader fills, and the subscription becomes live.
      const late = (adapter: Adapter): Adapter => {
        let asked = 0
        return {
          ...adapter,
          acquire: (key, options) =>
            ++asked === 2
              ? Effect.tap(adapter.acquire(key, options), () => Effect.sleep(60))
              : adapter.acquire(key, options)
        }
      }
      const origin = new Origin()
      const a = yield* world.cache({}, remote)
      const b = yield* world.cache({ waitStep: 30, waitMax: "1 minute" }, (adapter) =>
        faulty(late(remote(adapter)), { watch: [Effect.sleep(60)] })
      )
      const leader = yield* begin(a.cache.getOrSet("k", origin.gives(50)))
      const follower = yield* begin(b.cache.getOrSet("k", origin.gives(50)))
      yield* advance(50)
      yield* Fiber.join(leader)
      yield* advance(40)
      assert.deepStrictEqual(
        Exit.map(ended(follower), ({ value }) => value),
        Exit.succeed("v1")
      )
      assert.strictEqual(origin.calls, 1)
    })
  )

  scenario("the subscription ends when the caller gives up waiting", (world) =>
    Effect.gen(function* () {
      yield* world.crash("k", 60_000)
      const { cache, process } = yield* world.cache({ waitMax: 100, onWaitTimeout: "fail" }, remote)
      const caller = yield* begin(Effect.flip(cache.getOrSet("k", () => Effect.succeed("v"))))
      assert.strictEqual(process.watching, 1)
      yield* advance(100)
      yield* Fiber.join(caller)
      assert.strictEqual(process.watching, 0)
    })
  )
})

describe("a push that goes wrong", () => {
  for (const [what, faults] of [
    ["is refused", { watch: () => "reject" }],
    ["fails", { watch: () => "fail" }],
    ["never becomes live", { watch: () => "hang" }]
  ] as const) {
    scenario(`and ${what}: it polls, and finds the fill`, (world) =>
      Effect.gen(function* () {
        const leader = yield* world.cache({}, remote)
        const { cache, process } = yield* world.cache({}, (adapter) => faulty(remote(adapter), faults as any))
        const origin = new Origin()
        yield* begin(leader.cache.getOrSet("k", origin.gives(500)))
        const caller = yield* begin(cache.getOrSet("k", origin.gives(500)))
        // Once refused it is not asked for again in this turn.
        yield* advance(1500)
        assert.isTrue(waits(caller) === false, "the fill was found by polling")
        assert.deepInclude(yield* Fiber.join(caller), { value: "v1" })
        assert.strictEqual(process.count("watch"), 1)
        assert.strictEqual(origin.calls, 1)
      })
    )

    scenario(`and ${what}: a dead leader is taken over when its lease ends`, (world) =>
      Effect.gen(function* () {
        yield* world.crash("k", 2000)
        const { cache } = yield* world.cache({ waitMax: "1 hour" }, (adapter) => faulty(remote(adapter), faults as any))
        const origin = new Origin()
        const caller = yield* begin(cache.getOrSet("k", origin.gives()))
        yield* advance(1999)
        assert.strictEqual(origin.calls, 0)
        yield* advance(4)
        assert.deepInclude(yield* Fiber.join(caller), { value: "v1" })
      })
    )
  }

  scenario("its connection is lost in mid-wait: it goes on by polling", (world) =>
    Effect.gen(function* () {
      const leader = yield* world.cache({}, remote)
      const { cache } = yield* world.cache({}, (adapter) => ({
        ...remote(adapter),
        watch: () => Effect.succeed(Effect.andThen(Effect.sleep(100), Effect.fail(down("watch"))))
      }))
      const origin = new Origin()
      yield* begin(leader.cache.getOrSet("k", origin.gives(500)))
      const caller = yield* begin(cache.getOrSet("k", origin.gives(500)))
      yield* advance(1600)
      assert.isFalse(waits(caller))
      assert.deepInclude(yield* Fiber.join(caller), { value: "v1" })
      assert.strictEqual(origin.calls, 1)
    })
  )

  scenario("it fires at once, every time: no storm, and the takeover comes when it must", (world) =>
    Effect.gen(function* () {
      yield* world.crash("k", 3000)
      const { cache, process } = yield* world.cache({ waitMax: "1 hour" }, (adapter) => ({
        ...remote(adapter),
        watch: () => Effect.succeed(Effect.void)
      }))
      const origin = new Origin()
      const caller = yield* begin(cache.getOrSet("k", origin.gives()))
      yield* advance(2999)
      assert.strictEqual(origin.calls, 0)
      assert.isBelow(process.verbs.length, 30)
      yield* advance(4)
      assert.deepInclude(yield* Fiber.join(caller), { value: "v1" })
    })
  )

  scenario("it fires now and then without a change: asks again, nothing more", (world) =>
    Effect.gen(function* () {
      const leader = yield* world.cache({}, remote)
      const { cache, process } = yield* world.cache({}, (adapter) => ({
        ...remote(adapter),
        watch: (key) => Effect.map(adapter.watch!(key), (woken) => Effect.raceFirst(woken, Effect.sleep(200)))
      }))
      const origin = new Origin()
      yield* begin(leader.cache.getOrSet("k", origin.gives(1500)))
      const caller = yield* begin(cache.getOrSet("k", origin.gives(1500)))
      yield* advance(3000)
      assert.deepInclude(yield* Fiber.join(caller), { value: "v1" })
      assert.isBelow(process.verbs.length, 25)
      assert.strictEqual(process.watching, 0)
    })
  )

  scenario("it dies (a bug of the adapter): the callers fail with it, and nothing is left", (world) =>
    Effect.gen(function* () {
      yield* world.crash("k", 3000)
      for (const watch of [() => Effect.die("bug"), () => Effect.succeed(Effect.die("bug"))]) {
        const { cache } = yield* world.cache({}, (adapter) => ({ ...remote(adapter), watch }))
        const caller = yield* begin(Effect.exit(cache.getOrSet("k", () => Effect.succeed("v"))))
        assert.isTrue(Exit.isSuccess(ended(caller)))
      }
    })
  )
})

describe("without a push", () => {
  /** When a process asked, in milliseconds. */
  const timed = (process: Recorded, clock: { now: () => number }) => {
    const times: Array<number> = []
    const { push } = process.verbs
    process.verbs.push = (...verbs) => {
      for (const verb of verbs) if (verb === "acquire") times.push(clock.now())
      return push.apply(process.verbs, verbs)
    }
    return times
  }

  const strategies: ReadonlyArray<readonly [string, WaitStrategy.Input, ReadonlyArray<number>]> = [
    ["fixed", WaitStrategy.fixed(300), [0, 300, 600, 900, 1001]],
    ["exponential", WaitStrategy.exponential({ from: 100, max: 300 }), [0, 100, 300, 600, 900, 1001]],
    ["a schedule", Schedule.spaced(400), [0, 400, 800, 1001]],
    [
      "a schedule that is done",
      Schedule.recurs(2).pipe(Schedule.addDelay(() => Effect.succeed(100))),
      [0, 100, 200, 1000]
    ],
    ["a function", ({ attempt }) => (attempt + 1) * 100, [0, 100, 300, 600, 1000]],
    ["a function that gives Infinity", () => Infinity, [0, 1001]],
    ["a function that gives words", () => "250 millis", [0, 250, 500, 750, 1000]]
  ]

  for (const [name, waitStrategy, expected] of strategies) {
    scenario(`${name} paces the polling, and no sleep goes beyond the end of the lease`, (world) =>
      Effect.gen(function* () {
        let now = 0
        yield* world.crash("k", 1000)
        const { cache, process } = yield* world.cache({ waitStrategy }, polled)
        const times = timed(process, { now: () => now })
        const origin = new Origin()
        const caller = yield* begin(cache.getOrSet("k", origin.gives()))
        for (now = 1; now <= 1003; now++) yield* advance(1)
        assert.deepInclude(yield* Fiber.join(caller), { value: "v1" })
        assert.deepStrictEqual(times, expected)
      })
    )
  }

  const billed = (adapter: Adapter): Adapter => ({ ...polled(adapter), pollEvery: 400 })

  for (const [what, options, expected] of [
    ["polls later where every request is billed", {}, [0, 400, 1003]],
    ["polls no sooner than asked for", { waitStep: 800 }, [0, 800, 1003]],
    [
      "leaves a strategy alone that tells its delays",
      { waitStrategy: WaitStrategy.fixed(300) },
      [0, 300, 600, 900, 1003]
    ]
  ] as const) {
    scenario(what, (world) =>
      Effect.gen(function* () {
        yield* world.crash("k", 1000)
        let now = 0
        const waitStrategy = WaitStrategy.exponential()
        const { cache, process } = yield* world.cache({ waitStrategy, ...options }, billed)
        const times = timed(process, { now: () => now })
        const caller = yield* begin(cache.getOrSet("k", new Origin().gives()))
        for (now = 1; now <= 1003; now++) yield* advance(1)
        assert.deepInclude(yield* Fiber.join(caller), { value: "v1" })
        assert.strictEqual(times.length, expected.length)
        for (const [index, time] of times.entries()) assert.approximately(time, expected[index]!, 4)
      })
    )
  }

  for (const [what, waitStrategy] of [
    ["NaN", { begin: () => () => Effect.succeed(Number.NaN) }],
    ["a negative number", { begin: () => () => Effect.succeed(-5) }],
    ["0", { begin: () => () => Effect.succeed(0) }],
    ["-Infinity", { begin: () => () => Effect.succeed(-Infinity) }],
    ["0, from a function", () => 0],
    ["NaN, from a function", () => Number.NaN],
    ["0, from a schedule", Schedule.forever]
  ] as const satisfies ReadonlyArray<readonly [string, WaitStrategy.Input]>) {
    scenario(`a strategy that gives ${what} does not poll without a pause`, (world) =>
      Effect.gen(function* () {
        yield* world.crash("k", 1000)
        const { cache, process } = yield* world.cache({ waitStrategy }, polled)
        const origin = new Origin()
        const caller = yield* begin(cache.getOrSet("k", origin.gives()))
        yield* advance(1003)
        assert.deepInclude(yield* Fiber.join(caller), { value: "v1" })
        assert.isBelow(process.verbs.length, 40)
      })
    )
  }

  scenario("a strategy that throws fails its callers, and nothing is left", (world) =>
    Effect.gen(function* () {
      yield* world.crash("k", 60_000)
      for (const waitStrategy of [
        (): never => {
          throw new Error("bug")
        },
        {
          begin: (): never => {
            throw new Error("bug")
          }
        },
        { begin: () => () => Effect.die("bug") },
        () => "nonsense" as never
      ]) {
        for (const wrap of [polled, remote]) {
          const { cache } = yield* world.cache({ waitStrategy }, wrap)
          const caller = yield* begin(Effect.exit(cache.getOrSet("k", () => Effect.succeed("v"))))
          assert.isTrue(Exit.isSuccess(ended(caller)))
        }
      }
    })
  )

  scenario("more waiters do not ask more often", (world) =>
    Effect.gen(function* () {
      yield* world.crash("k", 3000)
      const one = yield* world.cache({ waitStrategy: WaitStrategy.fixed(200), waitMax: "1 minute" }, polled)
      const many = yield* world.cache({ waitStrategy: WaitStrategy.fixed(200), waitMax: "1 minute" }, polled)
      const origin = new Origin()
      const callers = yield* beginMany(251, (n) => (n === 0 ? one : many).cache.getOrSet("k", origin.gives()))
      yield* advance(2999)
      assert.strictEqual(many.process.verbs.length, one.process.verbs.length)
      yield* advance(500)
      yield* joinAll(callers)
      assert.strictEqual(origin.calls, 1)
    })
  )

  scenario("a fill is found at the next poll", (world) =>
    Effect.gen(function* () {
      const token = yield* world.crash("k", 60_000)
      const { cache } = yield* world.cache({ waitStrategy: WaitStrategy.fixed(500) }, polled)
      const caller = yield* begin(cache.getOrSet("k", () => Effect.succeed("not this")))
      yield* advance(700)
      const writer = yield* world.cache({}, polled)
      yield* writer.cache.set("other", "v")
      yield* world.store.fill("k", { token, value: (yield* world.store.read("other")).value!, lifetime })
      yield* advance(299)
      assert.isTrue(waits(caller))
      yield* advance(1)
      assert.deepInclude(yield* Fiber.join(caller), { value: "v" })
    })
  )

  scenario("waiters for an undecodable value's refresh do not ask without end", (world) =>
    Effect.gen(function* () {
      yield* world.store.put("k", { value: bytesOf("junk"), lifetime })
      const a = yield* world.cache({}, polled)
      const b = yield* world.cache({ waitMax: "1 minute" }, polled)
      const origin = new Origin()
      yield* begin(a.cache.getOrSet("k", origin.gives(10_000)))
      const caller = yield* begin(b.cache.getOrSet("k", origin.gives(10_000)))
      yield* advance(12_000)
      assert.deepInclude(yield* Fiber.join(caller), { value: "v1" })
      assert.strictEqual(origin.calls, 1)
      assert.isBelow(b.process.verbs.length, 60)
    })
  )
})

describe("the context of a strategy", () => {
  scenario("key, attempt, waited, lastDelay, leaseEndsIn, waitStep, watching, random", (world) =>
    Effect.gen(function* () {
      const told: Array<WaitStrategy.WaitContext> = []
      yield* world.crash("k", 1000)
      const { cache } = yield* world.cache(
        {
          waitStep: 30,
          waitStrategy: (context) => {
            told.push(context)
            return 400
          }
        },
        polled
      )
      const origin = new Origin()
      const caller = yield* begin(cache.getOrSet("k", origin.gives()))
      yield* advance(1002)
      yield* Fiber.join(caller)
      assert.isTrue(told.every(({ random }) => random >= 0 && random < 1))
      assert.deepStrictEqual(
        told.map(({ random: _, ...rest }) => rest),
        [
          { key: "k", attempt: 0, waited: 0, lastDelay: 0, leaseEndsIn: 1000, waitStep: 30, watching: false },
          { key: "k", attempt: 1, waited: 400, lastDelay: 400, leaseEndsIn: 600, waitStep: 30, watching: false },
          { key: "k", attempt: 2, waited: 800, lastDelay: 400, leaseEndsIn: 200, waitStep: 30, watching: false }
        ]
      )
    })
  )

  scenario("that there is a push, while there is one", (world) =>
    Effect.gen(function* () {
      const told: Array<boolean> = []
      yield* world.crash("k", 1000)
      const { cache } = yield* world.cache(
        {
          waitStrategy: ({ watching }) => {
            told.push(watching)
            return 400
          }
        },
        (adapter) => ({
          ...remote(adapter),
          watch: () => Effect.succeed(Effect.delay(Effect.fail(down("watch")), 100))
        })
      )
      const caller = yield* begin(cache.getOrSet("k", () => Effect.succeed("v")))
      yield* advance(1002)
      yield* Fiber.join(caller)
      assert.isTrue(told[0])
      assert.isFalse(told.at(-1))
    })
  )
})
