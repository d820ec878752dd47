/**
 * Reads that load nothing.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { type EncodedValue, isMark } from "../codec/EncodedValue.ts"
import type { Snapshot } from "../contract/Adapter.ts"
import { CacheGetFailed, type CacheLockingError } from "../contract/CacheLockingError.ts"
import type { Engine } from "../flight/Engine.ts"
import * as Tags from "../tags/Tags.ts"
import { ask } from "./Preconditions.ts"

/** Everything known of a key. Times are in milliseconds. */
export interface Explanation {
  readonly key: string
  readonly state: "fresh" | "stale" | "absent"
  /** Since the value was filled. */
  readonly age: number | undefined
  readonly freshFor: number
  /** Until the store drops the value altogether. */
  readonly keptFor: number
  /** The owner of the lease: the name of the leader's flight, which begins with the leader's `ownerId`. */
  readonly holder: string | undefined
  readonly leaseEndsIn: number | undefined
  /** Until the cooldown after a failed load is over. */
  readonly coolingFor: number | undefined
  /** While it lasts, nobody waits for another process's load, because the last result of the key was not cached. */
  readonly bypassFor: number | undefined
  /** Callers of this process that wait for it now. */
  readonly waitersHere: number
}

/** A snapshot, with its fresh value decoded. */
interface Found extends Snapshot {
  readonly fresh?: EncodedValue<unknown> | undefined
  /** The time for which a mark still stands in the place of a value. */
  readonly markedFor?: number | undefined
}

const nothing = { value: undefined, freshFor: 0, keptFor: 0, age: 0, took: 0 } as const

/** Reads a key. A value with an invalidated tag counts as absent, and so does a mark. */
export const peek = (engine: Engine, key: string): Effect.Effect<Found, CacheLockingError> =>
  Effect.flatMap(
    ask(engine, key, "read", CacheGetFailed, (adapter) => adapter.read(key)),
    (found) => {
      if (found.value === undefined) return Effect.succeed(found)
      return Effect.flatMap(
        engine.valueCodec.decode(key, found.value),
        (decoded): Effect.Effect<Found, CacheLockingError> => {
          if (decoded === undefined && isMark(found.value!)) {
            return Effect.succeed({ ...found, ...nothing, markedFor: found.keptFor })
          }
          const tags = decoded?.tags ?? []
          const whole = found.freshFor > 0 ? { ...found, fresh: decoded } : found
          if (tags.length === 0) return Effect.succeed(whole)
          const valid = ask(engine, key, "read", CacheGetFailed, (adapter) => Tags.valid(adapter, tags))
          return Effect.map(valid, (yes) => (yes ? whole : { ...found, ...nothing }))
        }
      )
    }
  )

/** Reads the fresh value, and counts a hit or a miss. */
export const get = <A>(engine: Engine, key: string): Effect.Effect<Option.Option<A>, CacheLockingError> =>
  Effect.map(peek(engine, key), ({ fresh }) => {
    const { counters } = engine
    if (fresh === undefined) counters.misses++
    else counters.hits++
    return fresh === undefined ? Option.none<A>() : Option.some(fresh.value as A)
  })

export const explain = (engine: Engine, key: string): Effect.Effect<Explanation, CacheLockingError> =>
  Effect.map(peek(engine, key), (found) => ({
    key,
    state: found.value === undefined ? "absent" : found.freshFor > 0 ? "fresh" : "stale",
    age: found.value === undefined ? undefined : found.age,
    freshFor: found.freshFor,
    keptFor: found.keptFor,
    holder: found.lease?.owner,
    leaseEndsIn: found.lease?.endsIn,
    coolingFor: found.cooling?.retryIn,
    bypassFor: found.markedFor,
    waitersHere: engine.groups.waiters(key)
  }))
