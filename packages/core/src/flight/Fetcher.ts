/**
 * The user's function that loads a value, and what it receives.
 */
import * as Effect from "effect/Effect"
import { onlyOnce } from "../codec/Structured.ts"
import { EncodeFailed } from "../contract/CacheLockingError.ts"
import * as Check from "../contract/Check.ts"

/** A decoded value past its freshness, and its times at one instant. */
export interface StaleValue<out A> {
  readonly value: A
  /** Milliseconds since it was filled, at `at`. */
  readonly age: number
  /** Milliseconds since it ceased to be fresh, at `at`. */
  readonly staleFor: number
  /** The instant, in milliseconds of a time inside this process that never steps. Only differences have a meaning. */
  readonly at: number
  /** Present when a load failed a moment ago: the reason why there is nothing newer. */
  readonly failure?: { readonly error: unknown } | undefined
}

/** The value that a load is to replace. */
export interface Previous<out A> extends StaleValue<A> {
  /**
   * Return this instead of a new value when the origin says that the old one still holds: its lifetime begins anew, and
   * its bytes are not written again.
   */
  readonly unchanged: A
}

/** The argument of a fetcher. */
export interface FetchContext<out A> {
  readonly key: string
  /** The value that expired, or is about to, if the store still keeps it. */
  readonly stale: Previous<A> | undefined
}

/** Loads the value of a key. */
export type Fetcher<A, E, R> = (context: FetchContext<A>) => Effect.Effect<A, E, R>

/** A fetcher without its types: see `LoadRequest`. The context of its request provides its requirements. */
export type ErasedFetcher = (context: FetchContext<any>) => Effect.Effect<unknown, unknown>

/** Accepts a value that all callers can use. Fails for one that only one of them could use, such as a stream. */
export const shared = <A>(key: string, value: A): Effect.Effect<A, EncodeFailed> => {
  const once = onlyOnce(value)
  if (once === undefined) return Effect.succeed(value)
  Check.silence(value)
  const message = `every caller gets the same value, and this one is ${once}`
  return Effect.fail(new EncodeFailed({ context: { key, phase: "encode" }, message }))
}

/** The value of `Previous.unchanged`. */
export const unchanged: unique symbol = Symbol.for("@cache-locking/core/unchanged")
