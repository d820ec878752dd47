import { expect, it } from "vitest"
import * as Milliseconds from "../../src/contract/Milliseconds.ts"

it("rounds lifetimes down and leases up, to whole milliseconds, and knows no time below none", () => {
  expect([0.9, 1.1, -1, 0, 1e16, Infinity].map(Milliseconds.atMost)).toEqual([0, 1, 0, 0, Infinity, Infinity])
  expect([0.9, 1.1, -1, 0, 1e16, Infinity].map(Milliseconds.atLeast)).toEqual([1, 2, 0, 0, Infinity, Infinity])
  expect(Milliseconds.lifetime({ fresh: 10.9, stale: 0.9 })).toEqual({ fresh: 10, stale: 0 })
})
