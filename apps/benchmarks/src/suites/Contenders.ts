/** Peers as contenders of a suite. */
import type { ClusterPeer } from "../peers/ClusterPeer.ts"
import type { FiberPeer, Peer } from "../peers/Peer.ts"
import type { Contender, Probe, Setting } from "../Suite.ts"

interface About {
  /** Shown beside the name, where a peer takes part more than once. */
  readonly as?: string
  readonly floor?: boolean
  readonly backend?: string
}

/** A peer, opened by the suite's own function. */
export const contender = <P extends Peer | FiberPeer | ClusterPeer>(
  peer: P,
  open: (peer: P, setting: Setting, who: string) => Promise<Probe>,
  { as, backend, floor }: About = {}
): Contender => {
  const name = as === undefined ? peer.name : `${peer.name} (${as})`
  return {
    name,
    packages: peer.packages,
    ...(peer.ours === undefined ? {} : { ours: peer.ours }),
    ...(floor === undefined ? {} : { floor }),
    ...(backend === undefined ? {} : { backend }),
    open: (setting) => open(peer, setting, name)
  }
}
