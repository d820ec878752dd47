import { CacheLocking } from "../peers/CacheLocking.ts"
import { HandWrittenLease, HandWrittenPolling } from "../peers/HandWrittenLease.ts"
import type { Peer } from "../peers/Peer.ts"
import { redisPeers } from "../peers/RedisPeers.ts"
import type { Address, Probe, Setting, Suite } from "../Suite.ts"
import { contender } from "./Contenders.ts"
import { bounds, metrics, openFleet } from "./FleetCrowd.ts"

const addressOf = ({ host, port }: Address): Address => ({ host, port })

const open = ({ name: peer }: Peer, { quick, redis }: Setting): Promise<Probe> =>
  openFleet({ target: redis!, order: (proxy) => ({ peer, redis: addressOf(proxy ?? redis!), bounds }) }, quick)

export const CrossProcess: Suite = {
  name: "cross-process",
  title: "4 processes × 250 callers on one cold key, over Redis",
  about:
    "A load of 200 ms. _Loads_ are the calls of the origin. _Beyond the load_ is the wait of a caller less 200 ms, over all 1,000 callers. " +
    "_Commands_ are those of the clients, counted by a proxy in separate runs, the most of three, with subscriptions and without connecting.",
  isolated: false,
  redis: true,
  rounds: 9,
  metrics,
  contenders: [CacheLocking, HandWrittenLease, HandWrittenPolling, ...redisPeers].map((peer) => contender(peer, open)),
  verdict: ({ max, median, others }) => {
    const every = others.filter((name) => median(name, "loads") >= 4)
    return [
      `Loads: ${max(CacheLocking.name, "loads")} with ${CacheLocking.name}; one in every process with ${every.join(", ")}.`,
      "A cache that loads in every process waits for no other process, and so answers sooner after its load, at the price of three more loads.",
      `A process of ${CacheLocking.name} sends at most ${max(CacheLocking.name, "most")} commands however many callers it has; ` +
        "a cache whose callers each ask Redis before they join another's load sends a command for each caller, and more."
    ]
  },
  targets: [
    { text: "exactly one load", met: ({ max }) => max(CacheLocking.name, "loads") === 1 },
    { text: "at most 6 commands from any process", met: ({ max }) => max(CacheLocking.name, "most") <= 6 }
  ]
}
