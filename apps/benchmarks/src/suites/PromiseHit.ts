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
import { hour, many, one } from "../probes/PromiseHit.ts"
import type { Suite } from "../Suite.ts"
import { compared, speed } from "../Verdict.ts"
import { contender } from "./Contenders.ts"

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

/** An LRU map and a bare map are parts of a cache, not caches of this kind. */
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
    "async-cache-dedupe gives all of them one promise, for a hit as for a load.",
  isolated: true,
  rounds: 18,
  generations: 3,
  metrics: [{ key: "time", title: "per hit", unit: "ns", ratio: true }],
  contenders: contenders(many),
  verdict
}
