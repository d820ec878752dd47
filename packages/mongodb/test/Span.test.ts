import { expect, it } from "vitest"
import { atLeast, atMost, ofLifetime } from "../src/Span.ts"

it("rounds lifetimes down and leases up, to whole milliseconds, and knows no time below none", () => {
  expect([0.9, 1.1, -1, 0].map(atMost)).toEqual([0, 1, 0, 0])
  expect([0.9, 1.1, -1, 0].map(atLeast)).toEqual([1, 2, 0, 0])
  expect(ofLifetime({ fresh: 10.9, stale: 0.9 })).toEqual({ fresh: 10, stale: 0 })
})

it("takes what is longer than can be counted for endless", () => {
  expect([1e15 - 1, 1e15, 1e300, Number.POSITIVE_INFINITY].map(atMost)).toEqual([
    1e15 - 1,
    Infinity,
    Infinity,
    Infinity
  ])
  expect(atLeast(1e15)).toBe(Infinity)
})
