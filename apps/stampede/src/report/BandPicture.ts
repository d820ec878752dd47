/**
 * One process at one key, drawn: who called the origin on top, who waited below.
 */
import type { Band, End, Row } from "../recording/Band.ts"
import { counted } from "../recording/Words.ts"
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

/** What comes so many pixels later still belongs together. */
const slack = 12

interface Drawn extends Extent {
  readonly row: Row
}

/** Callers of one wave: the next ones came when these had left, and may be drawn in the same place. */
const waves = ({ loading, waiting }: Band, scale: Scale): ReadonlyArray<ReadonlyArray<Drawn>> => {
  const rows = [...loading, ...waiting].map(
    (row): Drawn => ({ row, left: scale.x(row.begin), right: scale.x(row.end) })
  )
  const groups: Array<Array<Drawn>> = []
  let last = Number.NEGATIVE_INFINITY
  for (const drawn of rows.sort((a, b) => a.left - b.left)) {
    if (drawn.left > last + slack) groups.push([])
    groups.at(-1)!.push(drawn)
    last = Math.max(last, drawn.right)
  }
  return groups
}

export const bandPicture = (band: Band, place: Place): Markup => {
  const { height, scale, top } = place
  return all(
    el("rect", { class: "band", x: scale.left, y: top, width: scale.right - scale.left, height }),
    waves(band, scale).map((rows) => {
      const loading = rows.filter(({ row }) => row.load !== undefined)
      const waiting = rows.filter(({ row }) => row.load === undefined)
      const split = loadHeight(loading.length, waiting.length, height)
      return all(
        loading.length > 0 ? loads(loading, scale, top, split) : undefined,
        waiting.length > 0 ? waits(waiting, loading, top + split, height - split) : undefined
      )
    })
  )
}

/** A single call is to be seen too, however many wait beside it. */
const loadHeight = (loading: number, waiting: number, height: number): number => {
  if (loading === 0) return 0
  if (waiting === 0) return height
  const fair = (height * loading) / (loading + waiting)
  return Math.max(fair, Math.min(loading * lane, height * 0.5))
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
  return all(
    callers(
      rows.filter(({ row }) => row.ended !== undefined),
      top,
      height
    ),
    el("path", { class: calls.every(({ lost }) => lost) ? "load lost" : "load", d: area }),
    calls.length > 3 ? el("path", { class: "many", d: area }) : undefined,
    inside(text, "on-load", middle(calls), top, height)
  )
}

const waits = (rows: ReadonlyArray<Drawn>, beside: ReadonlyArray<Drawn>, top: number, height: number): Markup => {
  const room = middle(stacked(rows))
  const others = beside.some(({ row }) => row.ended !== undefined) ? "its other " : ""
  const who = counted(rows.length, "caller")
  const text = `${others}${who} ${rows.length === 1 ? "waits" : "wait"}`
  // Those who hardly waited leave no room to say so inside.
  const brief = room.right - room.left < 60
  const what = rows.every(({ row }) => row.ended === "failed") ? "given the error" : "answered"
  return all(
    callers(rows, top, height),
    brief && height >= 13
      ? el("text", { class: "about halo", x: room.right + 8, y: top + height / 2 + 4 }, `${who} ${what} at once`)
      : inside(text, "on-wait", room, top, height)
  )
}

/** How far the rows in the middle of a stack reach: where a text may stand. */
const middle = (rows: ReadonlyArray<Extent>): Extent => {
  const some = rows.slice(Math.floor(rows.length * 0.3), Math.max(1, Math.ceil(rows.length * 0.7)))
  return { left: Math.max(...some.map(({ left }) => left)), right: Math.min(...some.map(({ right }) => right)) }
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
const inside = (text: string, style: string, room: Extent, top: number, height: number): Markup | undefined =>
  room.right - room.left > text.length * 6.4 + 14 && height >= 13
    ? el("text", { class: style, x: room.left + 8, y: top + height / 2 + 4 }, text)
    : undefined
