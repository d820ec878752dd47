/** Ours, over the primary of a cluster. */
import { Cluster, ClusterAdapter, ClusterCache } from "@cache-locking/cluster"
import { createClusterCache } from "@cache-locking/cluster/promise"
import { Tiered } from "@cache-locking/core"
import { createCache } from "@cache-locking/core/promise"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { type ClusterPeer, overGet, type Place } from "./ClusterPeer.ts"

const packages = ["@cache-locking/cluster", "@cache-locking/core", "effect"]

const nearOf = ({ near }: Place): Tiered.Near | undefined => (near === undefined ? undefined : { maxEntries: near })

const optionsOf = (place: Place) =>
  ({
    namespace: place.namespace,
    space: { max: place.maxEntries },
    commandTimeout: "10 seconds",
    near: nearOf(place)
  }) as const

const ours = { packages, ours: true, keeps: "primary", prepare: async () => Cluster.bootstrap() } as const

/** `createClusterCache`. */
export const ClusterCaching: ClusterPeer = {
  ...ours,
  name: "cache-locking",
  open: (place) => {
    const cache = createClusterCache<string>(optionsOf(place))
    return overGet({
      set: (key, value) => cache.set(key, value),
      get: (key) => cache.get(key),
      many: async (keys) => {
        const found = await cache.mGet(keys)
        return (at) => found.get(keys[at]!)
      },
      clear: () => cache.clear(),
      close: () => cache.destroy()
    })
  }
}

/** The same inside a fiber. */
export const ClusterCachingFiber: ClusterPeer = {
  ...ours,
  name: "cache-locking in a fiber",
  open: (place) => {
    const cache = ClusterCache.make<string>(optionsOf(place))
    const inTurn = Effect.fnUntraced(function* (keys: ReadonlyArray<string>, times: number) {
      let value: Option.Option<string> = Option.none()
      for (let i = 0; i < times; i++) value = yield* cache.get(keys[i % keys.length]!)
      return Option.getOrUndefined(value)
    })
    return {
      set: (key, value) => Effect.runPromise(cache.set(key, value)),
      inTurn: (keys, times) => Effect.runPromise(inTurn(keys, times)),
      atOnce: async (keys) => {
        const all = Effect.forEach(keys, (key) => cache.get(key), { concurrency: "unbounded" })
        return (await Effect.runPromise(all)).map(Option.getOrUndefined)
      },
      many: async (keys) => {
        const found = await Effect.runPromise(cache.mGet(keys))
        return (at) => found.get(keys[at]!)
      },
      clear: () => Effect.runPromise(cache.clear),
      close: () => Effect.runPromise(cache.destroy)
    }
  }
}

const load = (key: string): never => {
  throw new Error(`${key} was to be loaded`)
}

/** `createCache` with `ClusterAdapter`: a hit there is one of a cache with leases. */
export const ClusterByAdapter: ClusterPeer = {
  ...ours,
  name: "cache-locking getOrSet",
  open: (place) => {
    const { commandTimeout, namespace, near, space } = optionsOf(place)
    const far = ClusterAdapter.make({ commandTimeout, namespace, space })
    const cache = createCache<string>({ adapter: near === undefined ? far : Tiered.make([near, far]) })
    return overGet({
      set: (key, value) => cache.set(key, value),
      get: (key) => cache.getOrSet(key, () => load(key)),
      many: async (keys) => {
        const found = await cache.getOrSetMany(keys, ([key]) => load(key!))
        return (at) => found.get(keys[at]!)
      },
      clear: () => cache.clear(),
      close: () => cache.close()
    })
  }
}
