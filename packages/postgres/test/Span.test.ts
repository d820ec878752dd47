import { expect, it } from "vitest"
import { atLeast, atMost, ofLifetime } from "../src/Span.ts"

it("rounds lifetimes down and leases up, to whole milliseconds, and knows no time below none", () => {
  expect([0.9, 1.1, -1, 0, Infinity].map(atMost)).toEqual([0, 1, 0, 0, Infinity])
  expect([0.9, 1.1, -1, 0, Infinity].map(atLeast)).toEqual([1, 2, 0, 0, Infinity])
  expect(ofLifetime({ fresh: 10.9, stale: 0.9 })).toEqual([10, 0])
})
