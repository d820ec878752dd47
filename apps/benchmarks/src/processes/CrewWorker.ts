/** One worker of a cluster: its cache, and the measurements of it. */
import type { Place } from "../peers/ClusterPeer.ts"
import { clusterPeerOf } from "../peers/ClusterPeers.ts"
import { type Task, works } from "../work/ClusterWork.ts"
import { serveProbe } from "./ProbeServer.ts"

/** The settings of the process, as one argument of JSON. */
export interface CrewOrder extends Pick<Task, "entries" | "quick" | "who"> {
  readonly peer: string
  readonly place: Place
  readonly work: keyof typeof works
}

if (process.send !== undefined && process.argv[2] !== undefined && import.meta.filename === process.argv[1]) {
  const { peer: name, place, work, ...order } = JSON.parse(process.argv[2]) as CrewOrder
  await serveProbe(async () => {
    const peer = clusterPeerOf(name)!
    const store = await peer.open(place)
    return works[work]({
      ...order,
      store,
      alone: peer.keeps === "process",
      counted: peer.keeps !== "Redis"
    })
  })
}
