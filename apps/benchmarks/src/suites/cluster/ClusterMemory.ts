import { ClusterCaching } from "../../peers/ClusterCaching.ts"
import type { ClusterPeer, Store } from "../../peers/ClusterPeer.ts"
import { LruCacheEach, RedisGet } from "../../peers/ClusterPeers.ts"
import { LruCacheForClusters } from "../../peers/LruCacheForClusters.ts"
import { nothing } from "../../peers/Peer.ts"
import type { Child } from "../../processes/Child.ts"
import { launch } from "../../processes/Crew.ts"
import type { Probe, Sample, Setting, Suite } from "../../Suite.ts"
import { compared, size } from "../../Verdict.ts"
import { fill, keysOf, warm } from "../../work/ClusterWork.ts"
import { heldBytes } from "../../work/Heap.ts"
import { contender } from "../Contenders.ts"
import { openPrimary, placeOf } from "./ClusterCrew.ts"

const mega = 1e6

const sum = (samples: ReadonlyArray<Sample>, metric: string): number =>
  samples.reduce((all, sample) => all + sample[metric]!, 0)

const open =
  (near?: number) =>
  async (peer: ClusterPeer, setting: Setting, who: string): Promise<Probe> => {
    const { quick } = setting
    const [entries, workers] = quick ? [1_000, 2] : [100_000, 8]
    const shared = peer.keeps !== "process"
    // Leaves room for the keys that are not measured.
    const place = { ...placeOf(setting, entries + warm.length), near: near && near + warm.length }
    const weighed = async (store: Store, crew: ReadonlyArray<Child>): Promise<Sample> => {
      // A server's memory is counted once.
      const kept = store.serverBytes ?? heldBytes
      const before = await kept()
      if (shared) await fill(store, keysOf(entries))
      const samples = await Promise.all(crew.map((worker) => worker.sample()))
      const copy = (await kept()) - before
      const held = sum(samples, "held")
      const rss = sum(samples, "rss") + process.memoryUsage.rss()
      return { copy: copy / mega, workers: held / mega, held: (copy + held) / mega, rss: rss / mega }
    }
    const sample = async (): Promise<Sample> => {
      const { close, store } = await openPrimary(peer, { ...place, near: undefined })
      let crew: ReadonlyArray<Child> = []
      try {
        if (shared) await fill(store, warm)
        const order = { peer: peer.name, place, work: "memory", entries, quick, who } as const
        crew = await launch(order, { serialization: "advanced", size: workers })
        return await weighed(store, crew)
      } finally {
        await Promise.all(crew.map((worker) => worker.close()))
        await close()
      }
    }
    return { sample, close: nothing }
  }

const nearCopies = 10_000
const as = "near copies of 10,000"
const share = 1 / 4

export const ClusterMemory: Suite = {
  name: "cluster-memory",
  title: "Memory of 100,000 entries for 8 workers",
  about:
    "100,000 values of 100 bytes that the primary keeps (or Redis, or each worker for itself), all read by each of 8 workers. Heap and external bytes after a full " +
    "collection, less those before: in the primary or in the server, in all workers together, in all. _Resident_ is the memory that the " +
    "system counts for primary and workers, with all their code and without a server.",
  isolated: true,
  rounds: 3,
  metrics: [
    { key: "copy", title: "primary, or server", unit: "MB" },
    { key: "workers", title: "8 workers", unit: "MB" },
    { key: "held", title: "held in all", unit: "MB", ratio: true },
    { key: "rss", title: "resident", unit: "MB" }
  ],
  contenders: [
    contender(LruCacheEach, open(), { floor: true }),
    contender(LruCacheForClusters, open()),
    contender(RedisGet, open(), { backend: "Redis" }),
    contender(ClusterCaching, open()),
    contender(ClusterCaching, open(nearCopies), { as })
  ],
  verdict: (rows) => [
    ...rows.ours.map((name) => compared(rows, name, "held", size)),
    "What lru-cache has in each process, each process has loaded for itself."
  ],
  targets: [
    {
      text: `${ClusterCaching.name}: at most a quarter of lru-cache in each process`,
      met: ({ ratio }) => ratio(ClusterCaching.name, LruCacheEach.name, "held") <= share
    }
  ]
}
