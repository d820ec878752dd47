/**
 * One run, drawn: a band for each process and key over a common axis of time, and what
 * happened to leases.
 */
import { type Band, bands, role } from "../recording/Band.ts"
import { type LeaseRecord, leases, type Recording } from "../recording/Recording.ts"
import { counted, millis, setting } from "../recording/Words.ts"
import { contender } from "../workers/Contender.ts"
import { bandPicture } from "./BandPicture.ts"
import { all, el, type Markup } from "./Markup.ts"
import { Scale } from "./Scale.ts"

export const width = 1000

const gutter = 112
const margin = 10
const heading = 44

/** Above the bands, where something is said of all of them. */
const notice = 18
const axis = 30
const between = 7

/** A drawing, and how much room it takes. */
export interface Drawing {
  readonly markup: Markup
  readonly height: number
}

const bandHeight = (bands: number): number => Math.max(18, Math.min(52, 420 / bands))

/** Draws a run. `extent`: how many milliseconds the axis has, for all panels alike. */
export const panel = (recording: Recording, extent: number, load: number, top: number): Drawing => {
  const start = recording.start ?? 0
  const scale = new Scale(start, start + extent, gutter, width - margin)
  const rows = bands(recording, recording.end ?? start + extent)
  const height = bandHeight(rows.length)
  const tops = new Map<Band, number>()
  const noticed = recording.sightings.some(
    ({ event }) => event.name === "deleted" || (event.name === "abandoned" && event.cooldown > 0)
  )
  const first = top + heading + (noticed ? notice : 0)
  let y = first
  for (const [i, band] of rows.entries()) {
    if (i > 0) y += band.process === rows[i - 1]!.process ? 2 : between
    tops.set(band, y)
    y += height
  }
  const bottom = y
  const place = (process: number, key: string) =>
    tops.get(rows.find((band) => band.process.index === process && band.key === key)!)!
  return {
    height: bottom + axis - top,
    markup: all(
      title(recording, top),
      rows.map((band) => bandPicture(band, { top: tops.get(band)!, height, scale })),
      rows.map((band, i) => names(recording, band, tops.get(band)!, height, band.process !== rows[i - 1]?.process)),
      ticks(scale, start, load, first, bottom),
      coolings(
        recording,
        scale,
        (key) => rows.filter((band) => band.key === key).map((band) => tops.get(band)!),
        height
      ),
      leases(recording).map((lease) => leaseLine(recording, lease, scale, place(lease.process, lease.key), height)),
      leases(recording).map((lease) =>
        lease.takesOver === undefined
          ? undefined
          : arrow(scale, lease, place(lease.takesOver.process, lease.key), place(lease.process, lease.key), height)
      ),
      kills(recording, scale, tops, height),
      wakes(recording, scale, tops, height),
      deletes(recording, scale, first, bottom)
    )
  }
}

const title = (recording: Recording, top: number): Markup => {
  const right = { x: width - margin, "text-anchor": "end" }
  const outdated = recording.afterwards.some(({ current, version }) => version !== undefined && version !== current)
  const deleted = recording.sightings.some(({ event }) => event.name === "deleted")
  return all(
    el("text", { class: "title", x: 0, y: top + 18 }, recording.title),
    el("text", { class: "about", x: 0, y: top + 35 }, contender(recording.contender).about),
    el("text", { class: "count", y: top + 18, ...right }, counted(recording.loads.length, "origin call")),
    deleted &&
      el(
        "text",
        { class: outdated ? "event-text" : "about", y: top + 35, ...right },
        outdated ? "what was deleted is in the cache again" : "what was deleted did not come back"
      )
  )
}

const styles: { readonly [role: string]: string } = {
  killed: "role dead",
  "takes over": "role heir",
  leads: "role lead"
}

const names = (recording: Recording, { key, process }: Band, top: number, height: number, first: boolean): Markup => {
  const several = recording.keys.length > 1
  const text = role(recording, process)
  const name = `process ${process.index + 1}`
  if (several) {
    const middle = top + height / 2 + 4
    return all(
      first ? el("text", { class: "name", x: 0, y: middle }, `p${process.index + 1}`) : undefined,
      el("text", { class: "role", x: gutter - 8, y: middle, "text-anchor": "end" }, short(key))
    )
  }
  if (height < 30) return el("text", { class: "name", x: 0, y: top + height / 2 + 4 }, name)
  return all(
    el("text", { class: "name", x: 0, y: top + height / 2 - 3 }, name),
    el(
      "text",
      { class: styles[text] ?? (/call/.test(text) ? "role lead" : "role"), x: 0, y: top + height / 2 + 13 },
      text
    )
  )
}

const short = (key: string): string => (key.length > 12 ? `${key.slice(0, 11)}…` : key)

const ticks = (scale: Scale, start: number, load: number, top: number, bottom: number): Markup =>
  all(
    scale.ticks(start, 10).map((tick) => {
      const x = scale.x(start + tick)
      return all(
        el("line", { class: "grid", x1: x, x2: x, y1: bottom, y2: bottom + 5 }),
        el("text", { class: "tick", x, y: bottom + 18, "text-anchor": "middle" }, tick === 0 ? "0" : setting(tick))
      )
    }),
    el("line", { class: "grid", x1: scale.left, x2: scale.right, y1: bottom + 0.5, y2: bottom + 0.5 }),
    el("line", {
      class: "grid",
      "stroke-dasharray": "2 4",
      x1: scale.x(start + load),
      x2: scale.x(start + load),
      y1: top - 4,
      y2: bottom
    })
  )

/** A lease: whole while its holder lives, broken afterwards. */
const leaseLine = (recording: Recording, lease: LeaseRecord, scale: Scale, top: number, height: number): Markup => {
  const y = top + height - 3
  const deleted = recording.sightings.find(
    ({ asked, event, key }) => event.name === "deleted" && key === lease.key && asked > lease.from
  )
  const killed = lease.ended === "expired" ? recording.processes[lease.process]!.killedAt : undefined
  const end = lease.ended === "refused" ? (deleted?.asked ?? lease.end) : lease.end
  const x = scale.x(end)
  const renewals = lease.renewals.map((at) => `M${scale.x(at)} ${y - 4}V${y}`).join("")
  return all(
    renewals !== "" && el("path", { class: "lease", d: renewals }),
    el("path", { class: "lease", d: `M${scale.x(lease.from)} ${y}H${scale.x(killed ?? end)}` }),
    killed === undefined
      ? el("path", { class: "lease", d: `M${x} ${y - 5}V${y + 3}` })
      : all(
          el("path", { class: "lease after", d: `M${scale.x(killed)} ${y}H${x}` }),
          el("path", { class: "lease", d: `M${x} ${y - 9}V${y + 3}` }),
          el(
            "text",
            { class: "lease-text", x: x - 8, y: y - 9, "text-anchor": "end" },
            lease.freed ? "its lease is freed at once" : "nobody may load until its lease ends"
          )
        ),
    lease.ended === "refused"
      ? el("text", { class: "event-text", x: scale.x(lease.end) + 8, y: top + height / 2 + 4 }, "its fill is refused")
      : undefined
  )
}

/** From the end of a lease to who took over. */
const arrow = (scale: Scale, lease: LeaseRecord, from: number, to: number, height: number): Markup => {
  const x = scale.x(lease.takesOver!.end)
  const down = to > from
  const begin = down ? from + height : from + height - 12
  const tip = down ? to : to + height
  const turn = Math.max(x, scale.x(lease.from))
  const back = down ? -7 : 7
  return all(
    el("path", { class: "arrow", d: `M${x} ${begin}L${turn} ${tip + back}` }),
    el("path", { class: "arrow-head", d: `M${turn} ${tip}l-4.5 ${back}h9z` })
  )
}

const coolings = (
  recording: Recording,
  scale: Scale,
  tops: (key: string) => ReadonlyArray<number>,
  height: number
): Markup =>
  all(
    leases(recording)
      .filter(({ cooldown, ended }) => ended === "abandoned" && cooldown > 0)
      .map(({ cooldown, end, key }) => {
        const x = scale.x(end)
        const wide = scale.x(end + cooldown) - x
        const places = tops(key)
        return all(
          places.map((y) => el("rect", { class: "cooling", x, y, width: wide, height })),
          wide > 150
            ? el(
                "text",
                { class: "event-text", x: x + 10, y: (places[0] ?? 0) - 5 },
                "cools down: nobody calls the origin"
              )
            : undefined
        )
      })
  )

const kills = ({ processes }: Recording, scale: Scale, tops: ReadonlyMap<Band, number>, height: number): Markup =>
  all(
    processes.map((process) => {
      if (process.killedAt === undefined) return undefined
      const own = [...tops].flatMap(([band, top]) => (band.process === process ? [top] : []))
      const x = scale.x(process.killedAt)
      const y = (own[0]! + own.at(-1)! + height) / 2
      return all(
        el("circle", { class: "cross-back", cx: x, cy: y, r: 10 }),
        el("path", { class: "cross", d: `M${x - 4} ${y - 4}l8 8m0 -8l-8 8` }),
        el("text", { class: "dead", x: x + 16, y: y - (height > 40 ? 4 : 0) }, "killed")
      )
    })
  )

/** How soon after the load those who were woken were answered, where there is room to say it. */
const wakes = (recording: Recording, scale: Scale, tops: ReadonlyMap<Band, number>, height: number): Markup =>
  all(
    [...tops].map(([{ key, process, waiting, loading }, top]) => {
      const woken = recording.sightings.findLast(
        (sighting) => sighting.process === process.index && sighting.key === key && sighting.event.name === "woken"
      )
      if (woken === undefined || loading.length > 0 || waiting.some(({ ended }) => ended !== "answered"))
        return undefined
      const end = waiting.reduce((latest, { end }) => Math.max(latest, end), 0)
      const loaded = recording.loads.findLast(
        (load) => load.key === key && load.end !== undefined && load.end <= woken.at
      )
      const x = scale.x(end) + 10
      if (loaded?.end === undefined || x + 190 > width || height < 18) return undefined
      return el(
        "text",
        { class: "about", x, y: top + height / 2 + 4 },
        `woken, answered ${millis(end - loaded.end)} after the load`
      )
    })
  )

/** A line through everything: the key was deleted now. */
const deletes = ({ sightings }: Recording, scale: Scale, top: number, bottom: number): Markup => {
  const rows = sightings.filter(({ event }) => event.name === "deleted")
  return all(
    rows.map(({ asked }, i) => {
      const x = scale.x(asked)
      return all(
        el("line", { class: "event", x1: x, x2: x, y1: top - 6, y2: bottom }),
        i === 0
          ? el(
              "text",
              { class: "event-text", x: x + 6, y: top - 5 },
              rows.length === 1 ? "the key is deleted" : "keys are deleted"
            )
          : undefined
      )
    })
  )
}
