import { expect, it } from "vitest"
import { run } from "../src/Rig.ts"
import { resultOf } from "../src/report/Result.ts"
import type { Contender, Suite } from "../src/Suite.ts"
import { check } from "../src/work/Origin.ts"

const setting = { quick: true, redis: undefined }

const contender = (name: string, time: () => number, kind: Partial<Contender> = {}): Contender => ({
  name,
  packages: [],
  ...kind,
  open: async () => ({ sample: async () => ({ time: time() }), close: async () => {} })
})

const suite = (contenders: ReadonlyArray<Contender>): Suite => ({
  name: "made-up",
  title: "Made up",
  about: "",
  isolated: false,
  rounds: 4,
  metrics: [{ key: "time", title: "time", unit: "ns", ratio: true }],
  contenders,
  targets: [{ text: "twice as fast", met: ({ ratio }) => ratio("ours", "theirs", "time") <= 0.5 }],
  verdict: () => []
})

it("asks in turn, and nobody is always first", async () => {
  const asked: Array<string> = []
  const note = (name: string) => contender(name, () => asked.push(name))
  await run(suite([note("a"), note("b"), note("c")]), { setting, rounds: 3 })
  expect(asked.join("")).toBe("abcbcacab")
})

it("compares figures of the same round, so that a slow machine slows both", async () => {
  const load = [1, 10, 100, 1000]
  let ours = 0
  let theirs = 0
  const made = suite([
    contender("theirs", () => 20 * load[theirs++]!, { floor: true }),
    contender("ours", () => 10 * load[ours++]!, { ours: true })
  ])
  const { rows, targets } = resultOf(made, await run(made, { setting, rounds: 4 }), "")
  expect(rows[1]!.ratios["time"]).toEqual({ median: 0.5, low: 0.5, high: 0.5 })
  expect(targets[0]!.met).toBe(true)
})

it("has no row for a contender that answers wrongly, gives the reason, and goes on with the rest", async () => {
  const made = suite([
    contender("theirs", () => {
      check("something else", "key", "theirs")
      return 1
    }),
    contender("ours", () => 1)
  ])
  const outcome = await run(made, { setting, rounds: 2 })
  expect(outcome.rows.map(({ name, samples }) => [name, samples.length])).toEqual([["ours", 2]])
  expect(outcome.failures).toEqual([{ name: "theirs", error: expect.stringContaining("another value") }])
  // A target that cannot be judged is not met.
  expect(resultOf(made, outcome, "").targets[0]!.met).toBe(false)
})
