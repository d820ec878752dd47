/** Many callers of one process over one backend: of its raw client and of our cache, and the requests of the cache. */
import { FaultProxy, type FaultProxyOptions } from "@cache-locking/test-servers"
import type { Backend, Floor } from "../backends/Backend.ts"
import { overReached } from "../peers/CacheLocking.ts"
import type { Opened } from "../peers/Peer.ts"
import { bounds } from "../probes/RedisHit.ts"
import type { Probe, Sample, Setting } from "../Suite.ts"
import { calibrate, timed } from "../work/Batch.ts"
import { asCrowd, stamp, together } from "../work/Crowd.ts"
import { check, Origin, valueOf } from "../work/Origin.ts"

/** The two sides of the comparison: operations of the raw client, and as many of ours. */
export interface Work {
  readonly floor: (n: number) => Promise<void>
  readonly ours: (n: number) => Promise<void>
  /** Throws when our cache failed. */
  readonly verify: () => void
}

export interface Parts {
  readonly floor: Floor
  readonly cache: Opened
  readonly origin: Origin
  readonly run: string
}

export type Prepare = (parts: Parts, who: string) => Promise<Work>

/** 100 present keys. */
export const hit: Prepare = async ({ cache, floor, origin, run }, who) => {
  const keys = 100
  const keyOf = (i: number) => `${run}:${i % keys}`
  const ours = (n: number) => asCrowd(n, async (i) => check(await cache.get(keyOf(i)), keyOf(i), who))
  await asCrowd(keys, async (i) => void (await floor.write(keyOf(i), valueOf(keyOf(i)))))
  await ours(keys)
  return {
    floor: (n) => asCrowd(n, async (i) => check(await floor.get(keyOf(i)), keyOf(i), `the client of ${who}`)),
    ours,
    verify: () => origin.expect(keys, who)
  }
}

/** Every key is new, and its load answers at once. */
export const miss: Prepare = async ({ cache, floor, origin, run }, who) => {
  let written = 0
  let asked = 0
  return {
    floor: async (n) => {
      const from = written
      written += n
      await asCrowd(n, async (i) => {
        const key = `${run}:${from + i}`
        await floor.write(key, valueOf(key))
      })
    },
    ours: async (n) => {
      const from = asked
      asked += n
      await asCrowd(n, async (i) => {
        const key = `${run}:${from + i}`
        check(await cache.get(key), key, who)
      })
    },
    verify: () => origin.expect(asked, who)
  }
}

const reach = async (backend: Backend, url: string, prepare: Prepare) => {
  const reached = await backend.open(url)
  const origin = new Origin()
  const cache = overReached(reached, origin.load, bounds)
  const work = await prepare({ floor: reached.floor, cache, origin, run: stamp() }, backend.name)
  return { work, close: cache.close }
}

/** The target of a proxy in front of the backend. */
export const targetOf = ({ reader }: Backend, url: string): FaultProxyOptions => {
  const { hostname, port } = new URL(url)
  const target = { host: hostname.replace(/^\[|\]$/g, "") || "127.0.0.1", port: Number(port), url }
  return { target, ...(reader === undefined ? {} : { reader }) }
}

/** The number of requests of one operation of ours, counted by a proxy; `undefined` where it cannot read them. */
const requestsOf = async (backend: Backend, url: string, prepare: Prepare): Promise<Sample> => {
  await using proxy = await FaultProxy.start(targetOf(backend, url))
  const { close, work } = await reach(backend, proxy.url(), prepare)
  const operations = 4 * together
  // By then the client has opened all its connections.
  await work.ours(operations)
  proxy.resetCommands()
  await work.ours(operations)
  const sent = proxy.commands().filter(backend.counts ?? (() => true)).length
  await close()
  return sent === 0 ? {} : { requests: sent / operations }
}

export const open = async (backend: Backend, prepare: Prepare, { backends, quick }: Setting): Promise<Probe> => {
  const url = backends![backend.name]!
  const requests = await requestsOf(backend, url, prepare)
  const { close, work } = await reach(backend, url, prepare)
  const batchOf = (run: (n: number) => Promise<void>) => calibrate({ run, quick, unit: together, batch: 250 })
  const batch = { floor: await batchOf(work.floor), ours: await batchOf(work.ours) }
  work.verify()
  const microseconds = async (kind: "floor" | "ours"): Promise<number> => (await timed(work[kind], batch[kind])) / 1e3

  let rounds = 0
  const both = async () => {
    // The two take turns in being first.
    if (rounds++ % 2 === 0) return { floor: await microseconds("floor"), time: await microseconds("ours") }
    const time = await microseconds("ours")
    return { floor: await microseconds("floor"), time }
  }
  return {
    sample: async () => {
      const { floor, time } = await both()
      work.verify()
      return { floor, time, times: time / floor, ...requests }
    },
    close
  }
}
