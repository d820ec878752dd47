import KeyvRedis from "@keyv/redis"
import { Cacheable, createKeyv, Keyv } from "cacheable"
import type { Address } from "../Suite.ts"
import type { Load } from "../work/Origin.ts"
import type { Opened, Peer } from "./Peer.ts"

const over = (cache: Cacheable, load: Load, ttl: number | undefined): Opened => ({
  get: (key) => cache.getOrSet(key, () => load(key), ttl === undefined ? {} : { ttl }) as Promise<string>,
  close: () => cache.disconnect()
})

/** A store of Keyv over Redis, connected. */
export const keyvOverRedis = async ({ host, port }: Address): Promise<Keyv> => {
  const store = new KeyvRedis(`redis://${host}:${port}`)
  await store.getClient()
  return new Keyv({ store, useKeyPrefix: false })
}

export const CacheableCache: Peer = {
  name: "cacheable",
  packages: ["cacheable"],
  memory: (load, { maxEntries, ttl }) =>
    over(new Cacheable({ primary: createKeyv({ lruSize: maxEntries }) }), load, ttl),
  redis: async (load, at, { ttl }) => over(new Cacheable({ primary: await keyvOverRedis(at) }), load, ttl),
  tiered: async (load, at, { ttl }) =>
    over(new Cacheable({ primary: createKeyv({ lruSize: 10_000 }), secondary: await keyvOverRedis(at) }), load, ttl),
  tagged: async (load, at, { ttl }) => {
    const cache = new Cacheable({ primary: await keyvOverRedis(at), tags: true })
    return {
      // `getOrSet` takes no tags.
      get: async (key) => {
        const found = await cache.get<string>(key)
        if (found !== undefined) return found
        const value = await load(key)
        await cache.set(key, value, { ttl, tags: ["users"] })
        return value
      },
      close: () => cache.disconnect()
    }
  },
  many: async (load, at, { ttl }) => {
    const cache = new Cacheable({ primary: await keyvOverRedis(at) })
    return {
      getMany: async (keys) => {
        const found = await cache.getMany<string>([...keys])
        const missing = keys.filter((_, i) => found[i] === undefined)
        if (missing.length === 0) return found as Array<string>
        const loaded = await load(missing)
        await cache.setMany(missing.map((key, i) => ({ key, value: loaded[i]!, ttl })))
        return [...found.filter((value) => value !== undefined), ...loaded]
      },
      close: () => cache.disconnect()
    }
  }
}
