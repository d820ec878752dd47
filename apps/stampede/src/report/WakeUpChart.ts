/**
 * The moment of the wake-up, magnified: from the end of the load to the last answer. It shows when each process was
 * woken, when it asked again, and when its callers were answered.
 */
import { type Band, bands } from "../recording/Band.ts"
import { millis } from "../recording/Format.ts"
import { type LeaseRecord, leases, type ProcessObservation, type Recording } from "../recording/Recording.ts"
import { all, el, label, type Markup } from "./Markup.ts"
import { type Drawing, labelWidth, margin, width } from "./RunChart.ts"
import { Scale } from "./Scale.ts"
import { outline } from "./Shape.ts"

const height = 44
const between = 6
const top = 26
const axis = 34

/** The last fill, if it woke others: it answered everybody. */
const wakingFill = (recording: Recording): { readonly lease: LeaseRecord; readonly loaded: number } | undefined => {
  const key = recording.keys[0]!
  const lease = leases(recording).findLast(({ ended, key: own }) => own === key && ended === "filled")
  const load = lease && recording.loads.find(({ begin, process }) => process === lease.process && begin >= lease.from)
  const woke = recording.observations.some(({ at, event }) => event.name === "woken" && at >= (load?.end ?? 0))
  return lease === undefined || load?.end === undefined || !woke ? undefined : { lease, loaded: load.end }
}

/** `undefined` if no fill woke anybody. */
export const wakeUpChart = (recording: Recording): Drawing | undefined => {
  const fill = wakingFill(recording)
  if (fill === undefined) return undefined
  const { lease, loaded } = fill
  // Processes that were killed or answered before were not woken by this fill.
  const rows = bands(recording, loaded).filter(
    ({ key, loading, process, waiting }) =>
      key === lease.key &&
      process.killedAt === undefined &&
      [...loading, ...waiting].some(({ end, ended }) => ended !== undefined && end >= loaded)
  )
  const ends = rows.flatMap(({ loading, waiting }) => [...loading, ...waiting].map(({ end }) => end))
  const last = ends.reduce((latest, end) => Math.max(latest, end), loaded)
  const around = Math.max(0.5, (last - loaded) * 0.06)
  const scale = new Scale(loaded - around, last + around, labelWidth, width - margin)
  const bottom = top + rows.length * (height + between) - between
  const x = scale.x(loaded)
  return {
    height: bottom + axis,
    markup: all(
      rows.map((band, i) => process(recording, band, lease, loaded, scale, top + i * (height + between))),
      el("line", { class: "event", x1: x, x2: x, y1: top - 8, y2: bottom, style: "stroke: var(--load)" }),
      label("role lead", x + 6, top - 10, "the origin has answered"),
      scale.axis(loaded, 12, bottom, (tick) => `+${millis(tick)}`)
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
  const { index } = band.process
  const answers = [...band.loading, ...band.waiting].map(({ end }) => end).sort((a, b) => a - b)
  const { area, edge } = outline(
    answers.map((end) => ({ left: scale.left, right: scale.x(end) })),
    y,
    height
  )
  const observed = recording.observations.filter(
    ({ at, key, process }) => process === index && key === band.key && at >= loaded
  )
  const leads = lease.process === index
  return all(
    el("rect", { class: "band", x: scale.left, y, width: scale.right - scale.left, height }),
    el("path", { class: "wait", d: area }),
    el("path", { class: "edge", d: edge }),
    observed.map((observation) => mark(observation, scale, y)),
    label("name", 0, y + height / 2 - 3, `process ${index + 1}`),
    label(leads ? "role lead" : "role", 0, y + height / 2 + 13, leads ? "led" : "waited")
  )
}

/** A bar for as long as the store took to answer, or a diamond where it woke the process. */
const mark = ({ asked, at, event }: ProcessObservation, scale: Scale, y: number): Markup | undefined => {
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
