import { bootstrap, createClusterCache } from "@cache-locking/cluster/promise"
import { afterEach, beforeEach, expect, it } from "vitest"
import { type Job, take } from "../src/Jobs.ts"

beforeEach(() => void bootstrap())
afterEach(() => bootstrap().close())

it("a job is done once, however often it is sent, and its answer is kept", async () => {
  const jobs = createClusterCache<Job>({ namespace: "jobs" })
  let works = 0
  const work = async () => `worked ${++works}`
  const taken = await Promise.all(Array.from({ length: 20 }, () => take(jobs, "17", work)))
  expect(taken.filter((each) => each === "done")).toHaveLength(1)
  expect(works).toBe(1)
  expect(await take(jobs, "17", work)).toBe("repeated")
  expect(await jobs.get("17")).toEqual({ state: "done", answer: "worked 1" })
})

it("a job that failed may be sent again, and so may one whose worker died", async () => {
  const jobs = createClusterCache<Job>({ namespace: "jobs" })
  const failing = () => Promise.reject(new Error("no paper"))
  await expect(take(jobs, "17", failing)).rejects.toThrow("no paper")
  expect(await take(jobs, "17", async () => "printed")).toBe("done")
  void take(jobs, "18", () => new Promise(() => {}))
  expect(await take(jobs, "18", async () => "printed")).toBe("repeated")
  expect(await jobs.getRemainingTTL("18")).toBeLessThanOrEqual(60_000)
})
