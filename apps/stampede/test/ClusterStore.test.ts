import { describe, expect, it } from "vitest"
import { chronicle } from "../src/recording/Chronicle.ts"
import { leases } from "../src/recording/Recording.ts"
import { run } from "./support/Run.ts"

describe("over the primary of a cluster", () => {
  it("4 × 250 callers make one origin call, and at most 6 commands from each process", async () => {
    const outcome = await run("--check", "--store", "cluster")
    const [recording] = outcome.recordings
    expect(outcome.findings.filter(({ ok }) => !ok)).toEqual([])
    expect(outcome.figures[0]).toMatchObject({ originCalls: 1, answered: 1000 })
    expect(recording!.processes).toHaveLength(4)
    const sent = recording!.processes.map(({ commands }) => commands!)
    expect(sent.filter((commands) => commands.includes("fill"))).toHaveLength(1)
    for (const commands of sent) {
      expect(commands.length).toBeGreaterThan(0)
      expect(commands.length, commands.join(" ")).toBeLessThanOrEqual(6)
    }
  })

  it("a killed leader is followed by one other, long before its lease would have ended", async () => {
    const lease = 30_000
    const outcome = await run("--check", "--store", "cluster", "--kill", "--callers", "50", "--lease", `${lease}ms`)
    const [recording] = outcome.recordings
    expect(outcome.findings.filter(({ ok }) => !ok)).toEqual([])
    expect(outcome.figures[0]).toMatchObject({ originCalls: 2, takeovers: 1, answered: 150, died: 50 })
    const [first, second, ...more] = leases(recording!)
    expect(more).toEqual([])
    expect(first).toMatchObject({ ended: "expired", freed: true })
    expect(second).toMatchObject({ ended: "filled", takesOver: first })
    expect(second!.from).toBeLessThan(first!.from + lease)
    const freed = `The store frees the lease of process ${first!.process + 1}.`
    expect(chronicle(recording!).map(({ text }) => text)).toContain(freed)
  })

  it("warm hits of a near tier cost no command, and a change reaches every process", async () => {
    const outcome = await run("--check", "--store", "cluster", "--scenario", "tiers", "--callers", "50")
    expect(outcome.findings.filter(({ ok }) => !ok)).toEqual([])
    expect(outcome.figures[0]).toMatchObject({ originCalls: 0, commandsBefore: 0, answered: 200 })
  })

  it("says what it runs on", async () => {
    const { store } = await run("--check", "--store", "cluster", "--callers", "1", "--load", "10ms")
    expect(store).toBe("the primary of the cluster, in the parent process")
  })
})
