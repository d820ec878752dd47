import { Unavailable } from "@cache-locking/test-servers"
import { afterAll, describe, expect, it } from "vitest"
import { run } from "../src/Rig.ts"
import { resultOf } from "../src/report/Result.ts"
import { tableOf } from "../src/report/Table.ts"
import { Servers } from "../src/Servers.ts"
import type { Suite } from "../src/Suite.ts"
import { suites } from "../src/Suites.ts"

const servers = new Servers()
afterAll(() => servers[Symbol.asyncDispose]())

const found = await servers.redis()
const redis = found instanceof Unavailable ? undefined : found
if (found instanceof Unavailable) console.warn(`suites over Redis not run: ${found.reason}`)

/** The backends whose servers are started in no time; for a fleet, one will do. Of the other caches, two. */
const quick = (suite: Suite): Suite => {
  const chosen = suite.isolated ? ["Redis", "Memcached", "Postgres"] : ["Redis"]
  let others = 0
  return {
    ...suite,
    contenders: suite.contenders.filter(({ backend, floor, ours }) =>
      backend === undefined ? ours === true || floor === true || ++others <= 2 : chosen.includes(backend)
    )
  }
}

/** The counts that ours must have on any machine, however slow. */
const counts: Record<string, ReadonlyArray<string>> = {
  stampede: ["one load"],
  "redis-hit": ["one command"],
  "redis-miss": ["two commands"],
  "tagged-hit": ["at most one command more"],
  "tiered-hit": ["no command"],
  expiry: ["one load"],
  "cross-process": ["exactly one load", "at most 6 commands"],
  "leader-killed": ["two loads"],
  "cluster-worker": ["one message for a get"],
  "cluster-near": ["no message"],
  "backend-hit": ["one request"],
  "backend-miss": ["two requests"],
  "backend-stampede": ["exactly one load"]
}

describe.each(suites.map(quick))("$name", (all) => {
  // Every probe checks its contender's values and loads, and rejects: a contender that does not do its job has no row.
  it.skipIf(all.redis && redis === undefined)("every contender does its job and has sane figures", async () => {
    const { backends, notRun, suite } = await servers.outfit(all)
    for (const { name, reason } of notRun) console.warn(`${name} not run: ${reason}`)
    const outcome = await run(suite, { setting: { quick: true, redis, backends }, rounds: 1, inProcess: true })
    expect(outcome.failures).toEqual([])
    expect(outcome.rows.map(({ name }) => name)).toEqual(suite.contenders.map(({ name }) => name))
    for (const { name, samples } of outcome.rows) {
      for (const [metric, value] of samples.flatMap((sample) => Object.entries(sample))) {
        expect(value, `${metric} of ${name}`).toSatisfy(Number.isFinite)
      }
    }
    const result = resultOf(suite, outcome, "")
    expect(result.verdict.join()).not.toMatch(/NaN|undefined/)
    for (const words of counts[suite.name] ?? []) {
      const told = result.targets.filter(({ text }) => text.includes(words))
      expect(told.length).toBeGreaterThan(0)
      expect(told.filter(({ met }) => !met)).toEqual([])
    }
    const table = tableOf(suite, result)
    for (const row of table.rows) expect(row).toHaveLength(table.head.length)
  })
})

it("measures in a process of its own", async () => {
  const suite = suites.find(({ isolated, redis }) => isolated && !redis)!
  const two = { ...suite, contenders: suite.contenders.slice(0, 2) }
  const { failures, rows } = await run(two, { setting: { quick: true, redis: undefined }, rounds: 2 })
  expect(failures).toEqual([])
  expect(rows.map(({ samples }) => samples.length)).toEqual([2, 2])
})
