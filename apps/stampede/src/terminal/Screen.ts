/**
 * What a person sees in the terminal: how it goes while it goes, and what came of it.
 */
import { stripVTControlCharacters } from "node:util"
import { createLogUpdate } from "log-update"
import { abridged, chronicle } from "../recording/Chronicle.ts"
import { now } from "../recording/Clock.ts"
import type { Recording } from "../recording/Recording.ts"
import { count, counted, millis, setting } from "../recording/Words.ts"
import { comparison } from "../run/Comparison.ts"
import type { Audience, Outcome } from "../run/Stampede.ts"
import { scenario } from "../scenarios/Scenarios.ts"
import type { Settings } from "../scenarios/Settings.ts"
import type { Contender } from "../workers/Contender.ts"
import { Pen } from "./Pen.ts"
import { axis, extent, legend, strip } from "./Strip.ts"
import { textTable } from "./TextTable.ts"

const refresh = 80

export class Screen implements Audience, Disposable {
  private readonly pen: Pen
  private readonly settings: Settings
  private readonly update: ReturnType<typeof createLogUpdate>
  private readonly print: (text: string) => void
  private timer: NodeJS.Timeout | undefined

  constructor(stream: NodeJS.WriteStream, settings: Settings) {
    this.pen = new Pen(stream)
    this.settings = settings
    this.update = createLogUpdate(stream)
    this.print = (text) => void stream.write(`${text}\n`)
  }

  readonly opened = (store: string): void => {
    const { callers, keys, load, processes } = this.settings
    this.print(this.pen.bold("A stampede"))
    const crowd = `${counted(processes, "process", "processes")} × ${counted(callers, "caller")}`
    this.paragraph(`${crowd} on ${counted(keys.length, "key")}; the origin takes ${setting(load)}; store: ${store}.`)
    this.paragraph(scenario(this.settings.scenario).story(this.settings), (line) => this.pen.dim(line))
    this.print("")
  }

  readonly started = (contender: Contender, recording: Recording): void => {
    if (!this.pen.live) {
      this.paragraph(`${contender.title}: ${contender.about} …`)
      return
    }
    const draw = () => this.update(this.progress(contender, recording))
    draw()
    this.timer = setInterval(draw, refresh)
  }

  readonly finished = (contender: Contender, recording: Recording): void => {
    clearInterval(this.timer)
    if (this.pen.live) this.update.clear()
    this.print(this.status(contender, recording))
  };

  /** Gives the terminal back as it was. */
  [Symbol.dispose](): void {
    clearInterval(this.timer)
    if (this.pen.live) this.update.done()
  }

  private progress(contender: Contender, recording: Recording): string {
    const begun = recording.start === undefined ? -1 : now() - recording.start
    if (begun < 0) {
      return `${this.pen.style("cyan", this.pen.signs.bar)} ${contender.title} ${this.pen.dim("starting processes …")}`
    }
    const scale = Math.max(begun, scenario(this.settings.scenario).lasts(this.settings) * 1.2)
    return [this.status(contender, recording), ...strip(recording, scale, begun, this.pen)].join("\n")
  }

  private status({ title }: Contender, recording: Recording): string {
    const { pen } = this
    const done = recording.processes.reduce((sum, { answered }) => sum + answered, 0)
    const calls = counted(recording.loads.length, "origin call")
    const answers = `${count(done)}/${count(recording.expected)} answered`
    const mark = pen.style(recording.end === undefined ? "cyan" : "green", pen.signs.bar)
    if (pen.width < 76) return `${mark} ${pen.wrap(`${title}: ${calls}, ${answers}`, 2).join("\n  ")}`
    const line = `${title.padEnd(25)} ${calls.padStart(18)}  ${answers}`
    return `${mark} ${line}`
  }

  /** The whole story, once it has happened. */
  readonly outcome = (outcome: Outcome, report: string | undefined): void => {
    const { print } = this
    print("")
    this.timelines(outcome)
    print("")
    for (const line of textTable(comparison(outcome), this.pen)) print(line)
    print("")
    this.story(outcome)
    this.verdict(outcome)
    if (report !== undefined) print(`\nThe whole picture: ${this.pen.style("underline", report)}`)
  }

  /** One line per promise. */
  readonly verdict = ({ findings }: Outcome): void => {
    for (const { ok, text } of findings) {
      this.item(ok ? this.pen.style("green", this.pen.signs.ok) : this.pen.style("red", this.pen.signs.wrong), 2, text)
    }
  }

  private timelines({ recordings }: Outcome): void {
    const { pen, print } = this
    const scale = Math.max(...recordings.map(extent)) * 1.02
    for (const recording of recordings) {
      print(pen.bold(recording.title))
      for (const line of strip(recording, scale, extent(recording), pen)) print(line)
    }
    print(axis(scale, pen))
    for (const line of legend(recordings, pen)) print(line)
  }

  private story({ recordings }: Outcome): void {
    const { pen, print } = this
    const last = recordings.at(-1)!
    print(pen.bold(`What happened with ${last.title}`))
    for (const { at, text } of abridged(chronicle(last))) this.item(pen.dim(millis(at).padStart(8)), 10, text)
    print("")
  }

  private paragraph(text: string, style = (line: string) => line): void {
    for (const line of this.pen.wrap(text)) this.print(style(line))
  }

  /** A line that begins with something, and hangs over so many columns. */
  private item(head: string, width: number, text: string): void {
    const [first = "", ...rest] = this.pen.wrap(text, width)
    const bare = stripVTControlCharacters(head)
    this.print(head + " ".repeat(Math.max(1, width - bare.length)) + first)
    for (const line of rest) this.print(" ".repeat(width) + line)
  }
}
