import { Writable } from "node:stream"
import { stripVTControlCharacters } from "node:util"
import { describe, expect, it } from "vitest"
import { parse } from "../src/cli/Arguments.ts"
import type { Outcome } from "../src/run/Stampede.ts"
import { Screen } from "../src/terminal/Screen.ts"
import { withLeases } from "../src/workers/Contender.ts"
import { run } from "./support/Run.ts"

/** A terminal of a given width that keeps its output. */
class Terminal extends Writable {
  readonly columns: number
  readonly isTTY: boolean
  written = ""

  constructor(columns: number, isTTY: boolean) {
    super({
      write: (chunk, _, done) => {
        this.written += chunk
        done()
      }
    })
    this.columns = columns
    this.isTTY = isTTY
  }

  get lines(): ReadonlyArray<string> {
    return stripVTControlCharacters(this.written).split("\n")
  }
}

const show = (outcome: Outcome, terminal: Terminal): void => {
  using screen = new Screen(terminal as unknown as NodeJS.WriteStream, parse([], {}))
  screen.opened(outcome.store)
  for (const recording of outcome.recordings) {
    screen.started(withLeases, recording)
    screen.finished(withLeases, recording)
  }
  screen.outcome(outcome, undefined)
}

describe("the screen", () => {
  it("shows the same at every width, and never writes past the edge", async () => {
    const outcome = await run("--kill", "--processes", "3", "--callers", "5", "--load", "60ms", "--lease", "400ms")
    for (const columns of [38, 60, 80, 120]) {
      const terminal = new Terminal(columns, false)
      show(outcome, terminal)
      expect(terminal.lines.filter((line) => line.length > columns)).toEqual([])
      expect(terminal.written.replaceAll(/\s+/g, " ")).toContain("is killed (SIGKILL)")
      expect(terminal.written).toContain("✖")
      expect(terminal.written).toContain("┤")
      expect(terminal.written).toMatch(/origin calls\s/)
    }
  })

  it("draws over what it drew, on a terminal, and leaves the lines that count", async () => {
    const outcome = await run("--check", "--processes", "2", "--callers", "2", "--load", "20ms")
    const terminal = new Terminal(80, true)
    show(outcome, terminal)
    expect(terminal.written).toContain("\u001b[")
    expect(terminal.lines.some((line) => /cache-locking +1 origin call +4\/4 answered/.test(line))).toBe(true)
  })
})
