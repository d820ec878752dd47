import { setTimeout as sleep } from "node:timers/promises"
import { FaultProxy } from "@cache-locking/test-servers"
import { Ship } from "../Fleet.ts"
import { CacheLocking } from "../peers/CacheLocking.ts"
import { HandWrittenLease, HandWrittenPolling } from "../peers/HandWrittenLease.ts"
import type { Peer } from "../peers/Peer.ts"
import { redisPeers } from "../peers/RedisPeers.ts"
import { quantile } from "../Statistics.ts"
import type { Address, Probe, Sample, Setting, Suite } from "../Suite.ts"
import { contender } from "./Contenders.ts"

const bounds = { ttl: 60_000, leaseTtl: 5_000 }
let stamps = 0

const launch = (peer: Peer, at: ReadonlyArray<Address>): Promise<Array<Ship>> =>
  Ship.launchAll(at.map((redis) => ({ peer: peer.name, redis, bounds })))

const sum = (numbers: ReadonlyArray<number>): number => numbers.reduce((all, n) => all + n, 0)

/** All processes ask for one key that nobody has. */
const stampede = async (fleet: ReadonlyArray<Ship>, callers: number, loadMillis: number) => {
  const key = `stampede:${process.pid.toString(36)}:${(++stamps).toString(36)}`
  const reports = await Promise.all(fleet.map((ship) => ship.round({ key, callers, loadMillis })))
  const beyond = reports
    .flatMap(({ durations }) => durations.map((took) => took - loadMillis))
    .toSorted((a, b) => a - b)
  return {
    loads: sum(reports.map(({ loads }) => loads.length)),
    p50: quantile(beyond, 0.5),
    p99: quantile(beyond, 0.99)
  }
}

interface Scale {
  readonly processes: number
  readonly callers: number
  readonly loadMillis: number
}

/** A fleet behind proxies that count what each process sends: the most of any, and all together. */
const watched = async (peer: Peer, redis: Address, { callers, loadMillis, processes }: Scale): Promise<Probe> => {
  const proxies = await Promise.all(Array.from({ length: processes }, () => FaultProxy.start({ target: redis })))
  const fleet = await launch(peer, proxies)
  await stampede(fleet, callers, 20)
  return {
    sample: async () => {
      for (const proxy of proxies) proxy.resetCommands()
      const timed = await stampede(fleet, callers, loadMillis)
      // An unsubscription may follow the answer.
      await sleep(50)
      const sent = proxies.map((proxy) => proxy.commands().length)
      return { ...timed, most: Math.max(...sent), all: sum(sent) }
    },
    close: async () => {
      await Promise.all(fleet.map((ship) => ship.close()))
      await Promise.all(proxies.map((proxy) => proxy.stop()))
    }
  }
}

/** The most of three runs. */
const counted = async (probe: Probe): Promise<Sample> => {
  const samples = [await probe.sample(), await probe.sample(), await probe.sample()]
  await probe.close()
  const most = (metric: string): number => Math.max(...samples.map((sample) => sample[metric]!))
  return { most: most("most"), all: most("all") }
}

const open = async (peer: Peer, { quick, redis }: Setting): Promise<Probe> => {
  if (quick) return watched(peer, redis!, { processes: 2, callers: 10, loadMillis: 50 })
  const scale = { processes: 4, callers: 250, loadMillis: 200 }
  const commands = await counted(await watched(peer, redis!, scale))
  const fleet = await launch(
    peer,
    Array.from({ length: scale.processes }, () => redis!)
  )
  // A proxy would be in the way of what is timed.
  for (let i = 0; i < 5; i++) await stampede(fleet, scale.callers, 20)
  return {
    sample: async () => ({ ...(await stampede(fleet, scale.callers, scale.loadMillis)), ...commands }),
    close: async () => void (await Promise.all(fleet.map((ship) => ship.close())))
  }
}

export const CrossProcess: Suite = {
  name: "cross-process",
  title: "4 processes × 250 callers on one cold key, over Redis",
  about:
    "A load of 200 ms. _Loads_ are what reaches the origin. _Beyond the load_ is what a caller waited less 200 ms, over all 1,000 callers. " +
    "_Commands_ are what the clients sent, counted by a proxy in runs of their own, the most of three; subscriptions are in, connecting is not.",
  isolated: false,
  redis: true,
  rounds: 9,
  metrics: [
    { key: "loads", title: "loads", unit: "count" },
    { key: "p50", title: "p50 beyond the load", unit: "ms" },
    { key: "p99", title: "p99 beyond the load", unit: "ms" },
    { key: "most", title: "commands, busiest process", unit: "count" },
    { key: "all", title: "commands, all", unit: "count" }
  ],
  contenders: [CacheLocking, HandWrittenLease, HandWrittenPolling, ...redisPeers].map((peer) => contender(peer, open)),
  verdict: ({ max, median, others }) => {
    const every = others.filter((name) => median(name, "loads") >= 4)
    return [
      `Loads: ${max(CacheLocking.name, "loads")} with ${CacheLocking.name}; one in every process with ${every.join(", ")}.`,
      "Who loads in every process has no other process to wait for, and so ends sooner after its load: three loads too many buy that.",
      `A process of ${CacheLocking.name} sends at most ${max(CacheLocking.name, "most")} commands however many callers it has; ` +
        "where every caller asks Redis before it looks for the others, it is one command for each and more."
    ]
  },
  targets: [
    { text: "exactly one load", met: ({ max }) => max(CacheLocking.name, "loads") === 1 },
    { text: "at most 6 commands from any process", met: ({ max }) => max(CacheLocking.name, "most") <= 6 }
  ]
}
