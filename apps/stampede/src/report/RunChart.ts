/**
 * One run, drawn: a band for each process and key over a common axis of time, and what happens to the leases.
 */
import { type Band, bands, role } from "../recording/Band.ts"
import { counted, millis, setting } from "../recording/Format.ts"
import { type LeaseRecord, leases, type Recording } from "../recording/Recording.ts"
import { contender } from "../workers/Contender.ts"
import { bandChart } from "./BandChart.ts"
import { all, el, label, type Markup } from "./Markup.ts"
import { Scale } from "./Scale.ts"

export const width = 1000

/** The names of the processes stand to the left of the bands. */
export const labelWidth = 112
export const margin = 10
const heading = 44

/** Room above the bands for a notice about all of them. */
const notice = 18
const axis = 30
const between = 7

/** A drawing and its height. */
export interface Drawing {
  readonly markup: Markup
  readonly height: number
}

/** The places of the bands. */
interface Layout {
  readonly scale: Scale
  readonly height: number
  readonly tops: ReadonlyMap<Band, number>
  readonly first: number
  readonly bottom: number
}

const topOf = ({ tops }: Layout, process: number, key: string): number =>
  [...tops].find(([band]) => band.process.index === process && band.key === key)![1]

/** Draws a run. `extent`: the milliseconds on the axis, the same for all runs. */
export const runChart = (recording: Recording, extent: number, load: number, top: number): Drawing => {
  const start = recording.start ?? 0
  const scale = new Scale(start, start + extent, labelWidth, width - margin)
  const rows = bands(recording, recording.end ?? start + extent)
  const height = Math.max(18, Math.min(52, 420 / rows.length))
  const hasNotice = recording.observations.some(
    ({ event }) => event.name === "deleted" || (event.name === "abandoned" && event.cooldown > 0)
  )
  const first = top + heading + (hasNotice ? notice : 0)
  const tops = new Map<Band, number>()
  let y = first
  for (const [i, band] of rows.entries()) {
    if (i > 0) y += band.process === rows[i - 1]!.process ? 2 : between
    tops.set(band, y)
    y += height
  }
  const layout: Layout = { scale, height, tops, first, bottom: y }
  const all_ = leases(recording)
  return {
    height: y + axis - top,
    markup: all(
      title(recording, top),
      rows.map((band) => bandChart(band, { top: tops.get(band)!, height, scale })),
      rows.map((band, i) => names(recording, band, tops.get(band)!, height, band.process !== rows[i - 1]?.process)),
      scale.axis(start, 10, y, setting),
      el("line", {
        class: "grid",
        "stroke-dasharray": "2 4",
        x1: scale.x(start + load),
        x2: scale.x(start + load),
        y1: first - 4,
        y2: y
      }),
      cooldowns(all_, layout),
      all_.map((lease) => leaseLine(recording, lease, layout)),
      all_.map((lease) => takeover(lease, layout)),
      kills(recording, layout),
      wakes(recording, layout),
      deletes(recording, layout)
    )
  }
}

const title = (recording: Recording, top: number): Markup => {
  const right = width - margin
  const outdated = recording.afterwards.some(({ current, version }) => version !== undefined && version !== current)
  const deleted = recording.observations.some(({ event }) => event.name === "deleted")
  return all(
    label("title", 0, top + 18, recording.title),
    label("about", 0, top + 35, contender(recording.contender).about),
    label("count", right, top + 18, counted(recording.loads.length, "origin call"), "end"),
    deleted &&
      (outdated
        ? label("event-text", right, top + 35, "the deleted value is in the cache again", "end")
        : label("about", right, top + 35, "the deleted value did not come back", "end"))
  )
}

const styles: { readonly [role: string]: string } = {
  killed: "role killed",
  "takes over": "role takeover",
  leads: "role lead"
}

const names = (recording: Recording, { key, process }: Band, top: number, height: number, first: boolean): Markup => {
  const middle = top + height / 2
  if (recording.keys.length > 1) {
    const name = key.length > 12 ? `${key.slice(0, 11)}…` : key
    return all(
      first && label("name", 0, middle + 4, `p${process.index + 1}`),
      label("role", labelWidth - 8, middle + 4, name, "end")
    )
  }
  const name = `process ${process.index + 1}`
  if (height < 30) return label("name", 0, middle + 4, name)
  const text = role(recording, process)
  const style = styles[text] ?? (/call/.test(text) ? "role lead" : "role")
  return all(label("name", 0, middle - 3, name), label(style, 0, middle + 13, text))
}

/** A lease: a solid line while its holder lives, dashed afterwards. */
const leaseLine = (recording: Recording, lease: LeaseRecord, layout: Layout): Markup => {
  const { height, scale } = layout
  const top = topOf(layout, lease.process, lease.key)
  const y = top + height - 3
  const deleted = recording.observations.find(
    ({ asked, event, key }) => event.name === "deleted" && key === lease.key && asked > lease.from
  )
  const killed = lease.ended === "expired" ? recording.processes[lease.process]!.killedAt : undefined
  const end = lease.ended === "refused" ? (deleted?.asked ?? lease.end) : lease.end
  const x = scale.x(end)
  const line = (d: string, style = "lease") => el("path", { class: style, d })
  const renewals = lease.renewals.map((at) => `M${scale.x(at)} ${y - 4}V${y}`).join("")
  return all(
    renewals !== "" && line(renewals),
    line(`M${scale.x(lease.from)} ${y}H${scale.x(killed ?? end)}`),
    killed === undefined
      ? line(`M${x} ${y - 5}V${y + 3}`)
      : all(
          line(`M${scale.x(killed)} ${y}H${x}`, "lease after"),
          line(`M${x} ${y - 9}V${y + 3}`),
          label(
            "lease-text",
            x - 8,
            y - 9,
            lease.freed ? "its lease is freed at once" : "nobody may load until its lease ends",
            "end"
          )
        ),
    lease.ended === "refused" &&
      label("event-text", scale.x(lease.end) + 8, top + height / 2 + 4, "its fill is refused")
  )
}

/** An arrow from the end of a lease to the process that takes over. */
const takeover = (lease: LeaseRecord, layout: Layout): Markup | undefined => {
  if (lease.takesOver === undefined) return undefined
  const { height, scale } = layout
  const from = topOf(layout, lease.takesOver.process, lease.key)
  const to = topOf(layout, lease.process, lease.key)
  const x = scale.x(lease.takesOver.end)
  const down = to > from
  const begin = down ? from + height : from + height - 12
  const tip = down ? to : to + height
  const end = Math.max(x, scale.x(lease.from))
  const back = down ? -7 : 7
  return all(
    el("path", { class: "arrow", d: `M${x} ${begin}L${end} ${tip + back}` }),
    el("path", { class: "arrow-head", d: `M${end} ${tip}l-4.5 ${back}h9z` })
  )
}

const cooldowns = (leases: ReadonlyArray<LeaseRecord>, { height, scale, tops }: Layout): Markup =>
  all(
    leases
      .filter(({ cooldown, ended }) => ended === "abandoned" && cooldown > 0)
      .map(({ cooldown, end, key }) => {
        const x = scale.x(end)
        const wide = scale.x(end + cooldown) - x
        const own = [...tops].flatMap(([band, top]) => (band.key === key ? [top] : []))
        return all(
          own.map((y) => el("rect", { class: "cooling", x, y, width: wide, height })),
          wide > 150 && label("event-text", x + 10, (own[0] ?? 0) - 5, "cools down: nobody calls the origin")
        )
      })
  )

const kills = ({ processes }: Recording, { height, scale, tops }: Layout): Markup =>
  all(
    processes.map((process) => {
      if (process.killedAt === undefined) return undefined
      const own = [...tops].flatMap(([band, top]) => (band.process === process ? [top] : []))
      const x = scale.x(process.killedAt)
      const y = (own[0]! + own.at(-1)! + height) / 2
      return all(
        el("circle", { class: "cross-back", cx: x, cy: y, r: 10 }),
        el("path", { class: "cross", d: `M${x - 4} ${y - 4}l8 8m0 -8l-8 8` }),
        label("killed", x + 16, y - (height > 40 ? 4 : 0), "killed")
      )
    })
  )

/** The time from the load to the answers of woken callers, where there is room for it. */
const wakes = (recording: Recording, { height, scale, tops }: Layout): Markup =>
  all(
    [...tops].map(([{ key, loading, process, waiting }, top]) => {
      const woken = recording.observations.findLast(
        (observation) =>
          observation.process === process.index && observation.key === key && observation.event.name === "woken"
      )
      if (woken === undefined || loading.length > 0 || waiting.some(({ ended }) => ended !== "answered"))
        return undefined
      const end = waiting.reduce((latest, { end }) => Math.max(latest, end), 0)
      const loaded = recording.loads.findLast(
        (load) => load.key === key && load.end !== undefined && load.end <= woken.at
      )
      const x = scale.x(end) + 10
      if (loaded?.end === undefined || x + 190 > width || height < 18) return undefined
      return label("about", x, top + height / 2 + 4, `woken, answered ${millis(end - loaded.end)} after the load`)
    })
  )

/** A line through all bands when the key is deleted. */
const deletes = ({ observations }: Recording, { bottom, first, scale }: Layout): Markup => {
  const rows = observations.filter(({ event }) => event.name === "deleted")
  const text = rows.length === 1 ? "the key is deleted" : "keys are deleted"
  return all(
    rows.map(({ asked }, i) => {
      const x = scale.x(asked)
      return all(
        el("line", { class: "event", x1: x, x2: x, y1: first - 6, y2: bottom }),
        i === 0 && label("event-text", x + 6, first - 5, text)
      )
    })
  )
}
