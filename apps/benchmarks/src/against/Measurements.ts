/**
 * What a comparison with an older commit measures. Only names that have long been public are used here, for the same
 * code runs over the packages of both commits.
 */
import { CacheLocking, CacheLockingFiber } from "../peers/CacheLocking.ts"
import * as FiberHit from "../probes/FiberHit.ts"
import * as HotKey from "../probes/HotKey.ts"
import * as PromiseHit from "../probes/PromiseHit.ts"
import * as RedisHit from "../probes/RedisHit.ts"
import * as Stampede from "../probes/Stampede.ts"
import type { Metric, Probe, Setting } from "../Suite.ts"

export interface Measurement {
  readonly name: string
  /** A row of the table each. */
  readonly metrics: ReadonlyArray<Metric>
  readonly redis?: boolean
  readonly open: (setting: Setting) => Promise<Probe>
}

const time = (title: string): ReadonlyArray<Metric> => [{ key: "time", title, unit: "ns" }]

const crowd = (who: string): ReadonlyArray<Metric> => [
  { key: "beyond", title: `1,000 ${who} on a cold key, beyond the load`, unit: "ms", digits: 3 },
  { key: "bytes", title: `bytes per waiting ${who === "fibers" ? "fiber" : "caller"}`, unit: "bytes" }
]

export const measurements: ReadonlyArray<Measurement> = [
  {
    name: "promise-hit",
    metrics: time("hit in memory through a promise, TTL"),
    open: (setting) => PromiseHit.one(PromiseHit.hour)(CacheLocking, setting, "cache-locking")
  },
  {
    name: "fiber-hit",
    metrics: time("hit in memory inside a fiber, TTL"),
    open: (setting) => FiberHit.one(PromiseHit.hour)(CacheLockingFiber, setting, "cache-locking")
  },
  {
    name: "hot-key",
    metrics: time("hot key among 100,000"),
    open: (setting) => HotKey.among(HotKey.overPromises)(CacheLocking, setting, "cache-locking")
  },
  {
    name: "concurrent-hit",
    metrics: time("hit in memory, 1,000 at once"),
    open: (setting) => PromiseHit.many(PromiseHit.hour)(CacheLocking, setting, "cache-locking")
  },
  {
    name: "stampede",
    metrics: crowd("callers"),
    open: (setting) => Stampede.openWithoutTimer(Stampede.overPromises)(CacheLocking, setting, "cache-locking")
  },
  {
    name: "fiber-stampede",
    metrics: crowd("fibers"),
    open: (setting) => Stampede.openWithoutTimer(Stampede.overEffects)(CacheLockingFiber, setting, "cache-locking")
  },
  {
    name: "redis-hit",
    metrics: time("hit in Redis, 50 at a time"),
    redis: true,
    open: async ({ quick, redis }) =>
      RedisHit.again(
        await RedisHit.warm(RedisHit.overPromises("redis"), CacheLocking, redis!, "cache-locking"),
        "cache-locking",
        { quick, batch: 100 }
      )
  }
]
