/** The messages that a call costs, as the README says. */
import { createCache } from "@cache-locking/core/promise"
import { afterEach, expect, it } from "vitest"
import { Cluster, ClusterAdapter } from "../src/index.ts"
import { type Pair, pair } from "./fixtures/Pair.ts"

afterEach(() => Cluster.bootstrap().close())

const worker = () => {
  const ends = pair()
  Cluster.bootstrap().serve(ends.primary)
  const adapter = ClusterAdapter.make({ port: ends.worker })
  // However slow the machine, no caller polls before the subscription is live.
  const cache = createCache<string>({ adapter, cacheTtl: "1 minute", waitStep: "5 seconds", waitMax: "20 seconds" })
  return { cache, ends }
}

/** The verbs that a worker called. */
const called = (ends: Pair): Array<string> =>
  ends.sent.worker.flatMap(({ items }) => items.filter((item: any) => item[0] === "call").map((item: any) => item[3]))

it("a miss is two calls for the leader and four for another worker, however many callers; a hit is one", async () => {
  const [one, two] = [worker(), worker()]
  const [begun, loaded] = [Promise.withResolvers<void>(), Promise.withResolvers<string>()]
  const leading = one.cache.getOrSet("k", () => {
    begun.resolve()
    return loaded.promise
  })
  await begun.promise
  const following = Array.from({ length: 100 }, () => two.cache.getOrSet("k", () => "other"))
  await expect.poll(() => called(two.ends)).toEqual(["acquire", "watch", "acquire"])
  loaded.resolve("value")
  expect(await Promise.all([leading, ...following])).toEqual(Array.from({ length: 101 }, () => "value"))
  expect(called(one.ends)).toEqual(["acquire", "fill"])
  expect(called(two.ends)).toEqual(["acquire", "watch", "acquire", "acquire"])
  await one.cache.getOrSet("k", () => "other")
  expect(called(one.ends).slice(2)).toEqual(["acquire"])
})

it("many keys are one message", async () => {
  const { cache, ends } = worker()
  const keys = Array.from({ length: 1_000 }, (_, i) => `k${i}`)
  await cache.getOrSetMany(keys, (missing) => missing.map((key) => [key, key] as const))
  const before = ends.sent.worker.length
  expect((await cache.getOrSetMany(keys, () => [])).size).toBe(1_000)
  expect(ends.sent.worker.length - before).toBe(1)
  expect(await cache.deleteMany(keys)).toBe(1_000)
  expect(ends.sent.worker.length - before).toBe(2)
})
