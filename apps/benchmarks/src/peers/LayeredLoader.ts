import { Loader, RedisCache } from "layered-loader"
import type { Address } from "../Suite.ts"
import { keyOf, type Load } from "../work/Origin.ts"
import { ioredis6 } from "./Clients.ts"
import { nothing, type Opened, type Peer } from "./Peer.ts"

const over = async (
  load: Load,
  at: Address,
  far: ConstructorParameters<typeof RedisCache>[1],
  near?: { readonly maxItems: number; readonly ttlInMsecs: number }
): Promise<Opened> => {
  const client = await ioredis6(at)
  const loader = new Loader<string>({
    ...(near === undefined ? {} : { inMemoryCache: near }),
    asyncCache: new RedisCache<string>(client, far),
    dataSourceGetOneFn: load
  })
  return {
    get: (key) => loader.get(key) as Promise<string>,
    close: async () => {
      await client.quit()
    }
  }
}

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
  redis: (load, at, { ttl }) => over(load, at, { ttlInMsecs: ttl }),
  tiered: (load, at, { ttl }) => over(load, at, { ttlInMsecs: ttl }, { maxItems: 10_000, ttlInMsecs: ttl }),
  // It refreshes before a value expires, which has the same effect.
  stale: (load, at, { stale, ttl }) =>
    over(load, at, { ttlInMsecs: ttl + stale, ttlLeftBeforeRefreshInMsecs: stale, ttlCacheTtl: 5_000 }),
  many: async (load, at, { ttl }) => {
    const client = await ioredis6(at)
    const loader = new Loader<string>({
      asyncCache: new RedisCache<string>(client, { ttlInMsecs: ttl }),
      cacheKeyFromValueResolver: keyOf,
      dataSourceGetOneFn: async (key) => (await load([key]))[0],
      dataSourceGetManyFn: async (keys) => [...(await load(keys))]
    })
    return {
      getMany: (keys) => loader.getMany([...keys]),
      close: async () => {
        await client.quit()
      }
    }
  }
}
