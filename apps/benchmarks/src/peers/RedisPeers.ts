/** The peers that keep values in Redis. */
import { AsyncCacheDedupe } from "./AsyncCacheDedupe.ts"
import { Bentocache } from "./Bentocache.ts"
import { CacheableCache } from "./CacheableCache.ts"
import { CacheLocking } from "./CacheLocking.ts"
import { CacheManager } from "./CacheManager.ts"
import { Cachified } from "./Cachified.ts"
import { HandWrittenLease, HandWrittenPolling } from "./HandWrittenLease.ts"
import { LayeredLoader } from "./LayeredLoader.ts"
import type { Peer } from "./Peer.ts"

/** From npm. */
export const redisPeers: ReadonlyArray<Peer> = [
  LayeredLoader,
  AsyncCacheDedupe,
  CacheManager,
  CacheableCache,
  Cachified,
  Bentocache
]

const all: ReadonlyArray<Peer> = [CacheLocking, HandWrittenLease, HandWrittenPolling, ...redisPeers]

export const redisPeerOf = (name: string): Peer | undefined => all.find((peer) => peer.name === name)
