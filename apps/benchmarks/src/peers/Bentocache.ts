import { BentoCache, bentostore } from "bentocache"
import { memoryDriver } from "bentocache/drivers/memory"
import { redisDriver } from "bentocache/drivers/redis"
import type { Load } from "../Origin.ts"
import type { Opened, Peer } from "./Peer.ts"

const over = (store: ReturnType<typeof bentostore>, load: Load, ttl: number | null): Opened => {
  const cache = new BentoCache({ default: "store", stores: { store } })
  return {
    get: (key) => cache.getOrSet({ key, factory: () => load(key), ttl }),
    close: () => cache.disconnectAll()
  }
}

export const Bentocache: Peer = {
  name: "bentocache",
  packages: ["bentocache"],
  memory: (load, { maxEntries, ttl }) =>
    over(bentostore().useL1Layer(memoryDriver({ maxItems: maxEntries })), load, ttl ?? null),
  redis: async (load, { host, port }, { ttl }) =>
    // It makes a client of its own: one of ioredis 5.
    over(bentostore().useL2Layer(redisDriver({ connection: { host, port } })), load, ttl)
}
