/**
 * The contenders: the ways of getting a value that are compared. All use the same store, adapter and codec; they differ
 * in the callers that load.
 */
import type { PromiseCache } from "@cache-locking/core/promise"
import type { OriginValue } from "../ipc/Messages.ts"
import type { How } from "../recording/Recording.ts"

/** One caller's answer. */
interface Answer {
  readonly how: How
  readonly value: OriginValue
}

/** Gives the value of a key to one caller of this process. */
export type Get = (key: string) => Promise<Answer>

export interface Contender {
  readonly name: string
  readonly title: string
  /** Explains it to readers of the report. */
  readonly about: string
  readonly make: (cache: PromiseCache<OriginValue>, load: (key: string) => Promise<OriginValue>) => Get
}

/** The code that everybody writes first. */
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

/** The same behind a single flight per process, as most cache libraries do it. */
const single: Contender = {
  name: "single-flight",
  title: "one flight per process",
  about: "the same, shared by the callers of one process, as in most cache libraries",
  make: (cache, load) => {
    const get = naive.make(cache, load)
    const flights = new Map<string, Promise<Answer>>()
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

/** This repository's way, whose promises are checked. */
export const withLeases: Contender = {
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
  "MISS-FOLLOWER-FALLBACK": "alone",
  "MISS-UNAVAILABLE": "alone"
} as const satisfies { readonly [outcome: string]: How }

/** In the order in which they run; the last is the one with leases. */
export const contenders: ReadonlyArray<Contender> = [naive, single, withLeases]

/** The contender of that name. */
export const contender = (name: string): Contender => {
  const found = contenders.find((contender) => contender.name === name)
  if (found === undefined) throw new Error(`there is no contender "${name}"`)
  return found
}
