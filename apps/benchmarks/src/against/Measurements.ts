/**
 * The measurements of a comparison with an older commit. The same code runs over the packages of both commits, so it
 * uses only names that have long been public. Judged times are those in which the measuring thread ran on a core,
 * because other work on the machine lengthens the clock's times, of one side more than of the other.
 */
import { CacheLocking, CacheLockingFiber } from "../peers/CacheLocking.ts"
import * as FiberHit from "../probes/FiberHit.ts"
import * as HotKey from "../probes/HotKey.ts"
import * as PromiseHit from "../probes/PromiseHit.ts"
import * as RedisHit from "../probes/RedisHit.ts"
import * as Stampede from "../probes/Stampede.ts"
import type { Metric, Probe, Setting } from "../Suite.ts"

/** A row of the table. */
export interface Figure extends Metric {
  /** True for a figure that supplements another, and that a loaded machine changes too much to be judged. */
  readonly unjudged?: boolean
}

export interface Measurement {
  readonly name: string
  readonly figures: ReadonlyArray<Figure>
  readonly redis?: boolean
  /** The number of samples of a process, of which its figures are the median. */
  readonly samples: number
  readonly open: (setting: Setting) => Promise<Probe>
}

const who = "cache-locking"
const hour = PromiseHit.hour

const cpu = (title: string): Figure => ({ key: "cpu", title, unit: "ns" })

const crowd = (callers: string): ReadonlyArray<Figure> => [
  { key: "cpu", title: `1,000 ${callers} on a cold key, beyond the load`, unit: "ms", digits: 3 },
  { key: "beyond", title: "  the same by the clock", unit: "ms", digits: 3, unjudged: true },
  { key: "bytes", title: `bytes per waiter, of 1,000 ${callers}`, unit: "bytes" }
]

export const measurements: ReadonlyArray<Measurement> = [
  {
    name: "promise-hit",
    figures: [cpu("hit in memory through a promise, TTL")],
    samples: 8,
    open: (setting) => PromiseHit.one(hour)(CacheLocking, setting, who)
  },
  {
    name: "fiber-hit",
    figures: [cpu("hit in memory inside a fiber, TTL")],
    samples: 8,
    open: (setting) => FiberHit.one(hour)(CacheLockingFiber, setting, who)
  },
  {
    name: "hot-key",
    figures: [cpu("hot key among 100,000")],
    samples: 8,
    open: (setting) => HotKey.among(HotKey.overPromises)(CacheLocking, setting, who)
  },
  {
    name: "concurrent-hit",
    figures: [cpu("hit in memory, 1,000 at once")],
    samples: 8,
    open: (setting) => PromiseHit.many(hour)(CacheLocking, setting, who)
  },
  {
    name: "stampede",
    figures: crowd("callers"),
    samples: 200,
    open: (setting) => Stampede.openWithoutTimer(Stampede.overPromises)(CacheLocking, setting, who)
  },
  {
    name: "fiber-stampede",
    figures: crowd("fibers"),
    samples: 100,
    open: (setting) => Stampede.openWithoutTimer(Stampede.overEffects)(CacheLockingFiber, setting, who)
  },
  {
    name: "redis-hit",
    figures: [
      cpu("hit in Redis, 50 at a time"),
      { key: "time", title: "  the same by the clock", unit: "ns", unjudged: true }
    ],
    samples: 6,
    redis: true,
    open: async ({ by, quick, redis }) =>
      RedisHit.again(await RedisHit.warm(RedisHit.overPromises("redis"), CacheLocking, redis!, who), who, {
        by,
        quick,
        batch: 60
      })
  }
]
