import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import * as TestClock from "effect/testing/TestClock"
import * as fc from "fast-check"
import { InvalidOption } from "../../src/contract/CacheLockingError.ts"
import * as WaitStrategy from "../../src/options/WaitStrategy.ts"
import { Origin } from "../support/Origin.ts"
import { advance, begin, scenario } from "../support/Scenario.ts"
import { remote, withoutWatch } from "../support/Wrappers.ts"

const context: WaitStrategy.WaitContext = {
  key: "k",
  attempt: 0,
  waited: 0,
  lastDelay: 0,
  leaseEndsIn: 15_000,
  waitStep: 50,
  watching: false,
  random: 0
}

/** The delays of a whole wait, each context made from the delays before. */
const delays = (
  strategy: WaitStrategy.WaitStrategy,
  count: number,
  more: Partial<WaitStrategy.WaitContext> = {},
  random: () => number = () => 0
): Effect.Effect<Array<number>> =>
  Effect.gen(function* () {
    const pace = strategy.begin()
    const found: Array<number> = []
    let waited = 0
    let lastDelay = 0
    for (let attempt = 0; attempt < count; attempt++) {
      const delay = yield* pace({ ...context, ...more, attempt, waited, lastDelay, random: random() })
      found.push(delay)
      waited += delay
      lastDelay = delay
    }
    return found
  })

const of = (strategy: WaitStrategy.WaitStrategy, more: Partial<WaitStrategy.WaitContext> = {}) =>
  Effect.runSync(strategy.begin()({ ...context, ...more }))

describe("fixed", () => {
  it.effect("is the same every time", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* delays(WaitStrategy.fixed("2 seconds"), 3), [2000, 2000, 2000])
      assert.deepStrictEqual(yield* delays(WaitStrategy.fixed(), 2), [50, 50])
      assert.deepStrictEqual(yield* delays(WaitStrategy.fixed(), 2, { waitStep: 7 }), [7, 7])
      assert.deepStrictEqual(yield* delays(WaitStrategy.fixed({ seconds: 1 }), 1), [1000])
      assert.deepStrictEqual(yield* delays(WaitStrategy.fixed(Duration.millis(3)), 1), [3])
    })
  )
})

describe("exponential", () => {
  it.effect("doubles up to a second", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* delays(WaitStrategy.exponential(), 7), [50, 100, 200, 400, 800, 1000, 1000])
      assert.deepStrictEqual(
        yield* delays(WaitStrategy.exponential({ from: 10, factor: 3, max: 100 }), 4),
        [10, 30, 90, 100]
      )
      assert.deepStrictEqual(yield* delays(WaitStrategy.exponential({ factor: 1 }), 3), [50, 50, 50])
      assert.deepStrictEqual(yield* delays(WaitStrategy.exponential({ from: "2 seconds" }), 2), [1000, 1000])
    })
  )

  it("is finite and not above its bound, however long the wait", () => {
    for (const attempt of [63, 64, 1000, 1e9, Number.MAX_SAFE_INTEGER]) {
      assert.strictEqual(of(WaitStrategy.exponential(), { attempt }), 1000)
      assert.strictEqual(of(WaitStrategy.exponential({ factor: 1000, max: "1 hour" }), { attempt }), 3_600_000)
    }
  })
})

describe("jittered", () => {
  it("lies between half of the exponential delay and all of it", () => {
    fc.assert(
      fc.property(
        fc.nat(200),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        fc.record({
          from: fc.integer({ min: 1, max: 500 }),
          max: fc.integer({ min: 500, max: 5000 }),
          factor: fc.double({ min: 1, max: 5, noNaN: true })
        }),
        (attempt, random, growth) => {
          const whole = of(WaitStrategy.exponential(growth), { attempt })
          const delay = of(WaitStrategy.jittered(growth), { attempt, random })
          assert.isAtLeast(delay, whole / 2)
          assert.isAtMost(delay, whole)
        }
      )
    )
    assert.strictEqual(of(WaitStrategy.jittered(), { random: 0 }), 25)
    assert.strictEqual(of(WaitStrategy.jittered(), { random: 0.5 }), 37.5)
  })
})

describe("decorrelated", () => {
  it.effect("lies between the first delay and three times the last, up to its bound", () =>
    Effect.gen(function* () {
      const high = () => 0.999999
      assert.deepStrictEqual(yield* delays(WaitStrategy.decorrelated(), 4), [50, 50, 50, 50])
      const grown = yield* delays(WaitStrategy.decorrelated({ from: 10, max: 500 }), 6, {}, high)
      assert.deepStrictEqual(grown.map(Math.round), [30, 90, 270, 500, 500, 500])
    })
  )

  it("keeps its bounds for any random numbers", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), { minLength: 1, maxLength: 30 }),
        fc.integer({ min: 1, max: 300 }),
        fc.integer({ min: 300, max: 3000 }),
        (randoms, from, max) => {
          let i = 0
          const found = Effect.runSync(
            delays(WaitStrategy.decorrelated({ from, max }), randoms.length, {}, () => randoms[i++]!)
          )
          let last = 0
          for (const delay of found) {
            assert.isAtLeast(delay, Math.min(from, max))
            assert.isAtMost(delay, Math.min(max, Math.max(from, last) * 3))
            last = delay
          }
        }
      )
    )
  })
})

describe("leaseAware", () => {
  it("with push it sleeps until the lease ends, without it polls as jittered does", () => {
    assert.strictEqual(of(WaitStrategy.leaseAware(), { watching: true, leaseEndsIn: 1234 }), 1234)
    fc.assert(
      fc.property(fc.nat(100), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (attempt, random) => {
        assert.strictEqual(
          of(WaitStrategy.leaseAware({ from: 20 }), { attempt, random }),
          of(WaitStrategy.jittered({ from: 20 }), { attempt, random })
        )
      })
    )
  })
})

describe("custom", () => {
  it("takes the delay from a function of the context, as any duration", () => {
    assert.strictEqual(
      of(
        WaitStrategy.custom(({ attempt, waitStep }) => (attempt + 1) * waitStep),
        { attempt: 2 }
      ),
      150
    )
    assert.strictEqual(of(WaitStrategy.custom(() => "1 second")), 1000)
    assert.strictEqual(of(WaitStrategy.custom(() => ({ minutes: 1 }))), 60_000)
    assert.strictEqual(of(WaitStrategy.custom(() => Infinity)), Infinity)
  })

  it("passes the context on unchanged", () => {
    let given: unknown
    of(
      WaitStrategy.custom((context) => {
        given = context
        return 1
      })
    )
    assert.deepStrictEqual(given, context)
  })
})

describe("fromSchedule", () => {
  it.effect("gives the schedule's delays", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(
        yield* delays(WaitStrategy.fromSchedule(Schedule.spaced("2 seconds")), 3),
        [2000, 2000, 2000]
      )
      assert.deepStrictEqual(yield* delays(WaitStrategy.fromSchedule(Schedule.exponential(10)), 4), [10, 20, 40, 80])
    })
  )

  it.effect("once done, sleeps until the lease ends, and stays done", () =>
    Effect.gen(function* () {
      const strategy = WaitStrategy.fromSchedule(Schedule.recurs(2))
      assert.deepStrictEqual(yield* delays(strategy, 4, { leaseEndsIn: 777 }), [0, 0, 777, 777])
    })
  )

  it.effect("begins again with each wait", () =>
    Effect.gen(function* () {
      const strategy = WaitStrategy.fromSchedule(Schedule.exponential(10))
      assert.deepStrictEqual(yield* delays(strategy, 2), [10, 20])
      assert.deepStrictEqual(yield* delays(strategy, 2), [10, 20])
    })
  )

  it.effect("uses the clock of the wait", () =>
    Effect.gen(function* () {
      // Done after three seconds.
      const pace = WaitStrategy.fromSchedule(Schedule.upTo(Schedule.spaced(100), { duration: "3 seconds" })).begin()
      assert.strictEqual(yield* pace(context), 100)
      yield* TestClock.adjust("10 seconds")
      yield* pace(context)
      assert.strictEqual(yield* pace({ ...context, leaseEndsIn: 777 }), 777)
    })
  )
})

describe("the option", () => {
  it("accepts strategies, schedules and functions, and nothing else", () => {
    for (const input of [WaitStrategy.fixed(), Schedule.forever, () => 5, { begin: () => () => Effect.succeed(5) }]) {
      assert.isTrue(WaitStrategy.isInput(input))
      assert.isFunction(WaitStrategy.fromInput(input as WaitStrategy.Input).begin)
    }
    for (const input of [undefined, null, 5, "1 second", {}, { begin: 5 }, []])
      assert.isFalse(WaitStrategy.isInput(input))
    expectTypeOf<() => 5>().toExtend<WaitStrategy.Input>()
    expectTypeOf<number>().not.toExtend<WaitStrategy.Input>()
  })

  it("takes a strategy unchanged", () => {
    const strategy = WaitStrategy.fixed()
    assert.strictEqual(WaitStrategy.fromInput(strategy), strategy)
  })

  for (const [what, make, option] of [
    ["fixed(-1)", () => WaitStrategy.fixed(-1), "delay"],
    ["fixed('x')", () => WaitStrategy.fixed("x" as never), "delay"],
    ["fixed(NaN)", () => WaitStrategy.fixed(Number.NaN), "delay"],
    ["exponential({ from: -1 })", () => WaitStrategy.exponential({ from: -1 }), "from"],
    ["exponential({ max: 'x' })", () => WaitStrategy.exponential({ max: "x" as never }), "max"],
    ["exponential({ factor: 0 })", () => WaitStrategy.exponential({ factor: 0 }), "factor"],
    ["exponential({ factor: NaN })", () => WaitStrategy.exponential({ factor: Number.NaN }), "factor"],
    ["exponential({ factor: Infinity })", () => WaitStrategy.exponential({ factor: Infinity }), "factor"],
    ["jittered({ from: null })", () => WaitStrategy.jittered({ from: null as never }), "from"],
    ["leaseAware({ factor: '2' })", () => WaitStrategy.leaseAware({ factor: "2" as never }), "factor"],
    ["decorrelated({ max: -1 })", () => WaitStrategy.decorrelated({ max: -1 }), "max"]
  ] as const) {
    it(`${what} is refused when it is made`, () => {
      try {
        make()
        assert.fail("accepted")
      } catch (error) {
        assert.instanceOf(error, InvalidOption)
        assert.include((error as InvalidOption).option, option)
      }
    })
  }
})

describe("in a wait", () => {
  scenario("random numbers are Effect's, so that a seed decides them", (world) =>
    Effect.gen(function* () {
      const asked: Array<ReadonlyArray<number>> = []
      for (let i = 0; i < 2; i++) {
        const times: Array<number> = []
        yield* world.store.delete("k")
        yield* world.crash("k", 2000)
        const { cache } = yield* world.cache(
          {
            waitStrategy: ({ random }) => {
              times.push(random)
              return 500
            }
          },
          (adapter) => withoutWatch(remote(adapter))
        )
        yield* begin(Random.withSeed(cache.getOrSet("k", new Origin().gives()), "seed"))
        yield* advance(2002)
        asked.push(times)
      }
      assert.strictEqual(asked[0]!.length, 4)
      assert.deepStrictEqual(asked[0], asked[1])
    })
  )
})
