import { expect, it } from "vitest"
import { type Compared, comparedOf, tableOf, within } from "../../src/against/Comparison.ts"
import type { Figure } from "../../src/against/Measurements.ts"
import type { Row } from "../../src/Suite.ts"

const figure: Figure = { key: "time", title: "hit", unit: "ns" }

const row = (name: string, times: ReadonlyArray<number>): Row => ({ name, samples: times.map((time) => ({ time })) })

/** The verdict on old times and the ratios of the rounds. */
const compared = (old: ReadonlyArray<number>, ratios: ReadonlyArray<number>, about: Partial<Figure> = {}): Compared =>
  comparedOf(
    { ...figure, ...about },
    row("old", old),
    row(
      "new",
      old.map((time, round) => time * ratios[round]!)
    )
  )

const times = (count: number, value: number): Array<number> => new Array(count).fill(value)

it("compares figures of the same round, so that a slow machine slows both", () => {
  const { interval, ratio } = compared(
    Array.from({ length: 20 }, (_, round) => 4 ** round),
    times(20, 0.5)
  )
  expect(ratio).toBe(0.5)
  expect(interval).toEqual({ low: 0.5, high: 0.5 })
})

it.each([
  [true, "as fast", times(20, 1)],
  [true, "slower, within both bounds", times(20, 1.05)],
  [false, "surely slower than the interval allows", times(20, 1.06)],
  [true, "perhaps slower", [...times(6, 1.04), ...times(14, 1.07)]],
  [false, "perhaps slower, with a median that is too high", [...times(6, 1.04), ...times(14, 1.09)]],
  [undefined, "of too few rounds", times(5, 2)]
])("is within the bound: %s, when new is %s", (expected, _, ratios) => {
  expect(within(compared(times(ratios.length, 1), ratios))).toBe(expected)
})

it("does not judge a figure that only stands beside another", () => {
  expect(within(compared(times(20, 1), times(20, 2), { unjudged: true }))).toBeUndefined()
})

it("has a row for each figure that says whether it is within the bound", () => {
  const { head, rows } = tableOf([
    compared(times(20, 100), times(20, 1)),
    compared(times(20, 100), times(20, 2)),
    compared(times(2, 100), times(2, 1))
  ])
  expect(rows.map((row) => row.length)).toEqual(times(3, head.length))
  expect(rows.map((row) => row.slice(1))).toEqual([
    ["100 ns", "100 ns", "1.000", "1.000–1.000", "yes"],
    ["100 ns", "200 ns", "2.000", "2.000–2.000", "NO"],
    ["100 ns", "100 ns", "1.000", "–", "not judged"]
  ])
})
