import { setTimeout as sleep } from "node:timers/promises"
import { CacheLocking } from "../peers/CacheLocking.ts"
import type { Peer } from "../peers/Peer.ts"
import { redisPeers } from "../peers/RedisPeers.ts"
import { Ship } from "../processes/Fleet.ts"
import { quantile } from "../Statistics.ts"
import type { Probe, Setting, Suite } from "../Suite.ts"
import { contender } from "./Contenders.ts"

/** Whole seconds, for caches that count in seconds. */
const bounds = { ttl: 1_000, leaseTtl: 5_000 }
const stale = 60_000
const loadMillis = 200
let stamps = 0

const open = async (peer: Peer, { quick, redis }: Setting): Promise<Probe> => {
  const callers = quick ? 10 : 250
  const order = { peer: peer.name, redis: redis!, bounds, stale }
  const fleet = await Ship.launchAll(Array.from({ length: quick ? 2 : 4 }, () => order))

  const sample = async () => {
    const key = `expiry:${process.pid.toString(36)}:${(++stamps).toString(36)}`
    await fleet[0]!.round({ key, callers: 1, loadMillis: 0 })
    await sleep(bounds.ttl + 100)
    const reports = await Promise.all(fleet.map((ship) => ship.round({ key, callers, loadMillis })))
    // Loads in the background may begin at any time.
    await sleep(loadMillis + 100)
    const waits = reports.flatMap(({ durations }) => durations).toSorted((a, b) => a - b)
    return {
      loads: reports.reduce((sum, { loads }) => sum + loads.length, 0),
      p50: quantile(waits, 0.5),
      p99: quantile(waits, 0.99)
    }
  }

  for (let i = 0; i < (quick ? 0 : 2); i++) await sample()
  return { sample, close: async () => void (await Promise.all(fleet.map((ship) => ship.close()))) }
}

const refreshing = [CacheLocking, ...redisPeers].filter((peer) => peer.stale !== undefined)

export const Expiry: Suite = {
  name: "expiry",
  title: "4 processes × 250 callers on one expired key that may be served stale",
  about:
    "A value in Redis, fresh for 1 s and kept a minute longer, is asked for when it has just expired; a load takes 200 ms. " +
    "Each contender serves stale values and refreshes them in the background in its own way: `staleWhileRevalidate`, `swr`, `stale`, `grace` with `timeout: 0`, " +
    "or a refresh some time before the end.",
  isolated: false,
  redis: true,
  rounds: 7,
  metrics: [
    { key: "loads", title: "loads", unit: "count" },
    { key: "p50", title: "p50 waited", unit: "ms" },
    { key: "p99", title: "p99 waited", unit: "ms" }
  ],
  contenders: refreshing.map((peer) => contender(peer, open)),
  verdict: ({ median, others }) => [
    `${CacheLocking.name} loads ${median(CacheLocking.name, "loads")} time for all processes; ${others
      .map((name) => `${name} ${median(name, "loads")}`)
      .join(", ")}.`
  ],
  targets: [
    { text: "one load", met: ({ max }) => max(CacheLocking.name, "loads") === 1 },
    { text: "nobody waits for it: p99 under 50 ms", met: ({ median }) => median(CacheLocking.name, "p99") < 50 }
  ]
}
