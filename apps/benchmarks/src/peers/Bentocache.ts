import { BentoCache, bentostore } from "bentocache"
import { memoryDriver } from "bentocache/drivers/memory"
import { redisBusDriver, redisDriver } from "bentocache/drivers/redis"
import type { Address } from "../Suite.ts"
import type { Load } from "../work/Origin.ts"
import type { Opened, Peer } from "./Peer.ts"

interface More {
  readonly tags?: Array<string>
  readonly grace?: number
  readonly timeout?: number
}

const over = (store: ReturnType<typeof bentostore>, load: Load, ttl: number | null, more: More = {}): Opened => {
  const cache = new BentoCache({ default: "store", stores: { store } })
  return {
    get: (key) => cache.getOrSet({ key, factory: () => load(key), ttl, ...more }),
    close: () => cache.disconnectAll()
  }
}

/** It makes clients of its own, of ioredis 5. */
const connection = ({ host, port }: Address) => ({ host, port })

const far = (at: Address) => bentostore().useL2Layer(redisDriver({ connection: connection(at) }))

export const Bentocache: Peer = {
  name: "bentocache",
  packages: ["bentocache"],
  memory: (load, { maxEntries, ttl }) =>
    over(bentostore().useL1Layer(memoryDriver({ maxItems: maxEntries })), load, ttl ?? null),
  redis: async (load, at, { ttl }) => over(far(at), load, ttl),
  tiered: async (load, at, { ttl }) =>
    over(
      far(at)
        .useL1Layer(memoryDriver({ maxItems: 10_000 }))
        .useBus(redisBusDriver({ connection: connection(at) })),
      load,
      ttl
    ),
  tagged: async (load, at, { ttl }) => over(far(at), load, ttl, { tags: ["users"] }),
  stale: async (load, at, { stale, ttl }) => over(far(at), load, ttl, { grace: stale, timeout: 0 })
}
