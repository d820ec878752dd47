import { expect, it } from "vitest"
import { medianInterval, summary } from "../src/Statistics.ts"

const upTo = (n: number): Array<number> => Array.from({ length: n }, (_, i) => i + 1)

it("finds the median and the quartiles of unsorted values", () => {
  expect(summary([5, 1, 4, 2, 3])).toEqual({ median: 3, low: 2, high: 4 })
  expect(summary([1, 2])).toEqual({ median: 1.5, low: 1.25, high: 1.75 })
})

// The ranks of the tables for the sign test.
it.each([
  [6, 1, 6],
  [8, 1, 8],
  [9, 2, 8],
  [10, 2, 9],
  [20, 6, 15],
  [25, 8, 18],
  [50, 18, 33],
  [100, 40, 61]
])("of %i values, the interval goes from rank %i to rank %i", (n, low, high) => {
  expect(medianInterval(upTo(n).toReversed())).toEqual({ low, high })
})

it("has no interval for fewer than 6 values", () => {
  expect(medianInterval([])).toBeUndefined()
  expect(medianInterval(upTo(5))).toBeUndefined()
})
