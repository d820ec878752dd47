/** The caches by which the workers of a cluster share values, and one without sharing. */
import { LRUCache } from "lru-cache"
import { BareMessage } from "./BareMessage.ts"
import { ioredis6 } from "./Clients.ts"
import { ClusterByAdapter, ClusterCaching, ClusterCachingFiber } from "./ClusterCaching.ts"
import { type ClusterPeer, overGet } from "./ClusterPeer.ts"
import { LruCacheForClusters } from "./LruCacheForClusters.ts"
import { nothing } from "./Peer.ts"

/** Every process has its own values, without any connection between them. */
export const LruCacheEach: ClusterPeer = {
  name: "lru-cache in each process",
  packages: ["lru-cache"],
  keeps: "process",
  open: ({ maxEntries }) => {
    const cache = new LRUCache<string, string>({ max: maxEntries })
    return overGet({
      set: async (key, value) => cache.set(key, value),
      get: (key) => cache.get(key),
      many: async (keys) => {
        const found = keys.map((key) => cache.get(key))
        return (at) => found[at]
      },
      clear: async () => cache.clear(),
      close: nothing
    })
  }
}

const usedMemory = (info: string): number => Number(/^used_memory:(\d+)/m.exec(info)![1])

export const RedisGet: ClusterPeer = {
  name: "plain ioredis 6",
  packages: ["ioredis6"],
  keeps: "Redis",
  open: async ({ namespace, redis }) => {
    const { hostname, port } = new URL(redis!)
    const client = await ioredis6({ host: hostname, port: Number(port || 6379) })
    const nameOf = (key: string): string => `${namespace}:${key}`
    return overGet({
      set: (key, value) => client.set(nameOf(key), value),
      get: (key) => client.get(nameOf(key)),
      many: async (keys) => {
        const found = await client.mget(keys.map(nameOf))
        return (at) => found[at]
      },
      clear: async () => {
        for await (const names of client.scanStream({ match: nameOf("*"), count: 1_000 })) {
          if (names.length > 0) await client.unlink(names as Array<string>)
        }
      },
      close: () => client.quit(),
      serverBytes: async () => usedMemory(await client.info("memory"))
    })
  }
}

const all: ReadonlyArray<ClusterPeer> = [
  BareMessage,
  LruCacheEach,
  LruCacheForClusters,
  RedisGet,
  ClusterCaching,
  ClusterCachingFiber,
  ClusterByAdapter
]

export const clusterPeerOf = (name: string): ClusterPeer | undefined => all.find((peer) => peer.name === name)
