/**
 * The conditions of every call: the cache is open, and the key is valid. A failure of the store becomes an error of the
 * call.
 */
import * as Effect from "effect/Effect"
import type { Adapter, AdapterError } from "../contract/Adapter.ts"
import {
  CacheClosed,
  type CacheDeleteFailed,
  type CacheGetFailed,
  type CacheLockingError,
  type CacheSetFailed,
  hasTag,
  type InvalidOption,
  isCacheLockingError
} from "../contract/CacheLockingError.ts"
import * as Check from "../contract/Check.ts"
import type { Engine } from "../flight/Engine.ts"

/** The failure of a call to a closed cache, or of one that was under way when the cache closed. */
export const closedError = ({ counters }: Engine, key?: string | undefined): CacheClosed =>
  counters.erred(new CacheClosed({ context: { key, phase: "close" }, message: "the cache was closed" }))

/**
 * Refuses a call to a closed cache.
 *
 * @throws CacheClosed
 */
export const admitOpen = (engine: Engine, key?: string | undefined): void => {
  if (engine.closed) throw closedError(engine, key)
}

const encoder = new TextEncoder()

/**
 * Refuses a key that the adapter would refuse for its length.
 *
 * @throws InvalidOption
 */
const admitLength = ({ adapter }: Engine, key: string): void => {
  const max = adapter.limits.keyBytes
  // UTF-8 takes at most three bytes for a UTF-16 unit, so most keys need not be measured.
  if (key.length * 3 <= max) return
  const size = encoder.encode(key).byteLength
  if (size <= max) return
  throw Check.invalid("key", `${key.slice(0, 64)}…`, `keys of at most ${max} bytes, as ${adapter.name} keeps them`)
}

/**
 * Refuses a call before anything is done.
 *
 * @throws CacheClosed, InvalidOption
 */
export const admit = (engine: Engine, key: string): void => {
  admitOpen(engine, key)
  Check.key(key)
  admitLength(engine, key)
}

const attempt = <A, E, R, T>(
  f: () => Effect.Effect<A, E, R>,
  isExpected: (error: unknown) => error is T
): Effect.Effect<A, E | T, R> => {
  try {
    return f()
  } catch (error) {
    return isExpected(error) ? Effect.fail(error) : Effect.die(error)
  }
}

/** Runs a function that may throw `CacheLockingError`, and nothing else, as an effect. */
export const checked = <A, E, R>(f: () => Effect.Effect<A, E, R>): Effect.Effect<A, E | CacheLockingError, R> =>
  attempt(f, isCacheLockingError)

/** Runs a function that may throw `InvalidOption`, and nothing else, as an effect. */
export const validated = <A, E, R>(f: () => Effect.Effect<A, E, R>): Effect.Effect<A, E | InvalidOption, R> =>
  attempt(f, (error): error is InvalidOption => hasTag(error, "INVALID_OPTION"))

/** Runs a function for a key that was admitted. */
export const guard = <B, E, R>(
  engine: Engine,
  key: string,
  f: () => Effect.Effect<B, E, R>
): Effect.Effect<B, E | CacheLockingError, R> =>
  Effect.suspend(() =>
    checked(() => {
      admit(engine, key)
      return f()
    })
  )

/** Asks the store. A caller that arrives after a write joins no load that began before it. */
export const ask = <B>(
  engine: Engine,
  key: string,
  phase: "read" | "put" | "delete",
  Failed: typeof CacheGetFailed | typeof CacheSetFailed | typeof CacheDeleteFailed,
  asked: (adapter: Adapter) => Effect.Effect<B, AdapterError>
): Effect.Effect<B, CacheLockingError> =>
  guard(engine, key, () => {
    const { adapter, counters, groups, reporter } = engine
    reporter.counted()
    const detach = Effect.sync(() => groups.detachInFlight(key))
    const whole = phase === "read" ? asked(adapter) : Effect.ensuring(asked(adapter), detach)
    return Effect.mapError(whole, (cause) => {
      const context = { key, phase, adapter: adapter.name }
      return counters.adapterErred<CacheLockingError>(new Failed({ context, message: cause.message, cause }))
    })
  })
