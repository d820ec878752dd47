import { createCache } from "async-cache-dedupe"
import type { Load } from "../Origin.ts"
import { ioredis5 } from "./Clients.ts"
import { nothing, type Opened, type Peer } from "./Peer.ts"

type Storage = NonNullable<NonNullable<Parameters<typeof createCache>[0]>["storage"]>

const over = (storage: Storage, load: Load, ttl: number | undefined, close: () => Promise<void>): Opened => {
  // It counts in whole seconds, and knows no "for ever".
  const cache = createCache({ ttl: ttl === undefined ? 2 ** 30 : Math.ceil(ttl / 1000), storage }).define("load", load)
  return { get: (key) => cache.load(key), close }
}

export const AsyncCacheDedupe: Peer = {
  name: "async-cache-dedupe",
  packages: ["async-cache-dedupe"],
  memory: (load, { maxEntries, ttl }) => over({ type: "memory", options: { size: maxEntries } }, load, ttl, nothing),
  redis: async (load, at, { ttl }) => {
    const client = await ioredis5(at)
    return over({ type: "redis", options: { client } }, load, ttl, async () => {
      await client.quit()
    })
  }
}
