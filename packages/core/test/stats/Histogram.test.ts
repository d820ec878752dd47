import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { Histogram } from "../../src/stats/Stats.ts"

/** The smallest value that this part of the values does not exceed. */
const exact = (values: ReadonlyArray<number>, part: number): number =>
  [...values].sort((a, b) => a - b)[Math.max(1, Math.ceil(part * values.length)) - 1]!

const record = (values: ReadonlyArray<number>): Histogram => {
  const histogram = new Histogram()
  for (const value of values) histogram.record(value)
  return histogram
}

const near = (value: number, expected: number): void =>
  assert.closeTo(value, expected, Math.max(expected / 64, 0.0005) + 1e-9, `${value} is not ${expected}`)

describe("Histogram", () => {
  it("is all zeros before the first duration", () => {
    assert.deepStrictEqual(new Histogram().timing(), { count: 0, mean: 0, p50: 0, p95: 0, p99: 0 })
  })

  it("gives quantiles to 1.6 %, count and mean exactly", () => {
    const millis = fc.oneof(
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.double({ min: 0, max: 1_000, noNaN: true }),
      fc.double({ min: 0, max: 4_000_000, noNaN: true })
    )
    fc.assert(
      fc.property(fc.array(millis, { minLength: 1, maxLength: 300 }), (values) => {
        const { count, mean, p50, p95, p99 } = record(values).timing()
        assert.strictEqual(count, values.length)
        assert.closeTo(mean, values.reduce((sum, value) => sum + value, 0) / values.length, 1e-6)
        near(p50, exact(values, 0.5))
        near(p95, exact(values, 0.95))
        near(p99, exact(values, 0.99))
      }),
      { numRuns: 1_000 }
    )
  })

  it("every microsecond and every octave has a bucket", () => {
    for (let micros = 0; micros < 5_000; micros++) near(record([micros / 1000]).timing().p50, micros / 1000)
    for (let power = 0; power < 32; power++) {
      for (const micros of [2 ** power - 1, 2 ** power, 2 ** power + 1]) {
        near(record([micros / 1000]).timing().p99, micros / 1000)
      }
    }
  })

  it("takes negative durations, and durations beyond its range", () => {
    assert.deepStrictEqual(record([-5]).timing(), { count: 1, mean: 0, p50: 0, p95: 0, p99: 0 })
    const day = 86_400_000
    assert.deepStrictEqual(record([day]).timing(), { count: 1, mean: day, p50: day, p95: day, p99: day })
  })

  it("no quantile exceeds the longest duration", () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1e7, noNaN: true }), { minLength: 1 }), (values) => {
        assert.isAtMost(record(values).timing().p99, Math.max(...values))
      })
    )
  })
})
