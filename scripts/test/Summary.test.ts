import { describe, expect, it } from "vitest"
import { summary } from "../run/Summary.ts"

const step = { name: "step", seconds: 1, failures: [] }

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

  it("tells how long each step took", () => {
    const { text } = summary([{ ...step, seconds: 61.25, passed: 2, failed: 0, skipped: 0 }])
    expect(text).toMatch(/✓ step .* 2 passed, 0 failed .* 61\.3 s\n/)
  })

  it("fails if anything failed, and if nothing ran", () => {
    expect(summary([{ ...step, passed: 2, failed: 1, skipped: 0 }]).ok).toBe(false)
    expect(summary([{ ...step, passed: 0, failed: 0, skipped: 0 }]).ok).toBe(false)
    expect(summary([]).ok).toBe(false)
  })
})
