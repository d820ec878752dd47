import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { root } from "../run/Root.ts"
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

  it("names what failed above the totals", () => {
    const { text } = summary([{ ...step, passed: 2, failed: 1, skipped: 0, failures: ["a.test.ts > adds"] }])
    expect(text).toContain("✗ a.test.ts > adds\n")
    expect(text).toMatch(/\n2 passed, 1 failed$/)
  })

  it("fails if anything failed, and if nothing ran", () => {
    expect(summary([{ ...step, passed: 2, failed: 1, skipped: 0 }]).ok).toBe(false)
    expect(summary([{ ...step, passed: 0, failed: 0, skipped: 0 }]).ok).toBe(false)
    expect(summary([]).ok).toBe(false)
  })
})

describe("the count of a vitest report", () => {
  const test = (status: string) => ({ status, fullName: `it ${status}`, failureMessages: ["Error: 1 is not 2"] })
  const file = (status: string, assertionResults = [test("passed"), test(status)]) => ({
    name: join(root, "core/a.test.ts"),
    status,
    message: "Error: no such module",
    assertionResults
  })
  const report = { numPassedTests: 3, numPendingTests: 2, numTodoTests: 1, testResults: [file("passed")] }

  it("is the report's own", () => {
    expect(tally(0, () => report)).toEqual({ passed: 3, failed: 0, skipped: 3, failures: [] })
  })

  it("names what failed, and where", () => {
    expect(tally(1, () => ({ ...report, testResults: [file("failed")] }))).toEqual({
      passed: 3,
      failed: 1,
      skipped: 3,
      failures: ["core/a.test.ts > it failed\n    Error: 1 is not 2"]
    })
  })

  it("adds a failure for a file that did not load", () => {
    const testResults = [file("failed"), file("failed", [])]
    const { failed, failures } = tally(1, () => ({ ...report, testResults }))
    expect(failed).toBe(2)
    expect(failures?.[1]).toBe("core/a.test.ts\n    Error: no such module")
  })

  it("adds a failure for an error outside of any test", () => {
    expect(tally(1, () => report).failed).toBe(1)
  })

  it("is a failure without a report", () => {
    const missing = () => {
      throw new Error("ENOENT")
    }
    expect(tally(0, missing)).toMatchObject({ passed: 0, failed: 1, skipped: 0 })
  })
})
