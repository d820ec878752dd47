/** A fleet whose callers all ask for one missing key, and the commands of its processes. */
import { setTimeout as sleep } from "node:timers/promises"
import { FaultProxy, type FaultProxyOptions, type SentCommand } from "@cache-locking/test-servers"
import { Ship } from "../processes/Fleet.ts"
import type { FleetOrder } from "../processes/FleetWorker.ts"
import { quantile } from "../Statistics.ts"
import type { Metric, Probe, Sample } from "../Suite.ts"
import { stamp } from "../work/Crowd.ts"

export const bounds = { ttl: 60_000, leaseTtl: 5_000 }

/** The address of a store for the processes. */
export interface Course extends FaultProxyOptions {
  /** The address, direct or through a proxy. */
  readonly order: (proxy?: FaultProxy) => FleetOrder
  /** True for a command that counts. Default: all do. */
  readonly counts?: ((command: SentCommand) => boolean) | undefined
}

interface Scale {
  readonly processes: number
  readonly callers: number
  readonly loadMillis: number
}

export const metrics: ReadonlyArray<Metric> = [
  { key: "loads", title: "loads", unit: "count" },
  { key: "p50", title: "p50 beyond the load", unit: "ms" },
  { key: "p99", title: "p99 beyond the load", unit: "ms" },
  { key: "most", title: "commands, busiest process", unit: "count" },
  { key: "all", title: "commands, all", unit: "count" }
]

const sum = (numbers: ReadonlyArray<number>): number => numbers.reduce((all, n) => all + n, 0)

const stampede = async (fleet: ReadonlyArray<Ship>, callers: number, loadMillis: number) => {
  const key = `stampede:${stamp()}`
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

/** A fleet behind proxies that count what each process sends: the most of any, and all together. */
const watched = async (course: Course, { callers, loadMillis, processes }: Scale): Promise<Probe> => {
  const proxies = await Promise.all(Array.from({ length: processes }, () => FaultProxy.start(course)))
  const fleet = await Ship.launchAll(proxies.map((proxy) => course.order(proxy)))
  await stampede(fleet, callers, 20)
  return {
    sample: async () => {
      for (const proxy of proxies) proxy.resetCommands()
      const timed = await stampede(fleet, callers, loadMillis)
      // An unsubscription may follow the answer.
      await sleep(50)
      const sent = proxies.map((proxy) => proxy.commands().filter(course.counts ?? (() => true)).length)
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

/** Four processes with 250 callers each, and a load of 200 ms. */
export const openFleet = async (course: Course, quick: boolean): Promise<Probe> => {
  if (quick) return watched(course, { processes: 2, callers: 10, loadMillis: 50 })
  const scale = { processes: 4, callers: 250, loadMillis: 200 }
  const commands = await counted(await watched(course, scale))
  const fleet = await Ship.launchAll(Array.from({ length: scale.processes }, () => course.order()))
  // A proxy would delay the timed calls.
  for (let i = 0; i < 5; i++) await stampede(fleet, scale.callers, 20)
  return {
    sample: async () => ({ ...(await stampede(fleet, scale.callers, scale.loadMillis)), ...commands }),
    close: async () => void (await Promise.all(fleet.map((ship) => ship.close())))
  }
}
