import { describe, expect, it } from "vitest"
import { summary } from "../run/Summary.ts"
import { tally } from "../run/VitestStep.ts"

const step = { name: "step", seconds: 1 }

describe("the summary of a test run", () => {
  it("ends with the totals alone on the last line", () => {
    const { ok, text } = summary([
      { ...step, passed: 2, failed: 0, skipped: 0 },
      { ...step, passed: 3, failed: 0, skipped: 0 }
    ])
    expect(text.split("\n").at(-1)).toBe("5 passed, 0 failed")
    expect(ok).toBe(true)
  })

  it("tells of what was skipped", () => {
    expect(summary([{ ...step, passed: 2, failed: 0, skipped: 1 }]).text).toMatch(/\n2 passed, 0 failed, 1 skipped$/)
  })

  it("fails if anything failed, and if nothing ran", () => {
    expect(summary([{ ...step, passed: 2, failed: 1, skipped: 0 }]).ok).toBe(false)
    expect(summary([{ ...step, passed: 0, failed: 0, skipped: 0 }]).ok).toBe(false)
    expect(summary([]).ok).toBe(false)
  })
})

describe("the count of a vitest report", () => {
  const report = { numPassedTests: 3, numFailedTests: 1, numPendingTests: 2, numTodoTests: 1, testResults: [] }

  it("is the report's own", () => {
    expect(tally(1, () => report)).toEqual({ passed: 3, failed: 1, skipped: 3 })
  })

  it("adds a failure for a file that did not load", () => {
    const testResults = [{ status: "failed", assertionResults: [] }]
    expect(tally(1, () => ({ ...report, testResults })).failed).toBe(2)
  })

  it("adds a failure for an error outside of any test", () => {
    expect(tally(1, () => ({ ...report, numFailedTests: 0 })).failed).toBe(1)
  })

  it("is a failure without a report", () => {
    const missing = () => {
      throw new Error("ENOENT")
    }
    expect(tally(0, missing)).toEqual({ passed: 0, failed: 1, skipped: 0 })
  })
})
