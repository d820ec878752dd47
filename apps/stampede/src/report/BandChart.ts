/**
 * One process at one key, drawn: the callers that called the origin on top, those that waited below.
 */
import type { Band, End, Row } from "../recording/Band.ts"
import { counted } from "../recording/Format.ts"
import { all, el, label, type Markup } from "./Markup.ts"
import type { Scale } from "./Scale.ts"
import { type Extent, outline, stacked } from "./Shape.ts"

/** The place of a band in the chart. */
interface Place {
  readonly top: number
  readonly height: number
  readonly scale: Scale
}

/** A single call is drawn this high, even if hundreds wait beside it. */
const callHeight = 17

/** Rows belong to one wave while they begin less than this many pixels after the end of the others. */
const waveGap = 12

interface Drawn extends Extent {
  readonly row: Row
}

export const bandChart = (band: Band, { height, scale, top }: Place): Markup =>
  all(
    el("rect", { class: "band", x: scale.left, y: top, width: scale.right - scale.left, height }),
    waves(band, scale).map((rows) => {
      const loading = rows.filter(({ row }) => row.load !== undefined)
      const waiting = rows.filter(({ row }) => row.load === undefined)
      const split = loadHeight(loading.length, waiting.length, height)
      return all(
        loading.length > 0 && loads(loading, scale, top, split),
        waiting.length > 0 && waits(waiting, loading, top + split, height - split)
      )
    })
  )

/** The callers of each wave. The next wave came when these had left, and may be drawn in the same place. */
const waves = ({ loading, waiting }: Band, scale: Scale): ReadonlyArray<ReadonlyArray<Drawn>> => {
  const rows = [...loading, ...waiting].map(
    (row): Drawn => ({ row, left: scale.x(row.begin), right: scale.x(row.end) })
  )
  const groups: Array<Array<Drawn>> = []
  let last = Number.NEGATIVE_INFINITY
  for (const drawn of rows.sort((a, b) => a.left - b.left)) {
    if (drawn.left > last + waveGap) groups.push([])
    groups.at(-1)!.push(drawn)
    last = Math.max(last, drawn.right)
  }
  return groups
}

const loadHeight = (loading: number, waiting: number, height: number): number => {
  if (loading === 0) return 0
  if (waiting === 0) return height
  const fair = (height * loading) / (loading + waiting)
  return Math.max(fair, Math.min(loading * callHeight, height * 0.5))
}

const loads = (rows: ReadonlyArray<Drawn>, scale: Scale, top: number, height: number): Markup => {
  const calls = stacked(
    rows.map(({ right, row: { load } }) => ({
      left: scale.x(load!.begin),
      right: load!.end === undefined ? right : scale.x(load!.end),
      lost: load!.outcome === "lost"
    }))
  )
  const { area } = outline(calls, top, height)
  const text = calls.length === 1 ? "calls the origin" : counted(calls.length, "origin call")
  const withCaller = rows.filter(({ row }) => row.ended !== undefined)
  return all(
    callers(withCaller, top, height),
    el("path", { class: calls.every(({ lost }) => lost) ? "load lost" : "load", d: area }),
    calls.length > 3 && el("path", { class: "many", d: area }),
    inside(text, "on-load", middle(calls), top, height)
  )
}

const waits = (rows: ReadonlyArray<Drawn>, beside: ReadonlyArray<Drawn>, top: number, height: number): Markup => {
  const room = middle(stacked(rows))
  const others = beside.some(({ row }) => row.ended !== undefined) ? "its other " : ""
  const who = counted(rows.length, "caller")
  const text = `${others}${who} ${rows.length === 1 ? "waits" : "wait"}`
  const answer = rows.every(({ row }) => row.ended === "failed") ? "given the error" : "answered"
  // Bands of callers that hardly waited have no room for a text inside.
  const isBrief = room.right - room.left < 60 && height >= 13
  return all(
    callers(rows, top, height),
    isBrief
      ? label("about halo", room.right + 8, top + height / 2 + 4, `${who} ${answer} at once`)
      : inside(text, "on-wait", room, top, height)
  )
}

/** The extent that the middle rows of a stack share, where a text may stand. */
const middle = (rows: ReadonlyArray<Extent>): Extent => {
  const some = rows.slice(Math.floor(rows.length * 0.3), Math.max(1, Math.ceil(rows.length * 0.7)))
  return { left: Math.max(...some.map(({ left }) => left)), right: Math.min(...some.map(({ right }) => right)) }
}

const ends: ReadonlyArray<End> = ["answered", "failed", "died", "unanswered"]

/** The time of callers, from asking to the answer. */
const callers = (rows: ReadonlyArray<Drawn>, top: number, height: number): Markup => {
  let y = top
  return all(
    ends.map((ended) => {
      const same = stacked(rows.filter(({ row }) => row.ended === ended))
      if (same.length === 0) return undefined
      const part = (height * same.length) / rows.length
      const { area, edge } = outline(same, y, part)
      y += part
      return all(
        el("path", { class: `wait ${ended}`, d: area }),
        ended !== "unanswered" && el("path", { class: `edge ${ended}`, d: edge })
      )
    })
  )
}

/** A text inside a shape, if it fits. */
const inside = (text: string, style: string, room: Extent, top: number, height: number): Markup | false =>
  room.right - room.left > text.length * 6.4 + 14 &&
  height >= 13 &&
  label(style, room.left + 8, top + height / 2 + 4, text)
