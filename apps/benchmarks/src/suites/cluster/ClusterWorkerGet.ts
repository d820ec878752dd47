import { BareMessage } from "../../peers/BareMessage.ts"
import { ClusterByAdapter, ClusterCaching, ClusterCachingFiber } from "../../peers/ClusterCaching.ts"
import type { ClusterPeer } from "../../peers/ClusterPeer.ts"
import { LruCacheEach, RedisGet } from "../../peers/ClusterPeers.ts"
import { LruCacheForClusters } from "../../peers/LruCacheForClusters.ts"
import type { Serialization } from "../../processes/Crew.ts"
import type { Contender, Suite } from "../../Suite.ts"
import { compared, notAbove, speed } from "../../Verdict.ts"
import { contender } from "../Contenders.ts"
import { oneWorker } from "./ClusterCrew.ts"

const over = (peer: ClusterPeer, as: Serialization, floor?: true): Contender =>
  contender(peer, oneWorker("gets", { serialization: as }), { as, ...(floor && { floor }) })

const alone = oneWorker("gets", {})

const serializations = ["advanced", "json"] as const

const ways = [
  { metric: "inTurn", words: "one after the other" },
  { metric: "atOnce", words: "1,000 gets at once" },
  { metric: "many", words: "1,000 keys in one call" }
]

export const ClusterWorkerGet: Suite = {
  name: "cluster-worker",
  title: "A get in a worker of a cluster",
  about:
    "1,000 values of 100 bytes, asked for by one worker of `node:cluster` over its channel to the primary: one after the other, by 1,000 " +
    "gets before the first answer, and in one call (`mGet`, `MGET`); the time is that of one key. _Messages_ are those that the worker sends for one " +
    "get, for the 1,000, and for the call. `advanced` and `json` are the serializations of the cluster.",
  isolated: true,
  rounds: 12,
  generations: 3,
  metrics: [
    { key: "inTurn", title: "one after the other", unit: "ns", ratio: true },
    { key: "inTurnMessages", title: "messages", unit: "count" },
    { key: "atOnce", title: "1,000 at once", unit: "ns", ratio: true },
    { key: "atOnceMessages", title: "messages", unit: "count" },
    { key: "many", title: "1,000 in one call", unit: "ns", ratio: true },
    { key: "manyMessages", title: "messages", unit: "count" }
  ],
  contenders: [
    over(BareMessage, "advanced", true),
    over(BareMessage, "json", true),
    contender(LruCacheEach, alone),
    over(LruCacheForClusters, "advanced"),
    over(LruCacheForClusters, "json"),
    contender(RedisGet, alone, { backend: "Redis" }),
    over(ClusterCaching, "advanced"),
    over(ClusterCaching, "json"),
    over(ClusterCachingFiber, "advanced"),
    over(ClusterByAdapter, "advanced")
  ],
  verdict: (rows) =>
    ways.flatMap(({ metric, words }) =>
      serializations.map((as) => {
        const told = compared(rows, `${ClusterCaching.name} (${as})`, metric, speed)
        return `${words[0]!.toUpperCase()}${words.slice(1)}: ${told}`
      })
    ),
  targets: [
    ...serializations.flatMap((as) =>
      ways.map(({ metric, words }) => ({
        text: `${ClusterCaching.name} (${as}): ${words}, no slower than ${LruCacheForClusters.name} (${as})`,
        met: (rows: Parameters<Suite["verdict"]>[0]) =>
          notAbove(rows, `${ClusterCaching.name} (${as})`, `${LruCacheForClusters.name} (${as})`, metric)
      }))
    ),
    {
      text: "one message for a get, one for 1,000 at once and one for 1,000 in one call",
      met: ({ max, ours }) => ours.every((name) => ways.every(({ metric }) => max(name, `${metric}Messages`) === 1))
    }
  ]
}
