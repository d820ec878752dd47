/**
 * What stands before a caller's way to the store: the cache is open, and the key is one. What the store fails with is told
 * as the caller's own error.
 */
import * as Effect from "effect/Effect"
import type { Adapter, AdapterError } from "../contract/Adapter.ts"
import {
  CacheClosed,
  type CacheDeleteFailed,
  type CacheGetFailed,
  type CacheLockingError,
  type CacheSetFailed
} from "../contract/CacheLockingError.ts"
import * as Check from "../contract/Check.ts"
import type { Engine } from "../flight/Engine.ts"
import { checked } from "./CallOptions.ts"
import * as Call from "./GetOrSet.ts"

export const closed = ({ counters }: Engine<any>, key: string | undefined): Effect.Effect<never, CacheClosed> =>
  Effect.failSync(() =>
    counters.erred(new CacheClosed({ context: { key, phase: "close" }, message: "the cache was closed" }))
  )

/** Refuses what is not a key before anything is done. */
export const guard = <B, E, R>(
  engine: Engine<any>,
  key: string,
  f: () => Effect.Effect<B, E, R>
): Effect.Effect<B, E | CacheLockingError, R> =>
  Effect.suspend(() =>
    checked((): Effect.Effect<B, E | CacheLockingError, R> => {
      if (engine.closed) return closed(engine, key)
      Check.key(key)
      return Call.checkKey(engine, key) ?? f()
    })
  )

/** Asks the store. Callers who come after a write join no load that began before it. */
export const ask = <B>(
  engine: Engine<any>,
  key: string,
  phase: "read" | "put" | "delete",
  Failed: typeof CacheGetFailed | typeof CacheSetFailed | typeof CacheDeleteFailed,
  asked: (adapter: Adapter) => Effect.Effect<B, AdapterError>
): Effect.Effect<B, CacheLockingError> =>
  guard(engine, key, () => {
    const { adapter, counters, groups } = engine
    engine.answered()
    const overtake = Effect.sync(() => groups.detachInFlight(key))
    const whole = phase === "read" ? asked(adapter) : Effect.ensuring(asked(adapter), overtake)
    return Effect.mapError(whole, (cause) => {
      const context = { key, phase, adapter: adapter.name }
      return counters.adapterErred<CacheLockingError>(new Failed({ context, message: cause.message, cause }))
    })
  })
