import { createCache } from "cache-manager"
import type { Load } from "../Origin.ts"
import { keyvOverRedis } from "./CacheableCache.ts"
import type { Opened, Peer } from "./Peer.ts"

const over = (cache: ReturnType<typeof createCache>, load: Load, ttl: number | undefined): Opened => ({
  get: (key) => cache.wrap(key, () => load(key), ttl),
  close: async () => {
    await cache.disconnect()
  }
})

export const CacheManager: Peer = {
  name: "cache-manager",
  packages: ["cache-manager", "keyv"],
  // Its default store has no bound; over a bounded one (CacheableMemory with `lruSize`) a hit takes six times as long.
  memory: (load, { ttl }) => over(createCache(), load, ttl),
  redis: async (load, at, { ttl }) => over(createCache({ stores: [await keyvOverRedis(at)] }), load, ttl)
}
