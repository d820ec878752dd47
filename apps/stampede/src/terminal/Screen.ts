/**
 * The output in a terminal: the progress of the runs, then the outcome.
 */
import { stripVTControlCharacters } from "node:util"
import { createLogUpdate } from "log-update"
import { now } from "../recording/Clock.ts"
import { eventLog, shortened } from "../recording/EventLog.ts"
import { count, counted, millis, setting } from "../recording/Format.ts"
import { duration, type Recording } from "../recording/Recording.ts"
import { comparison } from "../run/Comparison.ts"
import type { Outcome, RunListener } from "../run/Stampede.ts"
import { scenario } from "../scenarios/Scenarios.ts"
import type { Settings } from "../scenarios/Settings.ts"
import type { Contender } from "../workers/Contender.ts"
import { TerminalFormat } from "./TerminalFormat.ts"
import { textTable } from "./TextTable.ts"
import { axis, legend, textTimeline } from "./TextTimeline.ts"

const refresh = 80

export class Screen implements RunListener, Disposable {
  private readonly format: TerminalFormat
  private readonly settings: Settings
  private readonly update: ReturnType<typeof createLogUpdate>
  private readonly print: (text: string) => void
  private timer: NodeJS.Timeout | undefined

  constructor(stream: NodeJS.WriteStream, settings: Settings) {
    this.format = new TerminalFormat(stream)
    this.settings = settings
    this.update = createLogUpdate(stream)
    this.print = (text) => void stream.write(`${text}\n`)
  }

  readonly opened = (store: string): void => {
    const { callers, keys, load, processes } = this.settings
    this.print(this.format.bold("A stampede"))
    const crowd = `${counted(processes, "process", "processes")} × ${counted(callers, "caller")}`
    this.paragraph(`${crowd} on ${counted(keys.length, "key")}; the origin takes ${setting(load)}; store: ${store}.`)
    this.paragraph(scenario(this.settings.scenario).description(this.settings), (line) => this.format.dim(line))
    this.print("")
  }

  readonly started = (contender: Contender, recording: Recording): void => {
    if (!this.format.isTerminal) {
      this.paragraph(`${contender.title}: ${contender.about} …`)
      return
    }
    const draw = () => this.update(this.progress(contender, recording))
    draw()
    this.timer = setInterval(draw, refresh)
  }

  readonly finished = (contender: Contender, recording: Recording): void => {
    clearInterval(this.timer)
    if (this.format.isTerminal) this.update.clear()
    this.print(this.status(contender, recording))
  };

  /** Leaves the terminal as it was. */
  [Symbol.dispose](): void {
    clearInterval(this.timer)
    if (this.format.isTerminal) this.update.done()
  }

  private progress(contender: Contender, recording: Recording): string {
    const begun = recording.start === undefined ? -1 : now() - recording.start
    if (begun < 0) {
      return `${this.format.style("cyan", this.format.symbols.bar)} ${contender.title} ${this.format.dim("starting processes …")}`
    }
    const scale = Math.max(begun, scenario(this.settings.scenario).lasts(this.settings) * 1.2)
    return [this.status(contender, recording), ...textTimeline(recording, scale, begun, this.format)].join("\n")
  }

  private status({ title }: Contender, recording: Recording): string {
    const { format } = this
    const done = recording.processes.reduce((sum, { answered }) => sum + answered, 0)
    const calls = counted(recording.loads.length, "origin call")
    const answers = `${count(done)}/${count(recording.expected)} answered`
    const mark = format.style(recording.end === undefined ? "cyan" : "green", format.symbols.bar)
    if (format.width < 76) return `${mark} ${format.wrap(`${title}: ${calls}, ${answers}`, 2).join("\n  ")}`
    const line = `${title.padEnd(25)} ${calls.padStart(18)}  ${answers}`
    return `${mark} ${line}`
  }

  /** Prints everything about all runs. */
  readonly outcome = (outcome: Outcome, report: string | undefined): void => {
    const { print } = this
    print("")
    this.timelines(outcome)
    print("")
    for (const line of textTable(comparison(outcome), this.format)) print(line)
    print("")
    this.events(outcome)
    this.findings(outcome)
    if (report !== undefined) print(`\nThe report: ${this.format.style("underline", report)}`)
  }

  /** Prints one line per promise. */
  readonly findings = ({ findings }: Outcome): void => {
    for (const { ok, text } of findings) {
      this.item(
        ok ? this.format.style("green", this.format.symbols.ok) : this.format.style("red", this.format.symbols.wrong),
        2,
        text
      )
    }
  }

  private timelines({ recordings }: Outcome): void {
    const { format, print } = this
    const scale = Math.max(...recordings.map(duration)) * 1.02
    for (const recording of recordings) {
      print(format.bold(recording.title))
      for (const line of textTimeline(recording, scale, duration(recording), format)) print(line)
    }
    print(axis(scale, format))
    for (const line of legend(recordings, format)) print(line)
  }

  private events({ recordings }: Outcome): void {
    const { format, print } = this
    const last = recordings.at(-1)!
    print(format.bold(`What happened with ${last.title}`))
    for (const { at, text } of shortened(eventLog(last))) this.item(format.dim(millis(at).padStart(8)), 10, text)
    print("")
  }

  private paragraph(text: string, style = (line: string) => line): void {
    for (const line of this.format.wrap(text)) this.print(style(line))
  }

  /** Prints a text after a head, with its later lines indented by this many columns. */
  private item(head: string, width: number, text: string): void {
    const [first = "", ...rest] = this.format.wrap(text, width)
    const bare = stripVTControlCharacters(head)
    this.print(head + " ".repeat(Math.max(1, width - bare.length)) + first)
    for (const line of rest) this.print(" ".repeat(width) + line)
  }
}
