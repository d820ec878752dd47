import { ClusterByAdapter, ClusterCaching, ClusterCachingFiber } from "../../peers/ClusterCaching.ts"
import { LruCacheEach } from "../../peers/ClusterPeers.ts"
import { LruCacheForClusters } from "../../peers/LruCacheForClusters.ts"
import type { Suite } from "../../Suite.ts"
import { compared, speed } from "../../Verdict.ts"
import { contender } from "../Contenders.ts"
import { oneWorker } from "./ClusterCrew.ts"

const far = oneWorker("hot", {})
const near = oneWorker("hot", { near: 10_000 })
const as = "near copies"

/** A copy is returned through a promise, after a check of its age. */
const times = 10

const ours = [ClusterCaching, ClusterCachingFiber, ClusterByAdapter]

export const ClusterNearHit: Suite = {
  name: "cluster-near",
  title: "A hot get in a worker, with near copies",
  about:
    "One of 1,000 keys, asked for again and again by one worker. Near copies (`near`, or a `Tiered` adapter) are dropped when the primary reports a " +
    "change; lru-cache in each process learns of no change. _Messages_ are those that the worker sends for one get.",
  isolated: true,
  rounds: 12,
  generations: 3,
  metrics: [
    { key: "time", title: "per get", unit: "ns", ratio: true },
    { key: "messages", title: "messages", unit: "count" }
  ],
  contenders: [
    contender(LruCacheEach, far, { floor: true }),
    contender(LruCacheForClusters, far),
    contender(ClusterCaching, far),
    ...ours.map((peer) => contender(peer, near, { as }))
  ],
  verdict: (rows) => rows.ours.map((name) => compared(rows, name, "time", speed)),
  targets: ours.flatMap(({ name }) => [
    { text: `${name} (${as}): no message`, met: ({ max }) => max(`${name} (${as})`, "messages") === 0 },
    {
      text: `${name} (${as}): at most ${times} times a get of lru-cache`,
      met: ({ ratio }) => ratio(`${name} (${as})`, LruCacheEach.name, "time") <= times
    }
  ])
}
