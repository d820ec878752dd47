/**
 * The timeline in a few lines of text: one line per process, one column per slice of time.
 */
import { bands, role } from "../recording/Band.ts"
import { millis } from "../recording/Format.ts"
import { leases, type ProcessRecord, type Recording } from "../recording/Recording.ts"
import type { TerminalFormat } from "./TerminalFormat.ts"

const label = 11
const annotation = 15

/** The lines of one run, `scale` milliseconds wide, of which `until` have passed. */
export const textTimeline = (
  recording: Recording,
  scale: number,
  until: number,
  format: TerminalFormat
): ReadonlyArray<string> => {
  const roomy = format.width >= 60
  const columns = Math.max(8, format.width - label - (roomy ? annotation : 0) - 2)
  return recording.processes.map((process) => {
    const name = format.width < 40 ? `p${process.index + 1}`.padEnd(4) : `process ${process.index + 1}`.padEnd(label)
    const note = roomy ? ` ${format.dim(role(recording, process))}` : ""
    return `${name}${cells(recording, process, columns, scale, until, format)}${note}`.trimEnd()
  })
}

/** A slice of time shows the most important thing in it. */
type Cell = "killed" | "load" | "wait" | "done" | "failed" | "leaseEnd" | "lease" | "nothing"

const importance: ReadonlyArray<Cell> = ["killed", "load", "wait", "failed", "done", "leaseEnd", "lease", "nothing"]

const colours = {
  killed: "redBright",
  load: "yellow",
  wait: "blue",
  done: "green",
  failed: "red",
  leaseEnd: "magenta",
  lease: "magenta"
} as const

const cells = (
  recording: Recording,
  process: ProcessRecord,
  columns: number,
  scale: number,
  until: number,
  format: TerminalFormat
): string => {
  const start = recording.start ?? 0
  const line: Array<Cell> = Array.from({ length: columns }, () => "nothing")
  const column = (at: number): number => Math.floor(((at - start) / scale) * (columns - 1))
  const put = (from: number, to: number, cell: Cell): void => {
    for (let i = Math.max(0, from); i <= Math.min(to, columns - 1); i++) {
      if (importance.indexOf(cell) < importance.indexOf(line[i]!)) line[i] = cell
    }
  }
  for (const { loading, waiting } of bands(recording, start + until).filter((band) => band.process === process)) {
    for (const { begin, end, ended } of [...loading, ...waiting]) {
      const last = column(end)
      put(column(begin), last - 1, "wait")
      if (ended === "answered") put(last, last, "done")
      else if (ended === "failed") put(last, last, "failed")
      else put(last, last, "wait")
    }
    for (const { load } of loading) put(column(load!.begin), column(load!.end ?? start + until) - 1, "load")
  }
  for (const lease of leases(recording)) {
    if (lease.process !== process.index || lease.ended !== "expired" || process.killedAt === undefined) continue
    const ends = Math.min(lease.end, start + until)
    put(column(process.killedAt), column(ends), "lease")
    if (ends === lease.end) put(column(ends), column(ends), "leaseEnd")
  }
  if (process.killedAt !== undefined) put(column(process.killedAt), column(process.killedAt), "killed")
  return paint(line, format)
}

/** Equal neighbours share their colour codes. */
const paint = (line: ReadonlyArray<Cell>, format: TerminalFormat): string => {
  let text = ""
  for (let i = 0; i < line.length; ) {
    const cell = line[i]!
    let end = i
    while (line[end] === cell) end++
    text += cell === "nothing" ? " ".repeat(end - i) : format.style(colours[cell], format.symbols[cell].repeat(end - i))
    i = end
  }
  return text
}

/** The line below: the two ends of time. */
export const axis = (scale: number, format: TerminalFormat): string => {
  const columns = Math.max(8, format.width - label - (format.width >= 60 ? annotation : 0) - 2)
  const end = millis(scale)
  return format.dim(
    `${" ".repeat(format.width < 40 ? 4 : label)}0${end.padStart(Math.max(end.length + 1, columns - 1))}`
  )
}

/** The meaning of the symbols in these runs. */
export const legend = (recordings: ReadonlyArray<Recording>, format: TerminalFormat): ReadonlyArray<string> => {
  const processes = recordings.flatMap(({ processes }) => processes)
  const failed = processes.some(({ callers }) => callers.some(({ how }) => how === "failed"))
  const killed = processes.some(({ killedAt }) => killedAt !== undefined)
  const entries: ReadonlyArray<readonly [cell: Exclude<Cell, "nothing">, meaning: string]> = [
    ["load", "calls the origin"],
    ["wait", "waits"],
    failed ? ["failed", "given the error"] : ["done", "answered"],
    ...(killed
      ? ([
          ["killed", "killed"],
          ["lease", "lease goes on"],
          ["leaseEnd", "lease ends"]
        ] as const)
      : [])
  ]
  const lines: Array<string> = []
  let room = 0
  for (const [cell, meaning] of entries) {
    const width = meaning.length + 4
    const text = `${format.style(colours[cell], format.symbols[cell])} ${format.dim(meaning)}`
    if (lines.length > 0 && width <= room) lines.push(`${lines.pop()}  ${text}`)
    else {
      lines.push(text)
      room = format.width + 2
    }
    room -= width
  }
  return lines
}
