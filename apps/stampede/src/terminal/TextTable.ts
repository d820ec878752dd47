/**
 * The comparison as text: side by side where there is room, else one after the other.
 */
import type { Comparison } from "../run/Comparison.ts"
import type { TerminalFormat } from "./TerminalFormat.ts"

const gap = 2

export const textTable = (comparison: Comparison, format: TerminalFormat): ReadonlyArray<string> => {
  const labels = Math.max(...comparison.rows.map(({ label }) => label.length))
  const widths = comparison.titles.map((title, i) =>
    Math.max(...halves(title).map((half) => half.length), ...comparison.rows.map(({ values }) => values[i]!.length))
  )
  const needed = widths.reduce((sum, width) => sum + gap + width, labels)
  return needed <= format.width ? wide(comparison, labels, widths, format) : narrow(comparison, labels, format)
}

/** A title in two lines of about the same length. */
const halves = (title: string): readonly [string, string] => {
  const middle = title.length / 2
  const cuts = [...title.matchAll(/ /g)].map(({ index }) => index)
  const cut = cuts.sort((a, b) => Math.abs(a - middle) - Math.abs(b - middle))[0]
  return cut === undefined ? ["", title] : [title.slice(0, cut), title.slice(cut + 1)]
}

const wide = (
  { rows, titles }: Comparison,
  labels: number,
  widths: ReadonlyArray<number>,
  format: TerminalFormat
): ReadonlyArray<string> => {
  const last = titles.length - 1
  const line = (label: string, values: ReadonlyArray<string>, style: (text: string, column: number) => string) =>
    label.padEnd(labels) + values.map((value, i) => " ".repeat(gap) + style(value.padStart(widths[i]!), i)).join("")
  const heading = (text: string, column: number) => (column === last ? format.bold(text) : format.dim(text))
  const parts = titles.map(halves)
  return [
    ...([0, 1] as const).map((half) =>
      line(
        "",
        parts.map((part) => part[half]),
        heading
      )
    ),
    ...rows.map(({ label, main, values }) =>
      line(label, values, (text, column) =>
        main && column === last ? format.style(["bold", "green"], text) : main ? format.bold(text) : text
      )
    )
  ]
}

const narrow = ({ rows, titles }: Comparison, labels: number, format: TerminalFormat): ReadonlyArray<string> =>
  titles.flatMap((title, i) => [
    ...(i > 0 ? [""] : []),
    format.bold(title),
    ...rows.map(({ label, main, values }) => {
      const value = values[i]!
      const text = `  ${label.padEnd(Math.min(labels, format.width - value.length - 3))} ${value}`
      return main ? format.bold(text) : text
    })
  ])
