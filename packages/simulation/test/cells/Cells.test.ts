import { readFileSync } from "node:fs"
import { describe, expect, expectTypeOf, it } from "vitest"
import type { FlightMeets, FlightState, Verb } from "../../src/cells/Cells.ts"
import * as Coverage from "../../src/cells/Coverage.ts"
import { entryTable } from "../../src/cells/EntryTable.ts"
import { flightTable } from "../../src/cells/FlightTable.ts"
import { keptCells } from "../../src/cells/Kept.ts"
import * as Specification from "../../src/cells/Specification.ts"
import { Oracle, type Story, simulate } from "../../src/index.ts"

const kept = JSON.parse(readFileSync(keptCells, "utf8")) as Readonly<Record<string, Story.Story>>

describe("stories for cells that fresh histories seldom reach", () => {
  it.each(Object.entries(kept))("%s", async (cell, story) => {
    const reached = Coverage.begin()
    const history = await simulate(story)
    expect([...reached.cells.keys()]).toContain(cell)
    expect([...reached.cells.keys()].filter((each) => !Coverage.all.has(each))).toEqual([])
    expect(Oracle.judge(story, history)).toEqual([])
  })
})

describe("the tables", () => {
  it("do not compile without a row, or without a cell", () => {
    const { "time passes": _, ...withoutRow } = entryTable
    expectTypeOf(withoutRow).not.toExtend<typeof entryTable>()
    const { over: __, ...withoutCell } = flightTable["caller joins"]
    expectTypeOf(withoutCell).not.toExtend<(typeof flightTable)["caller joins"]>()
    // Core's own words, not `string` or `never`, of which a forgotten one would be missed.
    expectTypeOf<Verb>().toEqualTypeOf<"acquire" | "fill" | "abandon" | "renew" | "remove" | "put" | "touch">()
    expectTypeOf<FlightState>().toEqualTypeOf<"asking" | "leading" | "following" | "unleased" | "closed" | "over">()
    expectTypeOf<`caller is told ${string}`>().not.toExtend<FlightMeets>()
  })
})

describe("the specification", () => {
  it("has each cell below its state", () => {
    const columns = (line: string) => line.split("|").map((cell) => cell.trim())
    const lines = Specification.read().split("\n")
    const lease = lines.findIndex((line) => line.startsWith("| The lease "))
    const head = columns(lines[lease]!)
    const row = columns(lines.find((line, at) => at > lease && line.startsWith("| `renew` → `true` "))!)
    for (const [state, cell] of Object.entries(flightTable["renew → true"])) {
      const shown = row[head.indexOf(state)]!
      if (typeof cell === "string") expect(shown).toBe(cell)
      else expect(shown).toMatch(/^– [a-z]$/)
    }
    const states = columns(lines.find((line) => line.startsWith("| event "))!)
    const put = columns(lines.find((line) => line.startsWith("| `put` → `done` "))!)
    expect(put[states.indexOf("fresh")]).toBe("=")
    expect(put[states.indexOf("stale, leased")]).toBe("fresh")
  })

  it("has the tables as they are written by `node src/specify.ts`", () => {
    const text = Specification.read()
    expect(text).toBe(Specification.replaceIn(text))
  })
})
