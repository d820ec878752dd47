import { type Cache, type CacheEntry, cachified, totalTtl } from "@epic-web/cachified"
import { redisCacheAdapter } from "cachified-redis-adapter"
import { LRUCache } from "lru-cache"
import type { Load } from "../Origin.ts"
import { nodeRedis } from "./Clients.ts"
import { nothing, type Peer } from "./Peer.ts"

const over = (cache: Cache, load: Load, ttl: number | undefined) => (key: string) =>
  cachified<string>({ key, cache, getFreshValue: () => load(key), ttl: ttl ?? Infinity })

/** As its README puts it over lru-cache. */
const overLru = (max: number): Cache => {
  const lru = new LRUCache<string, CacheEntry>({ max })
  return {
    set: (key, value) => {
      const ttl = totalTtl(value?.metadata)
      return lru.set(key, value, ttl === Infinity ? {} : { ttl, start: value.metadata.createdTime })
    },
    get: (key) => lru.get(key),
    delete: (key) => lru.delete(key)
  }
}

export const Cachified: Peer = {
  name: "@epic-web/cachified",
  packages: ["@epic-web/cachified"],
  memory: (load, { maxEntries, ttl }) => ({ get: over(overLru(maxEntries), load, ttl), close: nothing }),
  redis: async (load, at, { ttl }) => {
    const client = await nodeRedis(at)
    const cache = redisCacheAdapter({
      get: (key) => client.get(key),
      set: (key, value, options) => client.set(key, value, options),
      del: (key) => client.del(key)
    })
    return {
      get: over(cache, load, ttl),
      close: async () => {
        await client.close()
      }
    }
  }
}
