import { orUnavailable, Redis, Unavailable } from "@cache-locking/test-servers"
import { expect, it } from "vitest"
import { runWorkers } from "../src/Workers.ts"

const sum = (numbers: ReadonlyArray<number>) => numbers.reduce((a, b) => a + b, 0)

it("four workers keep one limit, do one job, visit their sessions, and ask the origin once", async (context) => {
  const redis = await orUnavailable(Redis.start())
  const url = redis instanceof Unavailable ? undefined : redis.url
  try {
    const reports = await runWorkers(4, url === undefined ? {} : { REDIS_URL: url })
    expect(sum(reports.map(({ passed }) => passed.fixed))).toBe(10)
    expect(sum(reports.map(({ passed }) => passed.sliding))).toBe(10)
    expect(sum(reports.map(({ worked }) => worked))).toBe(1)
    expect(new Set(reports.map(({ visited }) => visited)).size).toBe(4)
    if (redis instanceof Unavailable) context.skip(`the far tier: ${redis.message}`)
    expect(sum(reports.map(({ origins }) => origins))).toBe(1)
  } finally {
    if (!(redis instanceof Unavailable)) await redis.stop()
  }
})
