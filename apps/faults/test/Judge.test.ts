import { orUnavailable, Redis, Unavailable } from "@cache-locking/test-servers"
import { describe, expect, it } from "vitest"
import { type Call, empty, type History } from "../src/History.ts"
import { judge, type Rule } from "../src/Judge.ts"
import { run } from "../src/Run.ts"
import { type Plan, plan } from "../src/Schedule.ts"
import { told } from "../src/Told.ts"

const planned: Plan = {
  ...{ seed: 1, places: 2, commandTimeout: 1_000, keys: ["a", "b"], length: 10_000, clocks: [0, 0], events: [] },
  settings: {
    ...{ cacheTtl: 20_000, leaseTtl: 3_000, waitMax: 4_000, staleWhileRevalidate: 0, staleIfError: 0 },
    onAdapterError: "fail"
  }
}

const rules = (history: Partial<History>, plan = planned): ReadonlyArray<Rule> =>
  judge(plan, { ...empty(), ...history }).map(({ rule }) => rule)

const call = (more: Partial<Call> = {}): Call => ({
  ...{ id: 0, kind: "getOrSet", process: 1, key: "a", startedAt: 1_000, endedAt: 1_010 },
  ...{ value: { key: "a", version: 1, load: 1 }, meta: { cache: "HIT" } },
  ...more
})
const load = { id: 1, process: 2, key: "a", version: 1, startedAt: 100, endedAt: 200 } as const
const change = { id: 0, process: 2, key: "a", version: 2, by: "delete", startedAt: 900, endedAt: 950 } as const
const returned = { ...change, returnedAt: 950 }
const fault = { kind: "pause", what: "pause of process 1", process: 1, from: 900, until: 2_000 }

describe("the judge", () => {
  it("accepts a fresh answer", () => {
    expect(rules({ calls: [call()], loads: [load] })).toEqual([])
  })

  it("refuses the value of another key", () => {
    expect(rules({ calls: [call({ value: { key: "b", version: 1, load: 1 } })] })).toEqual(["other-key"])
  })

  it("refuses what a change that returned had voided, and only that", () => {
    const calls = [call()]
    expect(rules({ calls, loads: [load], changes: [returned] })).toEqual(["voided-value"])
    expect(rules({ calls, loads: [load], changes: [{ ...returned, returnedAt: 1_005 }] })).toEqual([])
    expect(rules({ calls, loads: [load], changes: [change] })).toEqual([])
    const get = call({ kind: "get" })
    delete get.meta
    expect(rules({ calls: [get], loads: [load], changes: [returned] })).toEqual(["voided-value"])
  })

  it("lets a caller join a load that its process cannot know to be void, and no longer", () => {
    const own = { ...load, process: 1, endedAt: 9_000 }
    const joined = (startedAt: number) => call({ startedAt, endedAt: 9_010, meta: { cache: "MISS-FOLLOWER-HIT" } })
    expect(rules({ calls: [joined(2_900)], loads: [own], changes: [returned] })).toEqual([])
    expect(rules({ calls: [joined(2_960)], loads: [own], changes: [returned] })).toEqual(["voided-value"])
    expect(rules({ calls: [joined(2_960)], loads: [own], changes: [returned], faults: [fault] })).toEqual([])
    const byItself = { ...returned, process: 1 }
    expect(rules({ calls: [joined(2_900)], loads: [own], changes: [byItself] })).toEqual(["voided-value"])
  })

  it("does not know when a set without an answer takes effect, until its faults are over", () => {
    const set = { ...change, by: "set", version: 2, startedAt: 100, endedAt: 200 } as const
    const hole = { ...fault, process: 2, from: 50, until: 1_000 }
    const later = (startedAt: number) => ({ ...returned, id: 1, version: 3, startedAt, returnedAt: startedAt + 10 })
    const calls = [call({ startedAt: 9_000, endedAt: 9_010, value: { key: "a", version: 2, load: 0 } })]
    expect(rules({ calls, changes: [set, later(4_000)], faults: [hole] })).toEqual([])
    expect(rules({ calls, changes: [set, later(5_100)], faults: [hole] })).toEqual(["voided-value"])
    expect(rules({ calls, changes: [{ ...set, returnedAt: 200 }, later(300)] })).toEqual(["voided-value"])
  })

  it("refuses a hit past the value's lifetime", () => {
    const calls = [call({ startedAt: 30_000, endedAt: 30_010 })]
    expect(rules({ calls, loads: [load] })).toEqual(["past-window"])
    expect(rules({ calls, loads: [load] }, { ...planned, clocks: [-2_000, 2_000] })).toEqual(["past-window"])
    const earlier = [call({ startedAt: 25_000, endedAt: 25_010 })]
    expect(rules({ calls: earlier, loads: [load] }, { ...planned, clocks: [-2_000, 2_000] })).toEqual([])
  })

  it("refuses two loads at once that are both cached, and not those of which one is told", () => {
    const other = { ...load, id: 2, process: 1, startedAt: 150, endedAt: 300 }
    const leader = call({ startedAt: 90, endedAt: 310, meta: { cache: "MISS-LEADER" } })
    const second = { ...leader, value: { key: "a", version: 1, load: 2 } }
    expect(rules({ calls: [leader, second], loads: [load, other] })).toEqual(["two-leaders"])
    const lost = { ...second, meta: { cache: "MISS-LEADER-NOCACHE", uncached: "lost" } } as const
    const beside = { ...second, meta: { cache: "MISS-FOLLOWER-FALLBACK", uncached: "bypassed" } } as const
    const marked = { ...second, meta: { cache: "MISS-LEADER-NOCACHE", uncached: "bypassed" } } as const
    for (const each of [lost, beside, marked])
      expect(rules({ calls: [leader, each], loads: [load, other] })).toEqual([])
    expect(rules({ calls: [leader, second], loads: [load, { ...other, startedAt: 250 }] })).toEqual([])
  })

  it("refuses a hit on a value that is not cached, as its loader was told", () => {
    const leader = call({ startedAt: 90, endedAt: 210, meta: { cache: "MISS-LEADER-NOCACHE", uncached: "lost" } })
    expect(rules({ calls: [leader, call()], loads: [load] })).toEqual(["untrue-meta"])
    const unsure = { ...fault, process: 2, from: 190, until: 205 }
    expect(rules({ calls: [leader, call()], loads: [load], faults: [unsure] })).toEqual([])
  })

  it("refuses an answer that comes too late in calm, or never", () => {
    expect(rules({ calls: [call({ endedAt: 12_000 })], loads: [load] })).toEqual(["late-answer"])
    const pause = { ...fault, from: 5_000, until: 6_000 }
    expect(rules({ calls: [call({ endedAt: 12_000 })], loads: [load], faults: [pause] })).toEqual([])
    const silent = call()
    delete silent.endedAt
    expect(rules({ calls: [silent], loads: [load] })).toEqual(["never-ends"])
    expect(rules({ calls: [silent], loads: [load], faults: [{ ...fault, kind: "kill" }] })).toEqual([])
  })

  it("refuses a follower that sleeps although the value is there", () => {
    const woken = (endedAt: number) => call({ startedAt: 150, endedAt, meta: { cache: "MISS-FOLLOWER-HIT" } })
    expect(rules({ calls: [woken(2_600)], loads: [load] })).toEqual([])
    expect(rules({ calls: [woken(2_800)], loads: [load] })).toEqual(["late-wake"])
  })

  it("refuses an error that has no reason", () => {
    const failed = (name: string): Call => {
      const { meta, value, ...rest } = call({ error: { name, message: "" } })
      return rest
    }
    expect(rules({ calls: [failed("OriginFailed")] })).toEqual([])
    expect(rules({ calls: [failed("TypeError")] })).toEqual(["bad-error"])
    expect(rules({ calls: [failed("CACHE_GET_FAILED")] })).toEqual(["needless-error"])
    expect(rules({ calls: [failed("CACHE_GET_FAILED")], faults: [fault] })).toEqual([])
    expect(rules({ calls: [failed("CACHE_GET_FAILED")], faults: [{ ...fault, process: 2 }] })).toEqual([
      "needless-error"
    ])
  })

  it("refuses what is left at the end", () => {
    const gone = { process: 1, at: 5_000, message: "" }
    expect(rules({ orphans: [{ key: "a", owner: "p1:x", at: 5_000 }] })).toEqual(["orphaned-lease"])
    expect(rules({ strays: [{ process: 1, keys: ["a"], at: 5_000 }] })).toEqual(["wrong-context"])
    expect(rules({ departures: [{ ...gone, how: "exited" }] })).toEqual(["bad-exit"])
    expect(rules({ departures: [{ ...gone, how: "stayed" }] })).toEqual(["left-behind"])
  })

  it("tells what happened to the key meanwhile", () => {
    const history = { ...empty(), calls: [call()], loads: [load], changes: [returned], faults: [fault] }
    expect(told(planned, history, judge(planned, history)[0]!).split("\n").slice(2)).toEqual([
      "     100.0 ms  process 2 load 1 reads version 1, ends at 200.0 ms",
      "     900.0 ms  process 2 delete for version 2 returns at 950.0 ms",
      "     900.0 ms  FAULT pause of process 1, until 2000.0 ms",
      "    1000.0 ms  process 1 getOrSet → version 1 of load 1 HIT at 1010.0 ms"
    ])
  })
})

describe("a schedule", () => {
  it("is the same for the same seed, and another for another", () => {
    const options = {
      ...{ seed: 7, places: 4, length: 10_000, pace: 50, leases: [1_000], commandTimeout: 1_000 },
      abilities: { place: ["kill", "pause"], server: ["server-pause"] }
    } as const
    expect(plan(options)).toEqual(plan(options))
    expect(plan({ ...options, seed: 8 })).not.toEqual(plan(options))
  })
})

/** Real processes over a real Redis, with an adapter that is wrong: the judge must say so. */
describe("an adapter that is wrong", async () => {
  const redis = await orUnavailable(Redis.start({ own: true }))
  if (redis instanceof Unavailable) return it.skip(redis.message)
  await redis.stop()

  /** A round is short, and not in each do processes meet so that the fault shows. */
  const found = async (name: string, rules: ReadonlyArray<Rule>): Promise<ReadonlyArray<Rule>> => {
    const { href: wrapper } = new URL(`./support/Wrapped.ts?${encodeURIComponent(name)}`, import.meta.url)
    for (let seed = 3; seed < 9; seed++) {
      const { violations } = await run({ backend: "redis", seed, processes: 3, time: 1, length: 4_000, wrapper })
      const seen = [...violations.keys()].filter((rule) => rules.includes(rule))
      if (seen.length > 0) return seen
    }
    return []
  }

  it.each([
    ["answers a delete without doing it", ["voided-value"]],
    // How real processes meet decides which of the two is seen.
    ["ignores the token in fill", ["two-leaders", "voided-value"]],
    ["lets followers lead", ["two-leaders", "voided-value"]],
    ["takes one key for another", ["other-key"]],
    ["keeps nothing, and no lease ends", ["orphaned-lease"]],
    ["throws where nobody can catch it", ["bad-exit"]]
  ] as const)("%s: %j", async (name, rules) => {
    expect(await found(name, rules)).not.toEqual([])
  })
})
