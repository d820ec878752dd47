import { Loader, RedisCache } from "layered-loader"
import { ioredis6 } from "./Clients.ts"
import { nothing, type Peer } from "./Peer.ts"

export const LayeredLoader: Peer = {
  name: "layered-loader",
  packages: ["layered-loader"],
  memory: (load, { maxEntries, ttl }) => {
    const loader = new Loader<string>({
      inMemoryCache: { maxItems: maxEntries, ttlInMsecs: ttl ?? Number.MAX_SAFE_INTEGER },
      dataSourceGetOneFn: load
    })
    return { get: (key) => loader.get(key) as Promise<string>, close: nothing }
  },
  redis: async (load, at, { ttl }) => {
    const client = await ioredis6(at)
    const loader = new Loader<string>({
      asyncCache: new RedisCache<string>(client, { ttlInMsecs: ttl }),
      dataSourceGetOneFn: load
    })
    return {
      get: (key) => loader.get(key) as Promise<string>,
      close: async () => {
        await client.quit()
      }
    }
  }
}
