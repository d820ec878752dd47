import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
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
import { type FiberPeer, nothing } from "../peers/Peer.ts"
import { open, overEffects, overPromises } from "../probes/Stampede.ts"
import type { Rows, Suite } from "../Suite.ts"
import { compared, size, speed } from "../Verdict.ts"
import { contender } from "./Contenders.ts"

/** Fibers that wait for one deferred: the least cost of this many fibers. */
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

export const Stampede: Suite = {
  name: "stampede",
  title: "1,000 callers of one process on one cold key",
  about:
    "A load of 20 ms; 1,000 callers at once. _Beyond the load_ is the time from the first call to the last answer, less 20 ms: " +
    "it includes the lateness of a timer, also for the floors. _Bytes_ are the memory of one waiting caller, with its promise or fiber.",
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
    "Most of the cost of a waiting fiber is the fiber itself: see the second floor."
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
