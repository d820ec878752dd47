import { setTimeout as sleep } from "node:timers/promises"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { heldBytes } from "../Heap.ts"
import { check, type Load, Origin, valueOf } from "../Origin.ts"
import { AsyncCacheDedupe } from "../peers/AsyncCacheDedupe.ts"
import { BareMap } from "../peers/Bare.ts"
import { Bentocache } from "../peers/Bentocache.ts"
import { CacheableCache } from "../peers/CacheableCache.ts"
import { CacheLocking, CacheLockingFiber } from "../peers/CacheLocking.ts"
import { CacheManager } from "../peers/CacheManager.ts"
import { Cachified } from "../peers/Cachified.ts"
import { EffectCache, EffectCacheFiber } from "../peers/EffectCache.ts"
import { LayeredLoader } from "../peers/LayeredLoader.ts"
import { LruCache } from "../peers/LruCache.ts"
import { type Bounds, type FiberPeer, nothing, type Peer } from "../peers/Peer.ts"
import type { Probe, Rows, Setting, Suite } from "../Suite.ts"
import { compared, size, speed } from "../Verdict.ts"
import { contender } from "./Contenders.ts"

const loadMillis = 20
const bounds: Bounds = { maxEntries: 10_000, ttl: 3_600_000 }

/** Callers of one cache: asks for a key so many times at once, and answers when all are answered. */
interface Crowd {
  readonly ask: (key: string, callers: number) => () => Promise<ReadonlyArray<string>>
  readonly close: () => Promise<void>
}

type Gather<P> = (peer: P, load: Load) => Promise<Crowd>

const overPromises: Gather<Peer> = async (peer, load) => {
  const opened = await peer.memory!(load, bounds)
  return {
    ask: (key, callers) => {
      const asked = Array.from({ length: callers }, () => opened.get(key))
      return () => Promise.all(asked)
    },
    close: opened.close
  }
}

const overEffects: Gather<FiberPeer> = async (peer, load) => {
  const opened = await peer.memory!((key) => Effect.promise(() => load(key)), bounds)
  return {
    ask: (key, callers) => {
      const fibers = Array.from({ length: callers }, () => Effect.runFork(opened.get(key)))
      return async () => (await Effect.runPromise(Fiber.joinAll(fibers))).map(opened.valueOf)
    },
    close: opened.close
  }
}

/** Fibers that wait for one deferred: the least that so many fibers cost. */
const Floor: FiberPeer = {
  name: "fibers on one Deferred",
  packages: ["effect"],
  memory: (load) => {
    const loads = new Map<string, Deferred.Deferred<string>>()
    return {
      get: (key) => {
        const known = loads.get(key)
        if (known !== undefined) return Deferred.await(known)
        const deferred = Deferred.makeUnsafe<string>()
        loads.set(key, deferred)
        Effect.runFork(Effect.flatMap(load(key), (value) => Deferred.succeed(deferred, value)))
        return Deferred.await(deferred)
      },
      valueOf: (value: string) => value,
      close: nothing
    }
  }
}

const open =
  <P>(gather: Gather<P>) =>
  async (peer: P, { quick }: Setting, who: string): Promise<Probe> => {
    const callers = quick ? 50 : 1_000
    let stamp = 0

    const timed = async () => {
      const origin = new Origin(() => sleep(loadMillis))
      const crowd = await gather(peer, origin.load)
      const key = `key:${stamp++}`
      const began = performance.now()
      const values = await crowd.ask(key, callers)()
      const took = performance.now() - began
      for (const value of values) check(value, key, who)
      await crowd.close()
      return { beyond: took - loadMillis, loads: origin.loads }
    }

    const weighed = async () => {
      let land = (_: string): void => {}
      const landing = new Promise<string>((resolve) => {
        land = resolve
      })
      const crowd = await gather(peer, () => landing)
      const key = `key:${stamp++}`
      const before = await heldBytes()
      const answers = crowd.ask(key, callers)
      const bytes = ((await heldBytes()) - before) / callers
      land(valueOf(key))
      for (const value of await answers()) check(value, key, who)
      await crowd.close()
      return { bytes }
    }

    for (let i = 0; i < (quick ? 1 : 20); i++) await timed()
    await weighed()
    return { sample: async () => ({ ...(await timed()), ...(await weighed()) }), close: nothing }
  }

export const Stampede: Suite = {
  name: "stampede",
  title: "1,000 callers of one process on one cold key",
  about:
    "A load of 20 ms; 1,000 callers at once. _Beyond the load_ is the time from the first call to the last answer, less 20 ms: " +
    "a timer's own lateness is in it, for the floors too. _Bytes_ are what one waiting caller holds, its promise or fiber included.",
  isolated: true,
  rounds: 11,
  metrics: [
    { key: "beyond", title: "beyond the load", unit: "ms", digits: 2 },
    { key: "bytes", title: "per waiting caller", unit: "bytes" },
    { key: "loads", title: "loads", unit: "count" }
  ],
  contenders: [
    contender(BareMap, open(overPromises), { floor: true }),
    contender(Floor, open(overEffects), { floor: true }),
    contender(CacheLocking, open(overPromises)),
    contender(CacheLockingFiber, open(overEffects)),
    contender(EffectCache, open(overPromises)),
    contender(EffectCacheFiber, open(overEffects)),
    contender(LruCache, open(overPromises)),
    contender(LayeredLoader, open(overPromises)),
    contender(AsyncCacheDedupe, open(overPromises)),
    contender(CacheManager, open(overPromises)),
    contender(CacheableCache, open(overPromises)),
    contender(Cachified, open(overPromises)),
    contender(Bentocache, open(overPromises))
  ],
  verdict: (rows) => [
    ...rows.ours.map((name) => compared(rows, name, "beyond", speed)),
    ...rows.ours.map((name) => compared(rows, name, "bytes", size)),
    "A fiber by itself is most of what a fiber that waits costs: see the second floor."
  ],
  targets: [
    ...[CacheLocking, CacheLockingFiber].flatMap(({ name }) => [
      { text: `${name}: one load`, met: ({ max }: Rows) => max(name, "loads") === 1 },
      { text: `${name}: at most 2 ms beyond the load`, met: ({ median }: Rows) => median(name, "beyond") <= 2 }
    ]),
    {
      text: `${CacheLocking.name}: at most 700 bytes for each caller`,
      met: ({ median }) => median(CacheLocking.name, "bytes") <= 700
    },
    {
      text: `${CacheLockingFiber.name}: at most 700 bytes for each caller, beside what a fiber that waits is by itself`,
      met: ({ median }) => median(CacheLockingFiber.name, "bytes") - median(Floor.name, "bytes") <= 700
    }
  ]
}
