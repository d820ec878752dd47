import { type ClusterPeer, overGet } from "./ClusterPeer.ts"
import { nothing } from "./Peer.ts"

/** The part of it that is used here: its own types do not compile. */
interface Cache {
  readonly get: (key: string) => Promise<unknown>
  readonly set: (key: string, value: string) => Promise<unknown>
  readonly mGet: (keys: ReadonlyArray<string>) => Promise<Readonly<Record<string, unknown>>>
  readonly reset: () => Promise<unknown>
}

interface Package {
  readonly default: { readonly getInstance: (options: object) => Promise<Cache> }
}

/** Once loaded it listens to all forked workers, so it is loaded only where it is measured. */
const loaded = async (): Promise<Package["default"]> =>
  ((await import("lru-cache-for-clusters-as-promised")) as unknown as Package).default

export const LruCacheForClusters: ClusterPeer = {
  name: "lru-cache-for-clusters",
  packages: ["lru-cache-for-clusters-as-promised"],
  keeps: "primary",
  prepare: loaded,
  open: async ({ maxEntries, namespace }) => {
    const Caches = await loaded()
    // By default a call that takes 100 ms is answered as if there were no value.
    const cache = await Caches.getInstance({ namespace, max: maxEntries, timeout: 10_000, failsafe: "reject" })
    return overGet({
      set: (key, value) => cache.set(key, value),
      get: (key) => cache.get(key),
      many: async (keys) => {
        const found = await cache.mGet(keys)
        return (at) => found[keys[at]!]
      },
      clear: () => cache.reset(),
      close: nothing
    })
  }
}
