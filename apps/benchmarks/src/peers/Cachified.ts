import { type Cache, type CacheEntry, cachified, totalTtl } from "@epic-web/cachified"
import { redisCacheAdapter } from "cachified-redis-adapter"
import { LRUCache } from "lru-cache"
import type { Address } from "../Suite.ts"
import type { Load } from "../work/Origin.ts"
import { nodeRedis } from "./Clients.ts"
import { nothing, type Opened, type Peer } from "./Peer.ts"

const over = (cache: Cache, load: Load, ttl: number | undefined, swr: number) => (key: string) =>
  cachified<string>({ key, cache, getFreshValue: () => load(key), ttl: ttl ?? Infinity, swr })

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

const overRedis = async (load: Load, at: Address, ttl: number, swr: number): Promise<Opened> => {
  const client = await nodeRedis(at)
  const cache = redisCacheAdapter({
    get: (key) => client.get(key),
    set: (key, value, options) => client.set(key, value, options),
    del: (key) => client.del(key)
  })
  return {
    get: over(cache, load, ttl, swr),
    close: async () => {
      await client.close()
    }
  }
}

export const Cachified: Peer = {
  name: "@epic-web/cachified",
  packages: ["@epic-web/cachified"],
  memory: (load, { maxEntries, ttl }) => ({ get: over(overLru(maxEntries), load, ttl, 0), close: nothing }),
  redis: (load, at, { ttl }) => overRedis(load, at, ttl, 0),
  stale: (load, at, { stale, ttl }) => overRedis(load, at, ttl, stale)
}
