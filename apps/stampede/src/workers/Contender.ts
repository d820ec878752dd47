/**
 * A way to get a value that many want: what is compared. All contenders use the same store,
 * the same adapter and the same codec; they differ in who loads.
 */
import type { PromiseCache } from "@cache-locking/core/promise"
import type { OriginValue } from "../ipc/Wire.ts"
import type { How } from "../recording/Recording.ts"

/** One caller's answer. */
export interface Got {
  readonly how: How
  readonly value: OriginValue
}

/** Gives the value of a key to one caller of this process. */
export type Get = (key: string) => Promise<Got>

export interface Contender {
  readonly name: string
  readonly title: string
  /** What it does, for those who read the report. */
  readonly about: string
  readonly make: (cache: PromiseCache<OriginValue>, load: (key: string) => Promise<OriginValue>) => Get
}

/** Looks, and if nothing fresh is there, loads and writes: what everybody writes first. */
const naive: Contender = {
  name: "naive",
  title: "every caller for itself",
  about: "get; on a miss, load and set",
  make: (cache, load) => async (key) => {
    const cached = await cache.get(key)
    if (cached !== undefined) return { how: "hit", value: cached }
    const value = await load(key)
    await cache.set(key, value)
    return { how: "led", value }
  }
}

/** The same, but the callers of one process share it: what most cache libraries do. */
const single: Contender = {
  name: "single-flight",
  title: "one flight per process",
  about: "the same, shared by the callers of one process: what most cache libraries do",
  make: (cache, load) => {
    const get = naive.make(cache, load)
    const flights = new Map<string, Promise<Got>>()
    return async (key) => {
      const running = flights.get(key)
      if (running !== undefined) {
        const { how, value } = await running
        return { how: how === "led" ? "waited" : how, value }
      }
      const flight = get(key).finally(() => flights.delete(key))
      flights.set(key, flight)
      return flight
    }
  }
}

/** What this repository is about. */
const leases: Contender = {
  name: "cache-locking",
  title: "cache-locking",
  about: "getOrSet: one flight of all processes loads, under a lease",
  make: (cache, load) => async (key) => {
    const { meta, value } = await cache.getOrSetWithMeta(key, () => load(key))
    return { how: hows[meta.cache], value }
  }
}

const hows = {
  HIT: "hit",
  STALE: "stale",
  "MISS-LEADER": "led",
  "MISS-LEADER-NOCACHE": "uncached",
  "MISS-FOLLOWER-HIT": "waited",
  "MISS-FOLLOWER-FALLBACK": "alone"
} as const satisfies { readonly [outcome: string]: How }

/** In the order in which they run; the last is the one with leases. */
export const contenders: ReadonlyArray<Contender> = [naive, single, leases]

/** The one whose promises are checked. */
export const withLeases: Contender = leases

/** The contender of that name. */
export const contender = (name: string): Contender => {
  const found = contenders.find((contender) => contender.name === name)
  if (found === undefined) throw new Error(`there is no contender "${name}"`)
  return found
}
