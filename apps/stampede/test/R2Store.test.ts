import { describe, expect, it } from "vitest"
import { run } from "./support/Run.ts"

const store = ["--store", "r2"] as const

describe("over Cloudflare R2, in workerd", () => {
  it("4 × 250 callers make one origin call, and each process a few requests, however many callers it has", async () => {
    const outcome = await run("--check", ...store)
    const [recording] = outcome.recordings
    expect(outcome.findings.filter(({ ok }) => !ok)).toEqual([])
    expect(outcome.figures[0]).toMatchObject({ originCalls: 1, answered: 1000 })
    expect(recording!.processes).toHaveLength(4)
    for (const { commands } of recording!.processes) {
      expect(commands!.length).toBeGreaterThan(0)
      // Nobody pushes: those who follow ask again, with growing pauses, while the load lasts.
      expect(commands!.length, commands!.join(" ")).toBeLessThanOrEqual(12)
    }
  })

  it("a killed leader is followed by one other", async () => {
    const outcome = await run("--check", ...store, "--kill", "--callers", "50", "--lease", "800ms")
    expect(outcome.findings.filter(({ ok }) => !ok)).toEqual([])
    expect(outcome.figures[0]).toMatchObject({ originCalls: 2, takeovers: 1, answered: 150, died: 50 })
  })

  it("says what it runs on", async () => {
    const { store: title } = await run("--check", ...store, "--callers", "1", "--load", "10ms")
    expect(title).toMatch(/^Cloudflare R2/)
  })
})
