import { setTimeout as sleep } from "node:timers/promises"
import { Bentocache } from "../peers/Bentocache.ts"
import { CacheLocking } from "../peers/CacheLocking.ts"
import { HandWrittenLease, HandWrittenPolling } from "../peers/HandWrittenLease.ts"
import type { Peer } from "../peers/Peer.ts"
import { Ship } from "../processes/Fleet.ts"
import type { Probe, Setting, Suite } from "../Suite.ts"
import { contender } from "./Contenders.ts"

const followers = 3
let stamps = 0

const open = async (peer: Peer, { quick, redis }: Setting): Promise<Probe> => {
  const callers = quick ? 5 : 50
  // Not a multiple of any polling step, because that would be the best or the worst case of it.
  const leaseTtl = quick ? 600 : 1_740
  const order = { peer: peer.name, redis: redis!, bounds: { ttl: 60_000, leaseTtl } }
  const others = await Ship.launchAll(Array.from({ length: followers }, () => order))

  const sample = async () => {
    const key = `killed:${process.pid.toString(36)}:${(++stamps).toString(36)}`
    const leader = await Ship.launch(order)
    const loading = leader.loading()
    // The killed process sends no result.
    leader.round({ key, callers: 1, loadMillis: 60_000 }).catch(() => {})
    const began = await loading
    const reports = Promise.all(others.map((ship) => ship.round({ key, callers, loadMillis: 20 })))
    await sleep(leaseTtl / 7)
    await leader.kill()
    const loads = (await reports).flatMap((report) => report.loads).toSorted((a, b) => a - b)
    return {
      loads: 1 + loads.length,
      // A process that does not wait for the leader takes no lease over.
      ...(loads[0] === undefined || loads[0] < began + leaseTtl / 2 ? {} : { takeover: loads[0] - began - leaseTtl })
    }
  }

  if (!quick) await sample()
  return { sample, close: async () => void (await Promise.all(others.map((ship) => ship.close()))) }
}

export const LeaderKilled: Suite = {
  name: "leader-killed",
  title: "The leader is killed in the middle of its load",
  about:
    "One process loads under a lease of 1.74 s and is killed (SIGKILL) after a seventh of it; three more processes with 50 callers each want the key. " +
    "_Takeover_ is the time from the lease's end, counted from the beginning of the first load, to the beginning of the second. A cache without leases has none: every process loads.",
  isolated: false,
  redis: true,
  rounds: 7,
  metrics: [
    { key: "loads", title: "loads", unit: "count" },
    { key: "takeover", title: "takeover after the lease's end", unit: "ms" }
  ],
  contenders: [CacheLocking, HandWrittenLease, HandWrittenPolling, Bentocache].map((peer) => contender(peer, open)),
  verdict: ({ median }) => [
    `The next leader of ${CacheLocking.name} begins ${median(CacheLocking.name, "takeover").toFixed(1)} ms after the lease's end; ` +
      `of a hand-written lease ${median(HandWrittenLease.name, "takeover").toFixed(0)} ms after it with pub/sub, because a dead leader publishes no message, ` +
      `and ${median(HandWrittenPolling.name, "takeover").toFixed(0)} ms with polling.`
  ],
  targets: [
    { text: "two loads in all", met: ({ max }) => max(CacheLocking.name, "loads") === 2 },
    {
      text: "takeover within 20 ms of the lease's end",
      met: ({ median }) => Math.abs(median(CacheLocking.name, "takeover")) <= 20
    }
  ]
}
