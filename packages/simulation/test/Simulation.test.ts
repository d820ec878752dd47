import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import * as Coverage from "../src/cells/Coverage.ts"
import { keptCells } from "../src/cells/Kept.ts"
import { Generator, Oracle, Story, shrink, simulate } from "../src/index.ts"
import type { History } from "../src/story/History.ts"
import { stories } from "../src/story/Stories.ts"
import { firstSeed } from "./Seed.ts"

const rulesOf = async (story: Story.Story): Promise<ReadonlyArray<string>> =>
  Oracle.judge(story, await simulate(story)).map(({ rule }) => rule)

describe("kept stories", () => {
  it.each(stories)("$name: mended, and stays so", async ({ story }) => {
    expect(await rulesOf(story)).toEqual([])
  })
})

describe("histories", () => {
  /** Shared out over the kinds. */
  const histories = 10_000
  const reached = Coverage.begin()

  /** Milliseconds. Its length is a matter of work, and a busy machine does a tenth of it. */
  const limit = 1_800_000

  it(
    `${histories} break no rule`,
    async () => {
      for (let n = 0; n < histories; n++) {
        const seed = firstSeed + n
        const story = Generator.storyOf(Generator.kinds[n % Generator.kinds.length]!, seed)
        const violations = Oracle.judge(story, await simulate(story))
        expect({ seed, violations }).toEqual({ seed, violations: [] })
      }
    },
    limit
  )

  it("reach each cell of the tables that has no story of its own, and no other", () => {
    const kept = JSON.parse(readFileSync(keptCells, "utf8")) as object
    const { cells } = reached
    expect([...Coverage.all].filter((cell) => !cells.has(cell) && !(cell in kept))).toEqual([])
    expect([...cells.keys()].filter((cell) => !Coverage.all.has(cell))).toEqual([])
  })
})

describe("the simulation", () => {
  it.each(Generator.kinds)("gives one history for one story (%s)", async (kind) => {
    const story = Generator.storyOf(kind, 7)
    const [one, other] = [await simulate(story), await simulate(story)]
    expect(other).toEqual(one)
    expect(one.calls.length + one.changes.length).toBeGreaterThan(20)
  })

  it("shrinks a story to the events that matter", async () => {
    const { story } = stories.find(({ name }) => name.startsWith("the store refuses a fill"))!
    const uncached = async (each: Story.Story) =>
      (await simulate(each)).calls.some(({ answer }) => answer?.meta.uncached === "set-failed")
    const noise: ReadonlyArray<Story.Event> = Array.from({ length: 12 }, (_, n) => ({
      at: 5_000 + n * 50,
      do: "get-or-set",
      process: 1,
      key: "b",
      takes: 5
    }))
    const long = { ...story, events: [...noise, ...story.events] }
    const short = await shrink(long, uncached)
    expect(short.events).toEqual(story.events)
    expect(Story.told(short)).toContain("the store refuses everybody for 300 ms")
  })
})

describe("the oracle", () => {
  const story: Story.Story = {
    store: "push",
    processes: 1,
    delay: 1,
    slower: {},
    commandTimeout: 1_000,
    settings: Story.defaults,
    events: []
  }
  const nothing: History = {
    calls: [],
    loads: [],
    changes: [],
    orphans: [],
    kept: [],
    explained: [],
    counts: [],
    faults: [],
    leftFlights: 0
  }
  const call = { id: 0, kind: "get-or-set", process: 0, key: "a", startedAt: 1_000 } as const
  const answer = (key: string, version: number) =>
    ({ value: { key, version, load: 0 }, meta: { cache: "HIT", age: 400, freshFor: 1 } }) as const
  const kept = [
    { key: "a", version: 1, load: 0, at: 600 },
    { key: "b", version: 1, load: 0, at: 600 }
  ]

  const rules = (history: Partial<History>) =>
    Oracle.judge(story, { ...nothing, kept, ...history }).map(({ rule }) => rule)

  it("accepts a fresh answer", () => {
    expect(rules({ calls: [{ ...call, endedAt: 1_010, answer: answer("a", 1) }] })).toEqual([])
  })

  it("refuses the value of another key", () => {
    expect(rules({ calls: [{ ...call, endedAt: 1_010, answer: answer("b", 1) }] })).toEqual(["other-key"])
  })

  it("refuses what an invalidation that returned had voided", () => {
    const change = { process: 0, key: "a", version: 2, by: "delete", startedAt: 700, returnedAt: 750 } as const
    expect(rules({ changes: [change], calls: [{ ...call, endedAt: 1_010, answer: answer("a", 1) }] })).toEqual([
      "voided-value"
    ])
    // A question that the process had asked before is shared.
    const later = { ...change, returnedAt: 980 }
    expect(rules({ changes: [later], calls: [{ ...call, endedAt: 1_010, answer: answer("a", 1) }] })).toEqual([])
  })

  it("refuses an answer that comes too late, or never", () => {
    expect(rules({ calls: [{ ...call, endedAt: 60_000, answer: answer("a", 1) }] })).toEqual(["late-answer"])
    expect(rules({ calls: [call] })).toEqual(["never-ends"])
  })

  it("refuses a value that the store never had, and an age that it does not have", () => {
    const hit = { ...call, endedAt: 1_010, answer: answer("a", 1) }
    expect(rules({ kept: [], calls: [hit] })).toContain("false-meta")
    expect(rules({ kept: [{ key: "a", version: 1, load: 0, at: 0 }], calls: [hit] })).toContain("false-meta")
  })

  it("refuses a load of another that is told as the call's own, and one that is not told to be uncached", () => {
    const load = { process: 0, key: "a", version: 1, startedAt: 1_000, endedAt: 1_005, end: "value" } as const
    const led = (id: number) => ({ value: { key: "a", version: 1, load: id }, meta: { cache: "MISS-LEADER" } }) as const
    const [own, others] = [
      { ...load, id: 1, call: 0 },
      { ...load, id: 2, call: 7 }
    ]
    const at = { key: "a", version: 1, at: 1_006 }
    const calls = (id: number) => [{ ...call, endedAt: 1_010, answer: led(id) }]
    expect(rules({ calls: calls(1), loads: [own], kept: [{ ...at, load: 1 }] })).toEqual([])
    expect(rules({ calls: calls(2), loads: [others], kept: [{ ...at, load: 2 }] })).toEqual(["false-meta"])
    expect(rules({ calls: calls(1), loads: [own], kept: [] })).toEqual(["false-meta"])
  })

  it("refuses a count of what did not happen", () => {
    const counts = {
      process: 0,
      hits: 1,
      misses: 0,
      loads: 0,
      loadFailures: 0,
      stampedePrevented: 0,
      staleServed: 0,
      fallbacks: 0,
      unavailable: 0,
      leaseLost: 0,
      sets: 0,
      deletes: 0
    }
    const calls = [{ ...call, endedAt: 1_010, answer: answer("a", 1) }]
    expect(rules({ calls, counts: [counts] })).toEqual([])
    expect(rules({ calls, counts: [{ ...counts, hits: 2 }] })).toEqual(["miscounted"])
    expect(rules({ calls, counts: [{ ...counts, loads: 1 }] })).toEqual(["miscounted"])
  })

  it("refuses a load for which nobody waits, and a caller who leaves and is not let go", () => {
    const load = { id: 1, process: 0, key: "a", call: 0, version: 1, startedAt: 1_000, endedAt: 3_000 } as const
    const left = { ...call, leavesAt: 1_100, endedAt: 1_100, error: "CALLER_LEFT" }
    expect(rules({ calls: [left], loads: [{ ...load, endedAt: 1_100, end: "cut" }] })).toEqual([])
    expect(rules({ calls: [left], loads: [{ ...load, end: "value" }] })).toEqual(["load-for-nobody"])
    expect(rules({ calls: [{ ...left, endedAt: 2_000 }] })).toEqual(["late-answer"])
  })

  it("refuses a lease without a loader", () => {
    expect(rules({ orphans: [{ key: "a", process: 0, from: 0, until: 5_000 }] })).toEqual(["orphaned-lease"])
    expect(rules({ orphans: [{ key: "a", process: 0, from: 0, until: 500 }] })).toEqual([])
  })
})
