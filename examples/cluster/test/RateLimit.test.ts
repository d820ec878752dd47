import { bootstrap, createClusterCache } from "@cache-locking/cluster/promise"
import { afterEach, beforeEach, expect, it } from "vitest"
import { fixedWindow, slidingWindow } from "../src/RateLimit.ts"

beforeEach(() => void bootstrap())
afterEach(() => bootstrap().close())

const limit = { most: 10, window: 60_000 }
const noon = 60_000 * 29_000_000

/** The number of requests that pass. */
const passes = async (count: number, request: () => Promise<boolean>) =>
  (await Promise.all(Array.from({ length: count }, request))).filter(Boolean).length

it("fixed windows: the limit holds in each, for each caller", async () => {
  const counters = createClusterCache<number>({ namespace: "limits" })
  expect(await passes(30, () => fixedWindow(counters, "ada", limit, noon))).toBe(10)
  expect(await passes(5, () => fixedWindow(counters, "ada", limit, noon + 59_999))).toBe(0)
  expect(await passes(30, () => fixedWindow(counters, "ben", limit, noon))).toBe(10)
  expect(await passes(30, () => fixedWindow(counters, "ada", limit, noon + 60_000))).toBe(10)
  // The counter expires with its window.
  expect(await counters.getRemainingTTL(`fixed:ada:${noon / 60_000}`)).toBeLessThanOrEqual(60_000)
})

it("sliding windows: a burst at a border does not exceed the limit, and earlier requests count less and less", async () => {
  const counters = createClusterCache<number>({ namespace: "limits" })
  expect(await passes(30, () => slidingWindow(counters, "ada", limit, noon + 59_000))).toBe(10)
  expect(await passes(30, () => slidingWindow(counters, "ada", limit, noon + 60_000))).toBe(0)
  // Half of the previous window still counts: 5 of its 10.
  expect(await passes(30, () => slidingWindow(counters, "ada", limit, noon + 90_000))).toBe(5)
  expect(await passes(30, () => slidingWindow(counters, "ada", limit, noon + 180_000))).toBe(10)
})
