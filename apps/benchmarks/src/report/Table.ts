/** Figures as text, and rows as a table. */
import type { Summary } from "../Statistics.ts"
import type { Metric, Suite } from "../Suite.ts"
import type { Result, ResultRow } from "./Result.ts"

const grouped = (x: number, digits: number): string =>
  x.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits })

const digitsOf = ({ digits, unit }: Metric, x: number): number => {
  if (digits !== undefined) return digits
  if (unit === "count") return Number.isInteger(x) ? 0 : 1
  if (unit === "times") return x < 10 ? 2 : 0
  return unit === "ms" || unit === "MB" ? 1 : 0
}

const units = { ns: " ns", µs: " µs", ms: " ms", bytes: "", MB: " MB", count: "", times: "×" }

export const figure = (metric: Metric, summary: Summary | undefined): string => {
  if (summary === undefined) return "–"
  const { high, low, median } = summary
  if (!Number.isFinite(median)) return "never"
  const digits = digitsOf(metric, median)
  const text = `${grouped(median, digits)}${units[metric.unit]}`
  return low === high ? text : `${text} (${grouped(low, digits)}–${grouped(high, digits)})`
}

const ratio = (summary: Summary | undefined): string => {
  if (summary === undefined) return "–"
  const digits = summary.median < 10 ? 2 : 0
  return grouped(summary.median, digits)
}

export interface Table {
  readonly head: ReadonlyArray<string>
  readonly rows: ReadonlyArray<ReadonlyArray<string>>
}

/** The columns of a suite: each metric, and beside those that ask for it the ratio to the floor. */
export const tableOf = (suite: Suite, result: Result): Table => {
  const floor = suite.contenders.find((contender) => contender.floor)?.name
  const measured = suite.metrics.filter(({ key }) => result.rows.some((row) => row.figures[key] !== undefined))
  const cells = (row: ResultRow): Array<string> => [
    row.name,
    ...measured.flatMap((metric) => [
      figure(metric, row.figures[metric.key]),
      ...(metric.ratio && floor !== undefined ? [ratio(row.ratios[metric.key])] : [])
    ])
  ]
  return {
    head: [
      "",
      ...measured.flatMap(({ ratio, title, unit }) => [
        unit === "bytes" ? `bytes ${title}` : title,
        ...(ratio && floor !== undefined ? ["÷ floor"] : [])
      ])
    ],
    rows: result.rows.map(cells)
  }
}

const widthsOf = ({ head, rows }: Table): Array<number> =>
  head.map((title, column) => Math.max(3, title.length, ...rows.map((row) => row[column]!.length)))

/** The first column begins at the left, figures end at the right. */
const padded = (row: ReadonlyArray<string>, widths: ReadonlyArray<number>): Array<string> =>
  row.map((cell, column) => (column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))

/** For a terminal. */
export const plain = (table: Table): string => {
  const widths = widthsOf(table)
  return [table.head, ...table.rows].map((row) => padded(row, widths).join("  ")).join("\n")
}

/** As the formatter of this repository has it. */
export const markdown = (table: Table): string => {
  const widths = widthsOf(table)
  const line = (cells: ReadonlyArray<string>): string => `| ${cells.join(" | ")} |`
  return [
    line(padded(table.head, widths)),
    line(widths.map((width, column) => (column === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`))),
    ...table.rows.map((row) => line(padded(row, widths)))
  ].join("\n")
}
