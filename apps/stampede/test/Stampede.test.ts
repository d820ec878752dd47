import { describe, expect, it } from "vitest"
import { json } from "../src/cli/Json.ts"
import { leases } from "../src/recording/Recording.ts"
import { run } from "./support/Run.ts"

const calls = ({ figures }: Awaited<ReturnType<typeof run>>) => figures.map(({ originCalls }) => originCalls)

describe("a cold key, over the embedded store", () => {
  it("is loaded once for each key by all processes together", async () => {
    const outcome = await run("--processes", "4", "--callers", "50", "--keys", "3", "--load", "150ms")
    const [, , cached] = outcome.figures
    expect(outcome.findings.filter(({ ok }) => !ok)).toEqual([])
    expect(calls(outcome)).toEqual([200, 12, 3])
    expect(cached).toMatchObject({ answered: 200, failed: 0, died: 0, unanswered: 0, outdatedKeys: 0 })
    for (const key of outcome.settings.keys) {
      expect(outcome.recordings[2]!.loads.filter((load) => load.key === key)).toHaveLength(1)
    }
    // For each key: acquire, watch, acquire, unwatch, acquire. The number of callers does not matter.
    expect(cached!.storeCommands!.most).toBeLessThanOrEqual(3 * 6)
  })

  it("is loaded once by a single process with a single caller", async () => {
    const outcome = await run("--check", "--processes", "1", "--callers", "1", "--load", "20ms")
    expect(calls(outcome)).toEqual([1])
    expect(outcome.kept).toBe(true)
  })

  it("is loaded once when callers come one after the other", async () => {
    const outcome = await run("--check", "--callers", "20", "--spread", "150ms", "--load", "50ms")
    expect(calls(outcome)).toEqual([1])
    expect(outcome.kept).toBe(true)
  })

  it("is loaded by an origin that serves one call at a time", async () => {
    // Longer than a busy machine needs to begin the callers of both processes.
    const outcome = await run("--processes", "2", "--callers", "5", "--load", "200ms", "--capacity", "1")
    expect(calls(outcome)).toEqual([10, 2, 1])
    const ends = outcome.recordings[0]!.loads.map(({ end }) => end!).sort((a, b) => a - b)
    // A timer may be a millisecond early.
    for (const [i, end] of ends.entries()) if (i > 0) expect(end - ends[i - 1]!).toBeGreaterThan(198)
  })
})

describe("with --kill", () => {
  it("one process takes over, once, when the lease ends: two origin calls in all", async () => {
    const outcome = await run("--check", "--kill", "--callers", "50", "--load", "200ms", "--lease", "800ms")
    const [recording] = outcome.recordings
    const [figures] = outcome.figures
    expect(outcome.findings.filter(({ ok }) => !ok)).toEqual([])
    expect(figures).toMatchObject({ originCalls: 2, takeovers: 1, answered: 150, died: 50, unanswered: 0 })
    const [first, second, ...more] = leases(recording!)
    expect(more).toEqual([])
    expect(first).toMatchObject({ ended: "expired" })
    expect(second).toMatchObject({ ended: "filled", takesOver: first })
    // Not before: nobody knows that the holder of the lease was killed.
    expect(second!.from).toBeGreaterThanOrEqual(first!.until - 2)
    expect(recording!.processes.filter(({ killedAt }) => killedAt !== undefined).map(({ index }) => index)).toEqual([
      first!.process
    ])
  })
})

describe("the other scenarios", () => {
  it("expiry: no caller waits, one load, and the new value is cached afterwards", async () => {
    const outcome = await run("--check", "--scenario", "expiry", "--callers", "50")
    expect(outcome.findings.filter(({ ok }) => !ok)).toEqual([])
    expect(outcome.figures[0]).toMatchObject({ originCalls: 1, stale: 200, outdatedKeys: 0 })
  })

  it("early: one load before the expiry, for which no caller waits, where the other contenders wait at it", async () => {
    const outcome = await run("--scenario", "early", "--callers", "50", "--load", "150ms")
    const [naive, single, cached] = outcome.figures
    expect(outcome.findings.filter(({ ok }) => !ok)).toEqual([])
    expect(naive!.originCalls).toBeGreaterThan(1)
    expect(single!.originCalls).toBeGreaterThan(1)
    expect(cached).toMatchObject({ originCalls: 1, answered: 200, unanswered: 0, outdatedKeys: 0 })
    const hows = outcome.recordings[2]!.processes.flatMap(({ callers }) => callers.map(({ how }) => how))
    expect(new Set(hows)).toEqual(new Set(["hit"]))
  })

  it("early: few callers of several keys refresh early, too", async () => {
    const outcome = await run("--check", "--scenario", "early", "--callers", "4", "--keys", "2", "--load", "50ms")
    expect(outcome.findings.filter(({ ok }) => !ok)).toEqual([])
    expect(calls(outcome)).toEqual([2])
  })

  it("tiers: a warm hit costs no command near, and one without; a change reaches every process", async () => {
    const outcome = await run("--scenario", "tiers", "--callers", "50")
    const [naive, , cached] = outcome.figures
    expect(outcome.findings.filter(({ ok }) => !ok)).toEqual([])
    expect(calls(outcome)).toEqual([0, 0, 0])
    // Each of 200 callers asked, and one process set the value.
    expect(naive!.storeCommands!.total).toBe(201)
    expect(naive!.commandsBefore).toBeGreaterThan(0)
    expect(cached).toMatchObject({ commandsBefore: 0, answered: 200, outdatedKeys: 0 })
    // One process sets it, and each asks for it again, twice if the change is reported meanwhile.
    expect(cached!.storeCommands!.total).toBeLessThanOrEqual(3 * 4)
    for (const { callers } of outcome.recordings[2]!.processes) expect(callers.at(-1)).toMatchObject({ version: 2 })
  })

  it("failing: one call per cooldown, and everyone gets the fetcher's own error", async () => {
    const outcome = await run(
      "--check",
      "--scenario",
      "failing",
      "--callers",
      "51",
      "--load",
      "100ms",
      "--cooldown",
      "1s"
    )
    expect(outcome.findings.filter(({ ok }) => !ok)).toEqual([])
    expect(outcome.figures[0]).toMatchObject({ answered: 0, failed: 204, unanswered: 0 })
    const errors = outcome.recordings[0]!.processes.flatMap(({ callers }) => callers.map(({ error }) => error))
    expect(new Set(errors)).toEqual(new Set(["OriginDown"]))
    // The waves come at once, during the cooldown and after it. A slow machine may tear the last one apart.
    expect(outcome.figures[0]!.originCalls).toBeGreaterThanOrEqual(2)
    expect(outcome.figures[0]!.originCalls).toBeLessThanOrEqual(3)
  })

  it("delete: the late fill is refused, where the other contenders let the deleted value come back", async () => {
    const outcome = await run("--scenario", "delete", "--callers", "20", "--load", "800ms")
    const [naive, single, cached] = outcome.figures
    expect(outcome.findings.filter(({ ok }) => !ok)).toEqual([])
    expect(naive!.outdatedKeys).toBe(1)
    expect(single!.outdatedKeys).toBe(1)
    expect(cached).toMatchObject({ originCalls: 2, refusedFills: 1, outdatedKeys: 0, answered: 80 })
  })
})

describe("the outcome", () => {
  it("is printed as JSON for machines", async () => {
    const outcome = await run("--check", "--callers", "5", "--load", "20ms")
    const document = JSON.parse(json(outcome))
    expect(document).toMatchObject({ kept: true, settings: { callers: 5, capacity: null }, store: expect.any(String) })
    expect(document.runs).toHaveLength(1)
    expect(document.runs[0]).toMatchObject({ contender: "cache-locking", originCalls: 1, answered: 20 })
    expect(document.runs[0].processes).toHaveLength(4)
    expect(document.runs[0].events[0]).toMatchObject({ at: 0 })
  })
})
