/**
 * The pictures, the figures and the events on one self-contained page: no network, no script.
 */
import { availableParallelism } from "node:os"
import { eventLog } from "../recording/EventLog.ts"
import { type Figures, percentile } from "../recording/Figures.ts"
import { capitalised, count, counted, millis, setting } from "../recording/Format.ts"
import { comparison } from "../run/Comparison.ts"
import type { Outcome } from "../run/Stampede.ts"
import { scenario } from "../scenarios/Scenarios.ts"
import { timeline, wakeUp } from "./Charts.ts"
import { all, el, Markup } from "./Markup.ts"
import { colours, page, picture } from "./Theme.ts"

/** The content of the file at a path: the timeline alone if it ends in `.svg`, else the page. */
export const report = (outcome: Outcome, path: string): string =>
  path.endsWith(".svg") ? `${timeline(outcome, true).text}\n` : document(outcome)

const document = (outcome: Outcome): string => {
  const { callers, processes } = outcome.settings
  const title = `A stampede of ${count(callers * processes)} callers`
  const head = el(
    "head",
    {},
    el("meta", { charset: "utf-8" }),
    el("meta", { name: "viewport", content: "width=device-width, initial-scale=1" }),
    // The page loads nothing, and the browser enforces it.
    el("meta", { "http-equiv": "Content-Security-Policy", content: "default-src 'none'; style-src 'unsafe-inline'" }),
    el("title", {}, title),
    el("style", {}, all(new Markup(colours), new Markup(page), new Markup(picture)))
  )
  const body = el(
    "body",
    {},
    el("main", {}, header(outcome, title), figures(outcome), events(outcome), measurement(outcome))
  )
  return `<!doctype html>\n${el("html", { lang: "en" }, head, body).text}\n`
}

const header = (outcome: Outcome, title: string): Markup => {
  const { callers, keys, load, processes } = outcome.settings
  return all(
    el("h1", {}, title),
    el(
      "p",
      { class: "muted" },
      `${counted(processes, "process", "processes")} with ${counted(callers, "caller")} each, ${counted(keys.length, "hot key")}, an origin that takes ${setting(load)}. Store: ${outcome.store}.`
    ),
    el("p", {}, scenario(outcome.settings.scenario).description(outcome.settings)),
    el(
      "div",
      { class: "cards" },
      outcome.figures.map((figures, i) => card(outcome, figures, i))
    ),
    el(
      "ul",
      { class: "findings" },
      outcome.findings.map(({ ok, text }) => el("li", { class: ok ? "kept" : "broken" }, capitalised(text)))
    )
  )
}

const card = ({ figures: all_, recordings, settings }: Outcome, figures: Figures, i: number): Markup => {
  const { measure } = scenario(settings.scenario)
  const spread = figures[measure]
  const commands =
    figures.storeCommands === undefined ? "" : `, ${counted(figures.storeCommands.total, "store command")}`
  const best = i === all_.length - 1
  return el(
    "section",
    { class: best ? "card best" : "card" },
    el("h3", {}, recordings[i]!.title),
    el("p", { class: "number" }, count(figures.originCalls)),
    el("p", { class: "unit" }, figures.originCalls === 1 ? "origin call" : "origin calls"),
    spread &&
      el(
        "p",
        { class: "more" },
        `p99 ${millis(spread.p99)}${measure === "beyondLoad" ? " beyond the load" : ""}${commands}`
      )
  )
}

const swatch = (body: Markup): Markup =>
  el("svg", { class: "picture-key", width: 22, height: 12, viewBox: "0 0 22 12", "aria-hidden": "true" }, body)

const filled = (colour: string): Markup =>
  swatch(el("rect", { width: 22, height: 12, rx: 2, style: `fill: var(${colour})` }))

const stroke = (colour: string, path: string, more = ""): Markup =>
  swatch(el("path", { d: path, style: `stroke: var(${colour}); stroke-width: 3; fill: none;${more}` }))

const legend = (outcome: Outcome): Markup => {
  const failing = outcome.figures.some(({ failed }) => failed > 0)
  return el(
    "ul",
    { class: "legend" },
    el("li", {}, filled("--load"), "calls the origin"),
    el("li", {}, filled("--wait"), "waits for an answer"),
    el("li", {}, stroke(failing ? "--error" : "--done", "M11 0V12"), failing ? "is given the error" : "is answered"),
    el("li", {}, stroke("--lease", "M1 9H20M20 3V12"), "holds the lease, to its end"),
    outcome.settings.kill &&
      el("li", {}, stroke("--lease", "M1 9H22", " stroke-dasharray: 5 4"), "a lease whose holder was killed")
  )
}

const figures = (outcome: Outcome): Markup => {
  const magnified = wakeUp(outcome)
  return all(
    el("h2", {}, "The runs on one axis of time"),
    el(
      "figure",
      {},
      legend(outcome),
      el("div", { class: "scroll" }, timeline(outcome, false)),
      el(
        "figcaption",
        {},
        "Every band is a process. Every row in it is a caller, from when it asks to when it has its answer. Rows are as high as the band allows; a single origin call is drawn higher, so that it can be seen. The dotted line marks where one load that begins at once would end."
      )
    ),
    magnified &&
      all(
        el("h2", {}, "The moment of the wake-up"),
        el(
          "figure",
          {},
          el(
            "ul",
            { class: "legend" },
            el("li", {}, filled("--done"), "the leader fills"),
            el(
              "li",
              {},
              swatch(el("path", { d: "M11 0l6 6l-6 6l-6 -6z", style: "fill: var(--lease)" })),
              "the store wakes a waiting process"
            ),
            el("li", {}, filled("--lease"), "it asks again"),
            el("li", {}, stroke("--done", "M4 0V5H16V12"), "its callers are answered, one after the other")
          ),
          el("div", { class: "scroll" }, magnified)
        )
      ),
    el("h2", {}, "Side by side"),
    table(outcome)
  )
}

const table = (outcome: Outcome): Markup => {
  const { rows, titles } = comparison(outcome)
  const style = (i: number): { readonly class?: string } => (i === titles.length - 1 ? { class: "best" } : {})
  return el(
    "div",
    { class: "scroll" },
    el(
      "table",
      {},
      el(
        "thead",
        {},
        el(
          "tr",
          {},
          el("th", { scope: "col" }, "with the same store"),
          titles.map((title, i) => el("th", { scope: "col", ...style(i) }, title))
        )
      ),
      el(
        "tbody",
        {},
        rows.map(({ label, main, values }) =>
          el(
            "tr",
            main ? { class: "main" } : {},
            el("th", { scope: "row" }, label),
            values.map((value, i) => el("td", style(i), value))
          )
        )
      )
    )
  )
}

const events = ({ recordings }: Outcome): Markup => {
  const last = recordings.at(-1)!
  return all(
    el("h2", {}, `With ${last.title}, event by event`),
    el(
      "ol",
      { class: "events" },
      eventLog(last).map(({ at, text }) => el("li", {}, el("time", {}, millis(at)), el("span", {}, text)))
    ),
    commands(last)
  )
}

const commands = (recording: Outcome["recordings"][number]): Markup | undefined => {
  if (recording.processes.some(({ commands }) => commands === undefined)) return undefined
  return el(
    "details",
    {},
    el("summary", {}, "The commands that each process sent to the store"),
    el(
      "ol",
      {},
      recording.processes.map(({ commands }) =>
        el("li", {}, (commands ?? []).length === 0 ? "nothing" : el("code", {}, shortened(commands ?? []).join(" · ")))
      )
    )
  )
}

const shown = 60

const shortened = (commands: ReadonlyArray<string>): ReadonlyArray<string> =>
  commands.length <= shown ? commands : [...commands.slice(0, shown), `… ${commands.length - shown} more`]

const measurement = ({ recordings, settings }: Outcome): Markup => {
  const waits = recordings.flatMap(({ loads }) =>
    loads.flatMap(({ begin, end }) => (end === undefined ? [] : [end - begin]))
  )
  const slowest = percentile(
    waits.toSorted((a, b) => a - b),
    1
  )
  return all(
    el("h2", {}, "How it was measured"),
    el(
      "p",
      { class: "muted" },
      `Every process is an operating-system process, started for each run and warmed up on other keys. The origin counts its calls in the parent process${
        Number.isFinite(slowest) ? `; its slowest answer took ${millis(slowest)}` : ""
      }. All times are read from the machine's one monotonic clock. Store commands are those sent from the first caller to the last answer, counted on their way to the store. What a script does inside the store is not counted. Lease: ${setting(settings.lease)}. Node.js ${process.version} on ${counted(availableParallelism(), "core")}, ${new Date().toISOString().slice(0, 16).replace("T", " ")} UTC.`
    )
  )
}
