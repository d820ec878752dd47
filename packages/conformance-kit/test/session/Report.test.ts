import { describe, expect, it } from "vitest"
import * as Report from "../../src/session/Report.ts"
import { failed, passed, skipped, Violation } from "../../src/world/Verdict.ts"
import { claims, limits } from "../fixtures/EntryAdapter.ts"

const { hitUnsafe: _, ...facts } = claims

const report: Report.Report = {
  name: "test",
  adapter: "entry",
  limits,
  facts: { ...facts, hitUnsafe: true, clock: "store" },
  seed: 5,
  cases: [
    { law: "1", name: "one", verdict: passed, millis: 1 },
    { law: "1", name: "two", verdict: failed(new Violation("two leaders")), millis: 1 },
    { law: "8", name: "three", verdict: skipped("claimed to have no watch"), millis: 0 }
  ]
}

describe("Report", () => {
  it("counts by law", () => {
    expect(Report.byLaw(report)).toEqual([
      { law: "1", passed: 1, failed: 1, skipped: 0 },
      { law: "8", passed: 0, failed: 0, skipped: 1 }
    ])
    expect(Report.conforms(report)).toBe(false)
  })

  it("reads well", () => {
    expect(Report.format(report)).toBe(
      [
        "test: 1 passed, 1 failed, 1 skipped (CACHE_LOCKING_SEED=5)",
        "  FAILED  law 1: two",
        "          two leaders",
        "  skipped law 8: three",
        "          claimed to have no watch"
      ].join("\n")
    )
  })
})
