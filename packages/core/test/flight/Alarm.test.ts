import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import * as Monotonic from "../../src/contract/Monotonic.ts"
import { Alarm } from "../../src/flight/Alarm.ts"

const begin = Effect.fnUntraced(function* (next: (rings: number) => number = () => Infinity) {
  const clock = yield* Clock.Clock
  const start = Monotonic.now(clock)
  const rings: Array<number> = []
  const alarm: Alarm = new Alarm(clock, (now) => {
    rings.push(now - start)
    return start + next(rings.length)
  })
  return { alarm, rings, set: (at: number) => alarm.set(start + at) }
})

describe("an alarm", () => {
  it.effect("rings once, at the earliest of its instants", () =>
    Effect.gen(function* () {
      const { rings, set } = yield* begin()
      set(300)
      set(100)
      set(200)
      set(Infinity)
      yield* TestClock.adjust(1_000)
      assert.deepStrictEqual(rings, [100])
    })
  )

  it.effect("rings again when the flights say so", () =>
    Effect.gen(function* () {
      const { rings, set } = yield* begin((rings) => (rings < 3 ? 100 + 50 * rings : Infinity))
      set(100)
      yield* TestClock.adjust(1_000)
      assert.deepStrictEqual(rings, [100, 150, 200])
    })
  )

  it.effect("stops with the last deadline, and can be set again", () =>
    Effect.gen(function* () {
      const { alarm, rings, set } = yield* begin()
      alarm.count(2)
      set(100)
      alarm.count(-1)
      yield* TestClock.adjust(100)
      set(200)
      alarm.count(-1)
      yield* TestClock.adjust(1_000)
      assert.deepStrictEqual(rings, [100])
      alarm.count(1)
      set(1_500)
      yield* TestClock.adjust(1_000)
      assert.deepStrictEqual(rings, [100, 1_500])
    })
  )

  it.effect("may be set while it rings", () =>
    Effect.gen(function* () {
      const { alarm, rings, set } = yield* begin((rings) => {
        if (rings === 1) set(250)
        return rings === 1 ? 400 : Infinity
      })
      alarm.count(1)
      set(100)
      yield* TestClock.adjust(1_000)
      assert.deepStrictEqual(rings, [100, 250])
    })
  )
})
