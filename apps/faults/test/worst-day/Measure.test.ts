import { orUnavailable, Redis, Unavailable } from "@cache-locking/test-servers"
import { describe, expect, it } from "vitest"
import { faultsOf, measure, type Pace, type Row } from "../../src/worst-day/Measure.ts"
import type { Latencies } from "../../src/worst-day/Messages.ts"

const short: Pace = { calls: 20, every: 25, lasts: 2_000 }

const answered = ({ answers }: Latencies): number => Object.values(answers).reduce((sum, count) => sum + count, 0)

it("a Redis that refuses, and one that is silent: each call is answered, typed, and the cache is well again", async (context) => {
  const redis = await orUnavailable(Redis.start({ own: true }))
  if (redis instanceof Unavailable) return context.skip(redis.message)
  await redis.stop()
  const measured = await Promise.all([measure("redis", "refused", short), measure("redis", "silent", short)])
  const rows = measured.flatMap(({ rows }) => rows)
  expect(rows.map(({ condition, onAdapterError }) => [condition, onAdapterError])).toEqual([
    ["refused", "fail"],
    ["refused", "fetch"],
    ["silent", "fail"],
    ["silent", "fetch"]
  ])
  expect(rows.flatMap(faultsOf)).toEqual([])
  for (const row of rows) {
    expect([answered(row.new), answered(row.known)]).toEqual([short.calls, short.calls])
    expect(row.healed).not.toBeNull()
    expect(row.leases).not.toBeNull()
  }
})

describe("a fault of a row", () => {
  const latencies: Latencies = { first: 1, last: 1, slowest: 4_000, answers: { HIT: 100 } }
  const row: Row = {
    ...{ store: "redis", condition: "silent", onAdapterError: "fail", new: latencies, known: latencies },
    ...{ loads: 1_000, mostAtOnce: 50, told: {}, lines: 0, queued: 60_000, healed: 89_000, leases: 100 },
    ...{ unanswered: 0, untyped: [], unhandled: [] }
  }

  it("is none of the figures, however large", () => {
    expect(faultsOf(row)).toEqual([])
  })

  it("is a figure without a bound, an error without a type, a failure that nobody handled", () => {
    expect(faultsOf({ ...row, unanswered: 3 })).toEqual(["3 calls were not answered"])
    expect(faultsOf({ ...row, healed: null })).toEqual(["the cache was not well again"])
    expect(faultsOf({ ...row, untyped: ["Error: x"] })).toEqual(["an untyped error: Error: x"])
    expect(faultsOf({ ...row, unhandled: ["Error: y"] })).toEqual(["unhandled: Error: y"])
  })
})
