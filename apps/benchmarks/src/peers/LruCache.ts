import { LRUCache as Lru } from "lru-cache"
import { nothing, type Peer } from "./Peer.ts"

export const LruCache: Peer = {
  name: "lru-cache fetch",
  packages: ["lru-cache"],
  memory: (load, { maxEntries, ttl }) => {
    const cache = new Lru<string, string>({ max: maxEntries, ...(ttl === undefined ? {} : { ttl }), fetchMethod: load })
    return { get: (key) => cache.fetch(key) as Promise<string>, close: nothing }
  }
}
