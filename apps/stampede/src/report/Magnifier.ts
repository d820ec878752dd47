/**
 * The moment of the wake-up, magnified: from the end of the load to the last answer, who was
 * woken when, who asked again, and how its callers left.
 */
import { type Band, bands } from "../recording/Band.ts"
import { type LeaseRecord, leases, type ProcessSighting, type Recording } from "../recording/Recording.ts"
import { millis } from "../recording/Words.ts"
import { all, el, type Markup } from "./Markup.ts"
import { type Drawing, width } from "./Panel.ts"
import { Scale } from "./Scale.ts"
import { outline } from "./Shape.ts"

const gutter = 112
const margin = 10
const height = 44
const between = 6
const top = 26
const axis = 34

/** The fill that woke others, if there was one; the last, for it answered everybody. */
const decisive = (recording: Recording): { readonly lease: LeaseRecord; readonly loaded: number } | undefined => {
  const key = recording.keys[0]!
  const lease = leases(recording).findLast(({ ended, key: own }) => own === key && ended === "filled")
  const load = lease && recording.loads.find(({ begin, process }) => process === lease.process && begin >= lease.from)
  const woke = recording.sightings.some(({ at, event }) => event.name === "woken" && at >= (load?.end ?? 0))
  return lease === undefined || load?.end === undefined || !woke ? undefined : { lease, loaded: load.end }
}

/** Nothing, where nobody was woken by a fill. */
export const magnifier = (recording: Recording): Drawing | undefined => {
  const moment = decisive(recording)
  if (moment === undefined) return undefined
  const { lease, loaded } = moment
  // Who had an answer before, or died, was not woken by this.
  const rows = bands(recording, loaded).filter(
    ({ key, loading, process, waiting }) =>
      key === lease.key &&
      process.killedAt === undefined &&
      [...loading, ...waiting].some(({ end, ended }) => ended !== undefined && end >= loaded)
  )
  const ends = rows.flatMap(({ loading, waiting }) => [...loading, ...waiting].map(({ end }) => end))
  const last = ends.reduce((latest, end) => Math.max(latest, end), loaded)
  const margins = Math.max(0.5, (last - loaded) * 0.06)
  const scale = new Scale(loaded - margins, last + margins, gutter, width - margin)
  const bottom = top + rows.length * (height + between) - between
  return {
    height: bottom + axis,
    markup: all(
      rows.map((band, i) => process(recording, band, lease, loaded, scale, top + i * (height + between))),
      el("line", {
        class: "event",
        x1: scale.x(loaded),
        x2: scale.x(loaded),
        y1: top - 8,
        y2: bottom,
        style: "stroke: var(--load)"
      }),
      el("text", { class: "role lead", x: scale.x(loaded) + 6, y: top - 10 }, "the origin has answered"),
      scale.ticks(loaded, 12).map((tick) => {
        const x = scale.x(loaded + tick)
        return all(
          el("line", { class: "grid", x1: x, x2: x, y1: bottom, y2: bottom + 5 }),
          el(
            "text",
            { class: "tick", x, y: bottom + 18, "text-anchor": "middle" },
            tick === 0 ? "0" : `+${millis(tick)}`
          )
        )
      }),
      el("line", { class: "grid", x1: scale.left, x2: scale.right, y1: bottom + 0.5, y2: bottom + 0.5 })
    )
  }
}

const process = (
  recording: Recording,
  band: Band,
  lease: LeaseRecord,
  loaded: number,
  scale: Scale,
  y: number
): Markup => {
  const callers = [...band.loading, ...band.waiting].map(({ end }) => end).sort((a, b) => a - b)
  const { area, edge } = outline(
    callers.map((end) => ({ left: scale.left, right: scale.x(end) })),
    y,
    height
  )
  const { index } = band.process
  const seen = recording.sightings.filter(
    ({ at, key, process }) => process === index && key === band.key && at >= loaded
  )
  const leads = lease.process === index
  return all(
    el("rect", { class: "band", x: scale.left, y, width: scale.right - scale.left, height }),
    el("path", { class: "wait", d: area }),
    el("path", { class: "edge", d: edge }),
    seen.map((sighting) => mark(sighting, scale, y)),
    el("text", { class: "name", x: 0, y: y + height / 2 - 3 }, `process ${index + 1}`),
    el("text", { class: leads ? "role lead" : "role", x: 0, y: y + height / 2 + 13 }, leads ? "led" : "waited")
  )
}

/** What the process did at the store: a bar for as long as it took. */
const mark = ({ asked, at, event }: ProcessSighting, scale: Scale, y: number): Markup | undefined => {
  const middle = y + height / 2
  const bar = (style: string) =>
    el("rect", {
      class: style,
      x: scale.x(asked),
      y: middle - 4,
      width: Math.max(2, scale.x(at) - scale.x(asked)),
      height: 8,
      rx: 2
    })
  if (event.name === "filled") return bar("fills")
  if (event.name === "hit") return bar("asks")
  if (event.name !== "woken") return undefined
  return el("path", { class: "woken", d: `M${scale.x(at)} ${middle - 8}l8 8l-8 8l-8 -8z` })
}
