import { setTimeout as sleep } from "node:timers/promises"
import { type Adapter, MemoryAdapter } from "@cache-locking/core"
import { createCache } from "@cache-locking/core/promise"
import { RedisAdapter } from "@cache-locking/redis"
import { ioredis6 } from "../peers/Clients.ts"
import { quantile } from "../Statistics.ts"
import type { Contender, Probe, Rows, Setting, Suite } from "../Suite.ts"
import { stamp } from "../work/Crowd.ts"
import { check, valueOf } from "../work/Origin.ts"

/** Processes, each of one caller that asks again and again. */
const processes = 16

const loadMillis = 200

/** Milliseconds by which timers and a busy event loop differ from run to run. */
const timers = loadMillis / 20

interface Process {
  readonly get: (key: string) => Promise<string>
  readonly close: () => Promise<unknown>
}

const load = async (key: string): Promise<string> => {
  await sleep(loadMillis)
  return valueOf(key)
}

/** A cache that shares its store with the others, and no flight. */
const overAdapter = (adapter: Adapter, also: () => unknown = () => {}): Process => {
  const cache = createCache<string>({ adapter: { ...adapter, identity: {} }, shouldCache: () => false })
  return {
    get: (key) => cache.getOrSet(key, () => load(key)),
    close: async () => {
      await cache.close()
      await also()
    }
  }
}

/** How long a round trip to the store takes while all processes ask at once, at worst. */
type Trip = () => Promise<number>

const timed = async (work: () => Promise<unknown>): Promise<number> => {
  const began = performance.now()
  await work()
  return performance.now() - began
}

const probe = async (who: string, all: ReadonlyArray<Process>, trip: Trip, millis: number): Promise<Probe> => {
  const sample = async () => {
    const key = `uncacheable:${stamp()}`
    const ask = ({ get }: Process) => timed(async () => check(await get(key), key, who))
    const first = Math.max(...(await Promise.all(all.map(ask))))
    const until = performance.now() + millis
    const later = await Promise.all(
      all.map(async (process) => {
        const durations: Array<number> = []
        while (performance.now() < until) durations.push(await ask(process))
        return durations
      })
    )
    const began = until - millis
    const durations = later.flat().toSorted((a, b) => a - b)
    const rate = durations.length / ((performance.now() - began) / 1_000)
    return { first, rate, p50: quantile(durations, 0.5), p95: quantile(durations, 0.95), trip: await trip() }
  }
  return { sample, close: async () => void (await Promise.all(all.map(({ close }) => close()))) }
}

const spanOf = ({ quick }: Setting): number => (quick ? 500 : 6_000)

const noTrip: Trip = async () => 0

const noCache: Contender = {
  name: "no cache",
  packages: [],
  floor: true,
  open: (setting) =>
    probe(
      "no cache",
      Array.from({ length: processes }, () => ({ get: load, close: async () => {} })),
      noTrip,
      spanOf(setting)
    )
}

const packages = ["@cache-locking/core", "effect"]

const inMemory: Contender = {
  name: "cache-locking in memory",
  packages,
  ours: true,
  open: (setting) => {
    const store = MemoryAdapter.make()
    const all = Array.from({ length: processes }, () => overAdapter(store))
    return probe("cache-locking in memory", all, noTrip, spanOf(setting))
  }
}

const overRedis: Contender = {
  name: "cache-locking over Redis",
  packages: [...packages, "ioredis6"],
  ours: true,
  open: async (setting) => {
    const clients = await Promise.all(Array.from({ length: processes }, () => ioredis6(setting.redis!)))
    const all = clients.map((client) =>
      overAdapter(RedisAdapter.make({ client, prefix: "uncacheable" }), () => client.quit())
    )
    const trip: Trip = async () => Math.max(...(await Promise.all(clients.map((client) => timed(() => client.ping())))))
    return probe("cache-locking over Redis", all, trip, spanOf(setting))
  }
}

const targetsOf = ({ name }: Contender) => [
  {
    text: `${name}: at least 0.9 of the answers of no cache`,
    met: ({ ratio }: Rows) => ratio(name, noCache.name, "rate") >= 0.9
  },
  {
    text: `${name}: p95 at most that of no cache, a round trip and ${timers} ms`,
    met: ({ median }: Rows) => median(name, "p95") <= median(noCache.name, "p95") + median(name, "trip") + timers
  },
  {
    text: `${name}: the first answers within two loads, their requests and ${timers} ms each`,
    met: ({ median }: Rows) => median(name, "first") <= 2 * (loadMillis + 2 * median(name, "trip") + 2 * timers)
  }
]

export const Uncacheable: Suite = {
  name: "uncacheable",
  title: "16 processes on one key whose results are not cached",
  about:
    "`shouldCache` answers false, and a load takes 200 ms. All ask at once for a key that nobody knows (_first_: the last of these answers), and then each asks again as soon as it has its answer, for 6 s. " +
    "A process is a cache that shares its store with the others and no flight; over Redis it has a connection of its own. _Round trip_ is the slowest of 16 `PING`s at once.",
  isolated: true,
  redis: true,
  rounds: 5,
  metrics: [
    { key: "first", title: "first, the last answer", unit: "ms" },
    { key: "rate", title: "answers per second", unit: "count", ratio: true, digits: 1 },
    { key: "p50", title: "p50", unit: "ms" },
    { key: "p95", title: "p95", unit: "ms", ratio: true },
    { key: "trip", title: "round trip", unit: "ms", digits: 2 }
  ],
  contenders: [noCache, inMemory, overRedis],
  verdict: ({ median, ratio }) =>
    [inMemory, overRedis].map(
      ({ name }) =>
        `**${name}** gives ${ratio(name, noCache.name, "rate").toFixed(2)} of the answers of no cache, ` +
        `with a p95 of ${median(name, "p95").toFixed(0)} ms against ${median(noCache.name, "p95").toFixed(0)} ms.`
    ),
  targets: [inMemory, overRedis].flatMap(targetsOf)
}
