/**
 * The two pictures of the report, each an SVG.
 */
import { eventLog } from "../recording/EventLog.ts"
import { counted, list, millis } from "../recording/Format.ts"
import { duration } from "../recording/Recording.ts"
import type { Outcome } from "../run/Stampede.ts"
import { all, el, Markup } from "./Markup.ts"
import { runChart, width } from "./RunChart.ts"
import { colours, picture as styles } from "./Theme.ts"
import { wakeUpChart } from "./WakeUpChart.ts"

const between = 26

/** Room around a picture in a file of its own. */
const frame = 14

/** Fills that are not a single colour. */
const patterns = el(
  "defs",
  {},
  el(
    "pattern",
    { id: "many", width: 6, height: 4, patternUnits: "userSpaceOnUse" },
    el("line", { class: "many-line", x1: 0, x2: 6, y1: 0.5, y2: 0.5 })
  ),
  el(
    "pattern",
    { id: "lost", width: 7, height: 7, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
    el("line", { class: "lost-line", x1: 2, x2: 2, y1: 0, y2: 7 })
  ),
  el(
    "pattern",
    { id: "cooling", width: 8, height: 8, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
    el("line", { class: "cooling-line", x1: 1, x2: 1, y1: 0, y2: 8 })
  )
)

interface Parts {
  readonly id: string
  readonly title: string
  readonly description: string
  readonly height: number
  readonly body: Markup
  /** In a file of its own, with its colours. */
  readonly alone: boolean
}

const svg = ({ alone, body, description, height, id, title }: Parts): Markup =>
  el(
    "svg",
    {
      class: "picture",
      ...(alone ? { xmlns: "http://www.w3.org/2000/svg", width: width + 2 * frame, height } : {}),
      viewBox: alone ? `${-frame} 0 ${width + 2 * frame} ${Math.ceil(height)}` : `0 0 ${width} ${Math.ceil(height)}`,
      role: "img",
      "aria-labelledby": `${id}-title ${id}-description`
    },
    el("title", { id: `${id}-title` }, title),
    el("desc", { id: `${id}-description` }, description),
    alone ? el("style", {}, new Markup(colours + styles)) : undefined,
    alone ? el("rect", { x: -frame, width: width + 2 * frame, height, style: "fill: var(--paper)" }) : undefined,
    id === "timeline" ? patterns : undefined,
    body
  )

/** The timeline of all runs. */
export const timeline = ({ recordings, settings }: Outcome, alone: boolean): Markup => {
  const longest = Math.max(...recordings.map(duration)) * 1.03
  const charts: Array<Markup> = []
  let top = alone ? 12 : 0
  for (const recording of recordings) {
    const drawing = runChart(recording, longest, settings.load, top)
    charts.push(drawing.markup)
    top += drawing.height + between
  }
  const runs = recordings.map(({ loads, title }) => `${title}: ${counted(loads.length, "origin call")}`)
  return svg({
    id: "timeline",
    title: "Which processes called the origin, which waited, and when their callers were answered",
    description: `${list(runs)}. ${eventLog(recordings.at(-1)!)
      .map(({ at, text }) => `${millis(at)}: ${text}`)
      .join(" ")}`,
    height: top - between + (alone ? 10 : 0),
    body: all(charts),
    alone
  })
}

/** The moment of the wake-up, if a fill woke anybody. */
export const wakeUp = ({ recordings }: Outcome): Markup | undefined => {
  const drawing = wakeUpChart(recordings.at(-1)!)
  return (
    drawing &&
    svg({
      id: "wake-up",
      title: "The moment of the wake-up, magnified",
      description: "When each process was woken by the store, when it asked again, and how its callers were answered.",
      height: drawing.height,
      body: drawing.markup,
      alone: false
    })
  )
}
