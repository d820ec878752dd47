import { cases } from "@cache-locking/conformance-kit"
import { describe, expect, it } from "vitest"
import * as Capabilities from "../src/Capabilities.ts"
import { names } from "../src/setups/Setups.ts"
import * as Table from "../src/Table.ts"

const run: Capabilities.Run = {
  status: "run",
  title: "Store | bar",
  package: "@cache-locking/store",
  server: { name: "Store", version: "1.2.3", how: "path" },
  capabilities: {
    watch: true,
    keys: false,
    changes: false,
    acquireMany: false,
    deleteMany: false,
    hitUnsafe: false,
    close: false,
    clock: "store"
  },
  limits: { keyBytes: 250, valueBytes: 1_048_576, tick: 1, clock: "store" },
  laws: { "1": { passed: 8, failed: 1, skipped: 2 } },
  total: { passed: 8, failed: 1, skipped: 2 },
  skipped: [],
  failed: []
}

describe("the table", () => {
  it("has a row per setup, and says which were not run", () => {
    const table = Table.render({
      store: run,
      other: { status: "not run", title: "Other", package: "@cache-locking/other", reason: "no such server here" }
    })
    const rows = table
      .split("\n")
      .flatMap((line) => (line.startsWith("|") ? [line.split(/ *(?<!\\)\| */).slice(1, -1)] : []))
    expect(rows[2]).toEqual([
      "Store \\| bar",
      "`@cache-locking/store`",
      "8 of 9 cases, **1 failed**, 2 do not apply",
      "Store 1.2.3",
      "yes",
      "no",
      "the store's",
      "1 MiB"
    ])
    expect(rows[3]!.slice(0, 3)).toEqual(["Other", "`@cache-locking/other`", "not run: no such server here"])
    expect(new Set(rows.map((row) => row.length))).toEqual(new Set([8]))
  })

  it("is written between its marks and nowhere else", () => {
    const marked = `before\n${Table.render({})}\nafter\n`
    const text = Table.replaceIn(marked, { store: run })!
    expect(text).toMatch(/^before\n<!-- adapters[\s\S]*Store[\s\S]*\/adapters -->\nafter\n$/)
    expect(Table.replaceIn(text, { store: run })).toBe(text)
    expect(Table.replaceIn("no marks", { store: run })).toBeUndefined()
  })

  it("says where there is no limit", () => {
    expect(Table.render({ store: { ...run, limits: { ...run.limits, valueBytes: "none" } } })).toMatch(
      /\| no limit +\|/
    )
  })
})

describe("outdated results", () => {
  it("names setups that are missing, gone, or tested by another kit", () => {
    const found = Table.outdated({ gone: run, known: run }, ["known", "new"])
    expect(found.join("\n")).toMatch(/lacks the setup new[\s\S]*has gone[\s\S]*known tested by another kit/)
  })

  it("accepts a setup by its count of cases", () => {
    const whole = { ...run, total: { passed: cases.length - 1, failed: 0, skipped: 1 } }
    expect(Table.outdated({ known: whole }, ["known"]).filter((line) => line.includes("another kit"))).toEqual([])
  })

  it("finds nothing in the committed files", () => {
    expect(Table.outdated(Capabilities.read(), names)).toEqual([])
  })
})
