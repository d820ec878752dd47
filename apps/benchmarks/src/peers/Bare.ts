/** The floors: not caches, but the least code that gives an answer. */
import type { Redis as Redis5 } from "ioredis"
import type { Redis as Redis6 } from "ioredis6"
import type { Address } from "../Suite.ts"
import type { Load } from "../work/Origin.ts"
import { ioredis5, ioredis6, nodeRedis } from "./Clients.ts"
import { nothing, type Opened, type Peer } from "./Peer.ts"

/** A map of promises: nothing expires, nothing is evicted, a failure stays. */
export const BareMap: Peer = {
  name: "a bare Map of promises",
  packages: [],
  memory: (load) => {
    const promises = new Map<string, Promise<string>>()
    return {
      get: (key) => {
        const known = promises.get(key)
        if (known !== undefined) return known
        const promise = load(key)
        promises.set(key, promise)
        return promise
      },
      close: nothing
    }
  }
}

const overRedis = (client: Redis5 | Redis6, load: Load, ttl: number): Opened => ({
  get: async (key) => {
    const value = await client.get(key)
    if (value !== null) return value
    const loaded = await load(key)
    await client.set(key, loaded, "PX", ttl)
    return loaded
  },
  close: async () => {
    await client.quit()
  }
})

/** `GET`, and after a load `SET`: no lock, no sharing, no encoding. */
const bareRedis = (
  name: string,
  connect: (at: Address) => Promise<Redis5 | Redis6>,
  packages: Array<string>
): Peer => ({
  name,
  packages,
  redis: async (load, at, { ttl }) => overRedis(await connect(at), load, ttl)
})

export const BareRedis6 = bareRedis("plain ioredis 6", ioredis6, ["ioredis6"])
/** `MGET`, and after a load one pipeline of `SET`. */
export const BareMany: Peer = {
  name: "plain ioredis 6",
  packages: ["ioredis6"],
  many: async (load, at, { ttl }) => {
    const client = await ioredis6(at)
    return {
      getMany: async (keys) => {
        const found = await client.mget([...keys])
        const missing = keys.filter((_, i) => found[i] === null)
        if (missing.length === 0) return found as Array<string>
        const loaded = await load(missing)
        const pipeline = client.pipeline()
        for (const [i, key] of missing.entries()) pipeline.set(key, loaded[i]!, "PX", ttl)
        await pipeline.exec()
        return [...found.filter((value) => value !== null), ...loaded]
      },
      close: async () => {
        await client.quit()
      }
    }
  }
}

export const BareRedis5 = bareRedis("plain ioredis 5", ioredis5, ["ioredis"])

export const BareNodeRedis: Peer = {
  name: "plain node-redis",
  packages: ["redis"],
  redis: async (load, at, { ttl }) => {
    const client = await nodeRedis(at)
    return {
      get: async (key) => {
        const value = await client.get(key)
        if (value !== null) return value
        const loaded = await load(key)
        await client.set(key, loaded, { expiration: { type: "PX", value: ttl } })
        return loaded
      },
      close: async () => {
        await client.close()
      }
    }
  }
}
