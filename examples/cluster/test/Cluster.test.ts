import { orUnavailable, Redis, Unavailable } from "@cache-locking/test-servers"
import { expect, it } from "vitest"
import { runWorkers } from "../src/Workers.ts"

const sum = (numbers: ReadonlyArray<number>) => numbers.reduce((a, b) => a + b, 0)

it("four workers keep one limit, do one job, visit their sessions, and ask the origin once", async (context) => {
  const redis = await orUnavailable(Redis.start())
  const url = redis instanceof Unavailable ? undefined : redis.url
  try {
    const told = await runWorkers(4, url === undefined ? {} : { REDIS_URL: url })
    expect(sum(told.map(({ passed }) => passed.fixed))).toBe(10)
    expect(sum(told.map(({ passed }) => passed.sliding))).toBe(10)
    expect(sum(told.map(({ worked }) => worked))).toBe(1)
    expect(new Set(told.map(({ visited }) => visited)).size).toBe(4)
    if (redis instanceof Unavailable) context.skip(`the tier behind: ${redis.message}`)
    expect(sum(told.map(({ origins }) => origins))).toBe(1)
  } finally {
    if (!(redis instanceof Unavailable)) await redis.stop()
  }
})
