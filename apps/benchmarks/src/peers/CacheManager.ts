import { createCache } from "cache-manager"
import { Keyv } from "keyv"
import type { Address } from "../Suite.ts"
import type { Load } from "../work/Origin.ts"
import { keyvOverRedis } from "./CacheableCache.ts"
import type { Opened, Peer } from "./Peer.ts"

type Cache = ReturnType<typeof createCache>

const far = async (at: Address): Promise<Cache> => createCache({ stores: [await keyvOverRedis(at)] })

const over = (cache: Cache, load: Load, ttl: number | undefined, refreshThreshold?: number): Opened => ({
  get: (key) => cache.wrap(key, () => load(key), ttl, refreshThreshold),
  close: async () => {
    await cache.disconnect()
  }
})

export const CacheManager: Peer = {
  name: "cache-manager",
  packages: ["cache-manager", "keyv"],
  // Its default store has no bound; over a bounded one (CacheableMemory with `lruSize`) a hit takes six times as long.
  memory: (load, { ttl }) => over(createCache(), load, ttl),
  redis: async (load, at, { ttl }) => over(await far(at), load, ttl),
  tiered: async (load, at, { ttl }) => over(createCache({ stores: [new Keyv(), await keyvOverRedis(at)] }), load, ttl),
  // It refreshes before a value expires, which has the same effect.
  stale: async (load, at, { stale, ttl }) => over(await far(at), load, ttl + stale, stale),
  many: async (load, at, { ttl }) => {
    const cache = await far(at)
    return {
      getMany: async (keys) => {
        const found = await cache.mget<string>([...keys])
        const missing = keys.filter((_, i) => found[i] === undefined)
        if (missing.length === 0) return found as Array<string>
        const loaded = await load(missing)
        await cache.mset(missing.map((key, i) => ({ key, value: loaded[i]!, ttl })))
        return [...found.filter((value) => value !== undefined), ...loaded]
      },
      close: async () => {
        await cache.disconnect()
      }
    }
  }
}
