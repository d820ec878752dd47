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
import { nothing, type Opened, type Peer } from "../peers/Peer.ts"
import type { Probe, Setting, Suite } from "../Suite.ts"
import { compared, size } from "../Verdict.ts"
import { heldBytes } from "../work/Heap.ts"
import { check, Origin } from "../work/Origin.ts"
import { contender } from "./Contenders.ts"

/** Values in a map, and nothing else. */
const Values: Peer = {
  name: "a bare Map of values",
  packages: [],
  memory: (load) => {
    const values = new Map<string, string>()
    return {
      get: async (key) => {
        const known = values.get(key)
        if (known !== undefined) return known
        const value = await load(key)
        values.set(key, value)
        return value
      },
      close: nothing
    }
  }
}

const fill = async (opened: Opened, entries: number): Promise<void> => {
  for (let i = 0; i < entries; i++) await opened.get(`key:${i}`)
}

const open =
  (ttl: number | undefined) =>
  async (peer: Peer, { quick }: Setting, who: string): Promise<Probe> => {
    const entries = quick ? 1_000 : 100_000
    const weigh = async (entries: number) => {
      const origin = new Origin()
      const before = await heldBytes()
      const opened = await peer.memory!(origin.load, { maxEntries: entries, ttl })
      await fill(opened, entries)
      const bytes = ((await heldBytes()) - before) / entries
      // All of them must still be there, because a cache that dropped some would look small.
      for (let i = 0; i < entries; i += 97) check(await opened.get(`key:${i}`), `key:${i}`, who)
      origin.expect(entries, who)
      await opened.close()
      return { bytes }
    }
    // One run without a measurement, because code compiled during it would count, too.
    await weigh(entries)
    return { sample: () => weigh(entries), close: nothing }
  }

const hour = 3_600_000

export const EntryMemory: Suite = {
  name: "entry-memory",
  title: "Memory per entry",
  about:
    "100,000 values of 100 bytes under keys of 5 to 9 bytes, in caches bounded to exactly this number: heap and external bytes after a full collection, " +
    "divided by 100,000. This includes the value itself and its key.",
  isolated: true,
  rounds: 3,
  metrics: [{ key: "bytes", title: "per entry", unit: "bytes", ratio: true }],
  contenders: [
    contender(Values, open(undefined), { floor: true }),
    contender(BareMap, open(undefined), { floor: true }),
    contender(LruCache, open(undefined), { as: "no TTL" }),
    contender(LruCache, open(hour), { as: "TTL 1 h" }),
    contender(CacheLocking, open(undefined), { as: "no TTL" }),
    contender(CacheLocking, open(hour), { as: "TTL 1 h" }),
    contender(EffectCache, open(hour)),
    contender(LayeredLoader, open(hour)),
    contender(AsyncCacheDedupe, open(hour)),
    contender(CacheManager, open(hour)),
    contender(CacheableCache, open(hour)),
    contender(Cachified, open(hour)),
    contender(Bentocache, open(hour))
  ],
  verdict: (rows) => rows.ours.map((name) => compared(rows, name, "bytes", size)),
  targets: ["no TTL", "TTL 1 h"].map((ttl) => ({
    text: `with ${ttl} at most 300 bytes`,
    met: ({ median }) => median(`${CacheLocking.name} (${ttl})`, "bytes") <= 300
  }))
}
