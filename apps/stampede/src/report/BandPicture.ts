/**
 * One process at one key, drawn: who called the origin on top, who waited below.
 */
import type { Band, End, Row } from "../Band.ts"
import { counted } from "../Words.ts"
import { all, el, type Markup } from "./Markup.ts"
import type { Scale } from "./Scale.ts"
import { type Extent, outline, stacked } from "./Shape.ts"

/** Where a band lies. */
export interface Place {
  readonly top: number
  readonly height: number
  readonly scale: Scale
}

const lane = 17

interface Drawn extends Extent {
  readonly row: Row
}

/** Callers of one wave: the next ones came when these had left, and may be drawn in the same place. */
const waves = ({ loading, waiting }: Band): ReadonlyArray<ReadonlyArray<Row>> => {
  const rows = [...loading, ...waiting].sort((a, b) => a.begin - b.begin)
  const groups: Array<Array<Row>> = []
  let last = Number.NEGATIVE_INFINITY
  for (const row of rows) {
    if (row.begin > last) groups.push([])
    groups.at(-1)!.push(row)
    last = Math.max(last, row.end, row.load?.end ?? row.end)
  }
  return groups
}

export const bandPicture = (band: Band, place: Place): Markup => {
  const { height, scale, top } = place
  return all(
    el("rect", { class: "band", x: scale.left, y: top, width: scale.right - scale.left, height }),
    waves(band).map((rows) => wave(rows, place))
  )
}

const wave = (rows: ReadonlyArray<Row>, { height, scale, top }: Place): Markup => {
  const drawn = rows.map((row): Drawn => ({ row, left: scale.x(row.begin), right: scale.x(row.end) }))
  const loading = drawn.filter(({ row }) => row.load !== undefined)
  const waiting = drawn.filter(({ row }) => row.load === undefined)
  const split = loadHeight(loading.length, waiting.length, height)
  return all(
    loading.length > 0 ? loads(loading, top, split) : undefined,
    waiting.length > 0 ? waits(waiting, top + split, height - split, loading.length > 0) : undefined
  )

  function loads(rows: ReadonlyArray<Drawn>, top: number, height: number): Markup {
    const calls = rows.map(({ row: { load, end } }) => ({
      left: scale.x(load!.begin),
      right: scale.x(load!.end ?? end),
      lost: load!.outcome === "lost"
    }))
    const shape = outline(stacked(calls), top, height)
    const one = Math.min(...calls.map(({ left }) => left))
    const width = Math.max(...calls.map(({ right }) => right)) - one
    const text = calls.length === 1 ? "calls the origin" : counted(calls.length, "origin call")
    return all(
      callers(rows, top, height),
      el("path", { class: calls.every(({ lost }) => lost) ? "load lost" : "load", d: shape.area }),
      calls.length > 3 ? el("path", { class: "many", d: shape.area }) : undefined,
      label(text, "on-load", one, width, top, height)
    )
  }

  function waits(rows: ReadonlyArray<Drawn>, top: number, height: number, beside: boolean): Markup {
    const left = Math.min(...rows.map(({ left }) => left))
    const right = Math.max(...rows.map(({ right }) => right))
    const who = `${beside ? "its other " : ""}${counted(rows.length, "caller")}`
    const inside = label(`${who} wait${rows.length === 1 ? "s" : ""}`, "on-wait", left, right - left, top, height)
    // Those who hardly waited leave no room to say so inside.
    const outside =
      right - left < 24
        ? el(
            "text",
            { class: "about", x: right + 8, y: top + height / 2 + 4 },
            `${counted(rows.length, "caller")} answered at once`
          )
        : undefined
    return all(callers(rows, top, height), outside ?? inside)
  }
}

/** A single call is to be seen too, however many wait beside it. */
const loadHeight = (loading: number, waiting: number, height: number): number => {
  if (loading === 0) return 0
  if (waiting === 0) return height
  const fair = (height * loading) / (loading + waiting)
  return Math.max(fair, Math.min(loading * lane, height * 0.5))
}

const endings: ReadonlyArray<End> = ["answered", "failed", "died", "unanswered"]

/** The time of callers, from asking to the answer. */
const callers = (rows: ReadonlyArray<Drawn>, top: number, height: number): Markup => {
  let y = top
  return all(
    endings.map((ended) => {
      const same = stacked(rows.filter(({ row }) => row.ended === ended))
      if (same.length === 0) return undefined
      const part = (height * same.length) / rows.length
      const { area, edge } = outline(same, y, part)
      y += part
      return all(
        el("path", { class: `wait ${ended}`, d: area }),
        ended === "unanswered" ? undefined : el("path", { class: `edge ${ended}`, d: edge })
      )
    })
  )
}

/** A text inside a shape, if it fits. */
const label = (
  text: string,
  style: string,
  left: number,
  width: number,
  top: number,
  height: number
): Markup | undefined =>
  width > text.length * 6.4 + 14 && height >= 13
    ? el("text", { class: style, x: left + 8, y: top + height / 2 + 4 }, text)
    : undefined
