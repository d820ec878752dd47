import { describe, expect, it } from "vitest"
import { run } from "./support/Run.ts"

const store = ["--store", "cloudflare-kv"] as const

describe("over Cloudflare KV with leases in D1, in workerd", () => {
  it("4 × 250 callers make one origin call, and each process a few requests, however many callers it has", async () => {
    const outcome = await run("--check", ...store)
    const [recording] = outcome.recordings
    expect(outcome.findings.filter(({ ok }) => !ok)).toEqual([])
    expect(outcome.figures[0]).toMatchObject({ originCalls: 1, answered: 1000 })
    expect(recording!.processes).toHaveLength(4)
    for (const { commands } of recording!.processes) {
      expect(commands!.length).toBeGreaterThan(0)
      expect(commands!.length, commands!.join(" ")).toBeLessThanOrEqual(14)
    }
    const all = recording!.processes.flatMap(({ commands }) => commands!)
    expect(all.filter((command) => command === "POST /kv/put").length).toBe(1)
  })

  it("a killed leader is followed by one other", async () => {
    const outcome = await run("--check", ...store, "--kill", "--callers", "50", "--lease", "800ms")
    expect(outcome.findings.filter(({ ok }) => !ok)).toEqual([])
    expect(outcome.figures[0]).toMatchObject({ originCalls: 2, takeovers: 1, answered: 150, died: 50 })
  })
})
