import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import * as Coverage from "../src/cells/Coverage.ts"
import { keptCells } from "../src/cells/Kept.ts"
import type { History } from "../src/History.ts"
import { Generator, Oracle, Story, shrink, simulate } from "../src/index.ts"
import { stories } from "../src/Stories.ts"
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
    expect([...Coverage.all].filter((cell) => !reached.has(cell) && !(cell in kept))).toEqual([])
    expect([...reached.keys()].filter((cell) => !Coverage.all.has(cell))).toEqual([])
  })
})

describe("the simulation", () => {
  it.each(Generator.kinds)("gives one history for one story (%s)", async (kind) => {
    const story = Generator.storyOf(kind, 7)
    const [one, other] = [await simulate(story), await simulate(story)]
    expect(other).toEqual(one)
    expect(one.calls.length).toBeGreaterThan(20)
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
  const nothing: History = { calls: [], loads: [], changes: [], orphans: [], faults: [], leftFlights: 0 }
  const call = { id: 0, kind: "get-or-set", process: 0, key: "a", startedAt: 1_000 } as const
  const answer = (key: string, version: number) =>
    ({ value: { key, version, load: 0 }, meta: { cache: "HIT", age: 0, freshFor: 1 } }) as const

  const rules = (history: Partial<History>) => Oracle.judge(story, { ...nothing, ...history }).map(({ rule }) => rule)

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

  it("refuses a lease without a loader", () => {
    expect(rules({ orphans: [{ key: "a", process: 0, from: 0, until: 5_000 }] })).toEqual(["orphaned-lease"])
    expect(rules({ orphans: [{ key: "a", process: 0, from: 0, until: 500 }] })).toEqual([])
  })
})
