import { ClusterByAdapter, ClusterCaching, ClusterCachingFiber } from "../../peers/ClusterCaching.ts"
import type { ClusterPeer } from "../../peers/ClusterPeer.ts"
import { LruCacheEach } from "../../peers/ClusterPeers.ts"
import { LruCacheForClusters } from "../../peers/LruCacheForClusters.ts"
import type { Probe, Setting, Suite } from "../../Suite.ts"
import { compared, notAbove, speed } from "../../Verdict.ts"
import { batches } from "../../work/Batch.ts"
import { fill, keysOf, times, together, verify } from "../../work/ClusterWork.ts"
import { contender } from "../Contenders.ts"
import { openPrimary, placeOf } from "./ClusterCrew.ts"

const open = async (peer: ClusterPeer, setting: Setting, who: string): Promise<Probe> => {
  const { close, store } = await openPrimary(peer, placeOf(setting, 10_000))
  const keys = keysOf(together)
  await fill(store, keys)
  await verify(store, keys, who)
  return batches({ quick: setting.quick, run: times(store, keys, who), close })
}

const ours = [ClusterCaching, ClusterCachingFiber]

export const ClusterPrimaryGet: Suite = {
  name: "cluster-primary",
  title: "A get in the primary of a cluster",
  about:
    "1,000 values of 100 bytes, read in turn by the process that has them. Ours are kept encoded and are decoded at every get, so that " +
    "no caller changes the value of others; lru-cache and lru-cache-for-clusters return the kept object. `getOrSet` is a cache with leases over the adapter.",
  isolated: true,
  rounds: 12,
  generations: 3,
  metrics: [{ key: "time", title: "per get", unit: "ns", ratio: true }],
  contenders: [
    contender(LruCacheEach, open, { floor: true }),
    contender(LruCacheForClusters, open),
    ...[...ours, ClusterByAdapter].map((peer) => contender(peer, open))
  ],
  verdict: (rows) => rows.ours.map((name) => compared(rows, name, "time", speed)),
  targets: ours.map(({ name }) => ({
    text: `${name}: no slower than ${LruCacheForClusters.name}`,
    met: (rows) => notAbove(rows, name, LruCacheForClusters.name, "time")
  }))
}
