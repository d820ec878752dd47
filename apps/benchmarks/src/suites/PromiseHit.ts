import { batches } from "../Batch.ts"
import { check, Origin } from "../Origin.ts"
import { AsyncCacheDedupe } from "../peers/AsyncCacheDedupe.ts"
import { BareMap } from "../peers/Bare.ts"
import { Bentocache } from "../peers/Bentocache.ts"
import { CacheableCache } from "../peers/CacheableCache.ts"
import { CacheLocking } from "../peers/CacheLocking.ts"
import { CacheManager } from "../peers/CacheManager.ts"
import { Cachified } from "../peers/Cachified.ts"
import { EffectCache } from "../peers/EffectCache.ts"
import { LayeredLoader } from "../peers/LayeredLoader.ts"
import { LruCache } from "../peers/LruCache.ts"
import type { Peer } from "../peers/Peer.ts"
import type { Setting, Suite } from "../Suite.ts"
import { compared, speed } from "../Verdict.ts"
import { contender } from "./Contenders.ts"

const key = "user:42"
const hour = 3_600_000
const together = 1_000

const one =
  (ttl: number | undefined) =>
  async (peer: Peer, { quick }: Setting, who: string) => {
    const origin = new Origin()
    const opened = await peer.memory!(origin.load, { maxEntries: 10_000, ttl })
    return batches({
      quick,
      run: async (n) => {
        let value: string | undefined
        for (let i = 0; i < n; i++) value = await opened.get(key)
        check(value, key, who)
      },
      verify: () => origin.expect(1, who),
      close: opened.close
    })
  }

const many =
  (ttl: number | undefined) =>
  async (peer: Peer, { quick }: Setting, who: string) => {
    const origin = new Origin()
    const opened = await peer.memory!(origin.load, { maxEntries: 10_000, ttl })
    await opened.get(key)
    return batches({
      quick,
      unit: together,
      run: async (n) => {
        const asked = new Array<Promise<string>>(together)
        for (let done = 0; done < n; done += together) {
          for (let i = 0; i < together; i++) asked[i] = opened.get(key)
          const values = await Promise.all(asked)
          check(values[together - 1], key, who)
        }
      },
      verify: () => origin.expect(1, who),
      close: opened.close
    })
  }

const contenders = (open: typeof one) => [
  contender(BareMap, open(undefined), { floor: true }),
  contender(LruCache, open(undefined), { as: "no TTL" }),
  contender(LruCache, open(hour), { as: "TTL 1 h" }),
  contender(CacheLocking, open(undefined), { as: "no TTL" }),
  contender(CacheLocking, open(hour), { as: "TTL 1 h" }),
  contender(LayeredLoader, open(hour)),
  contender(EffectCache, open(hour)),
  contender(AsyncCacheDedupe, open(hour)),
  contender(CacheManager, open(hour)),
  contender(CacheableCache, open(hour)),
  contender(Cachified, open(hour)),
  contender(Bentocache, open(hour))
]

/** An LRU map and a bare one are what a cache is made of, not caches of this kind. */
const bare = (name: string): boolean => name.startsWith("lru-cache") || name === BareMap.name

const faster: Suite["targets"] = ["no TTL", "TTL 1 h"].map((ttl) => ({
  text: `with ${ttl} faster than every peer that is not a bare map or LRU map`,
  met: ({ others, ratio }) =>
    others.every((other) => bare(other) || ratio(`${CacheLocking.name} (${ttl})`, other, "time") < 1)
}))

const verdict: Suite["verdict"] = (rows) => rows.ours.map((name) => compared(rows, name, "time", speed))

export const PromiseHit: Suite = {
  name: "promise-hit",
  title: "Warm hit through a Promise",
  about: "One cached key, awaited again and again, one call after the other.",
  isolated: true,
  rounds: 18,
  generations: 3,
  metrics: [{ key: "time", title: "per hit", unit: "ns", ratio: true }],
  contenders: contenders(one),
  targets: faster,
  verdict
}

export const ConcurrentHit: Suite = {
  name: "concurrent-hit",
  title: "Warm hit, 1,000 at once",
  about:
    "One cached key, asked 1,000 times before the first answer is awaited, with `Promise.all`. " +
    "async-cache-dedupe gives all of them one promise, a hit like a load.",
  isolated: true,
  rounds: 18,
  generations: 3,
  metrics: [{ key: "time", title: "per hit", unit: "ns", ratio: true }],
  contenders: contenders(many),
  verdict
}
