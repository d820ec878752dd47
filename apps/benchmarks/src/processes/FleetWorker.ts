/** One process of a fleet: a cache over Redis or another backend, with many callers on request. */
import { setTimeout as sleep } from "node:timers/promises"
import { backendOf } from "../backends/Backends.ts"
import { overReached } from "../peers/CacheLocking.ts"
import type { Opened, RedisBounds } from "../peers/Peer.ts"
import { redisPeerOf } from "../peers/RedisPeers.ts"
import type { Address } from "../Suite.ts"
import { type Load, valueOf } from "../work/Origin.ts"

/** The settings of the process, as one argument of JSON. */
export type FleetOrder = PeerOrder | BackendOrder

/** A peer over Redis. */
export interface PeerOrder {
  readonly peer: string
  readonly redis: Address
  readonly bounds: RedisBounds
  /** Milliseconds for which values are served after they expired. */
  readonly stale?: number
}

/** Our own cache over any backend. */
export interface BackendOrder {
  readonly backend: string
  readonly url: string
  readonly bounds: RedisBounds
}

export interface Round {
  readonly key: string
  readonly callers: number
  readonly loadMillis: number
}

export type FleetMessage =
  | { readonly type: "ready" }
  /** A load begins, at a time of the machine's own clock in milliseconds. */
  | { readonly type: "loading"; readonly at: number }
  | { readonly type: "done"; readonly durations: ReadonlyArray<number>; readonly wrong: number }
  | { readonly type: "failed"; readonly error: string }

/** Milliseconds on a clock that all processes of the machine share. */
export const machineNow = (): number => Number(process.hrtime.bigint()) / 1e6

const tell = (message: FleetMessage): void => void process.send!(message)

const openPeer = ({ bounds, peer: name, redis, stale }: PeerOrder, load: Load): Promise<Opened> => {
  const peer = redisPeerOf(name)!
  return stale === undefined ? peer.redis!(load, redis, bounds) : peer.stale!(load, redis, { ...bounds, stale })
}

const serve = async (order: FleetOrder): Promise<void> => {
  let loadMillis = 0
  const load: Load = async (key) => {
    tell({ type: "loading", at: machineNow() })
    await sleep(loadMillis)
    return valueOf(key)
  }
  const opened =
    "peer" in order
      ? await openPeer(order, load)
      : overReached(await backendOf(order.backend).open(order.url), load, order.bounds)

  const round = async ({ callers, key, loadMillis: millis }: Round): Promise<void> => {
    loadMillis = millis
    let wrong = 0
    const call = async (): Promise<number> => {
      const began = performance.now()
      if ((await opened.get(key)) !== valueOf(key)) wrong++
      return performance.now() - began
    }
    const durations = await Promise.all(Array.from({ length: callers }, call))
    tell({ type: "done", durations, wrong })
  }

  process.on("message", (order: Round | "close") => {
    if (order === "close") void opened.close().finally(() => process.disconnect())
    else round(order).catch((error) => tell({ type: "failed", error: String(error) }))
  })
  tell({ type: "ready" })
}

if (process.send !== undefined && process.argv[2] !== undefined && import.meta.filename === process.argv[1]) {
  process.on("disconnect", () => process.exit())
  serve(JSON.parse(process.argv[2]) as FleetOrder).catch((error) => tell({ type: "failed", error: String(error) }))
}
