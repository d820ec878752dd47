import KeyvRedis from "@keyv/redis"
import { Cacheable, createKeyv, Keyv } from "cacheable"
import type { Load } from "../Origin.ts"
import type { Address } from "../Suite.ts"
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
  redis: async (load, at, { ttl }) => over(new Cacheable({ primary: await keyvOverRedis(at) }), load, ttl)
}
