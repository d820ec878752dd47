/**
 * Hundreds of callers as a few shapes: rows are stacked without gaps, so that their ends become one outline. Nothing is
 * averaged; what is merged is less than half a pixel apart.
 */
import { round } from "./Markup.ts"

/** The two ends of a row, in pixels. */
export interface Extent {
  readonly left: number
  readonly right: number
}

interface Outline {
  /** The stack as one closed path. */
  readonly area: string
  /** Its right side alone. */
  readonly edge: string
}

const half = (pixels: number): number => Math.round(pixels * 2) / 2

/** Rows in the order of a stack: by their beginning, then by their end. */
export const stacked = <A extends Extent>(rows: ReadonlyArray<A>): ReadonlyArray<A> =>
  rows.toSorted((a, b) => half(a.left) - half(b.left) || half(a.right) - half(b.right))

/** The outline of a stack, from the top down. */
export const outline = (rows: ReadonlyArray<Extent>, top: number, height: number): Outline => {
  const row = height / Math.max(1, rows.length)
  const left = side(rows, ({ left }) => left, top, row)
  const right = side(rows, ({ right }) => right, top, row)
  return { area: `${path(left)}L${path(right.toReversed()).slice(1)}Z`, edge: path(right) }
}

type Point = readonly [x: number, y: number]

/** The corners of one side: two for each run of rows that end at the same place. */
const side = (
  rows: ReadonlyArray<Extent>,
  at: (row: Extent) => number,
  top: number,
  row: number
): ReadonlyArray<Point> => {
  const points: Array<Point> = []
  for (let i = 0; i < rows.length; ) {
    const x = half(at(rows[i]!))
    let end = i
    while (end < rows.length && half(at(rows[end]!)) === x) end++
    points.push([x, top + i * row], [x, top + end * row])
    i = end
  }
  return points
}

const path = (points: ReadonlyArray<Point>): string =>
  points.map(([x, y], i) => `${i === 0 ? "M" : "L"}${round(x)} ${round(y)}`).join("")
