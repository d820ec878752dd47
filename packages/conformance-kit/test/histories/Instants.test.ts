import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { atLeast, atMost, type Bound, solve, within } from "../../src/histories/Instants.ts"

const keeps = (instants: ReadonlyArray<number>, { earlier, later, most }: Bound): boolean => {
  const at = (instant: number) => (instant === -1 ? 0 : instants[instant]!)
  return at(later) - at(earlier) <= most + 1e-3
}

describe("solve", () => {
  it("finds instants within their windows, and as far apart as required", () => {
    const bounds = [...within(0, 10, 20), ...within(1, 0, 100), atLeast(1, 0, 30), atMost(1, 0, 31)]
    const [first, second] = solve(2, bounds)!
    expect(first).toBeGreaterThanOrEqual(10)
    expect(first).toBeLessThanOrEqual(20)
    expect(second! - first!).toBeGreaterThanOrEqual(30)
    expect(second! - first!).toBeLessThanOrEqual(31)
  })

  it("finds none when bounds contradict each other", () => {
    expect(solve(1, within(0, 20, 10))).toBeUndefined()
    expect(solve(2, [...within(0, 0, 10), ...within(1, 0, 10), atLeast(1, 0, 11)])).toBeUndefined()
    expect(solve(3, [atLeast(1, 0, 1), atLeast(2, 1, 1), atLeast(0, 2, 1)])).toBeUndefined()
  })

  it("takes a window without an end", () => {
    expect(solve(1, [...within(0, 10, Infinity), atLeast(0, -1, 50)])![0]).toBeGreaterThanOrEqual(50)
  })

  it("keeps every bound that it accepts, and accepts every system that has a solution", () => {
    const times = fc.array(fc.integer({ min: 0, max: 1000 }), { minLength: 2, maxLength: 8 })
    const pairs = fc.array(fc.tuple(fc.nat(7), fc.nat(7), fc.nat(20)), { maxLength: 20 })
    fc.assert(
      fc.property(times, pairs, (times, pairs) => {
        const bounds = pairs.flatMap(([a, b, slack]) => {
          const [later, earlier] = [a % times.length, b % times.length]
          const apart = times[later]! - times[earlier]!
          return [atMost(later, earlier, apart + slack), atLeast(later, earlier, apart - slack)]
        })
        const found = solve(times.length, [...bounds, ...times.flatMap((at, index) => within(index, at - 5, at + 5))])
        expect(found).toBeDefined()
        for (const bound of bounds) expect(keeps(found!, bound)).toBe(true)
      })
    )
  })
})
