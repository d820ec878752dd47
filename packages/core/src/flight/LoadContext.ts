/**
 * What a turn at a key is made of: what it works with, what it tells, how it lands.
 */
import type * as Effect from "effect/Effect"
import type { ValueCodec } from "../codec/ValueCodec.ts"
import type { Adapter } from "../contract/Adapter.ts"
import type { CacheLockingError } from "../contract/CacheLockingError.ts"
import type { Uncached } from "../options/Answer.ts"
import type { Policy } from "../options/Policy.ts"
import type { RequestScope } from "../options/RequestScope.ts"
import type { Counters } from "../stats/Stats.ts"

/** A value past its freshness, decoded, and when that was true. */
export interface StaleValue<out A> {
  readonly value: A
  /** Milliseconds since it was filled, at `at`. */
  readonly age: number
  /** Milliseconds since it ceased to be fresh, at `at`. */
  readonly staleFor: number
  /** Epoch milliseconds by this process's clock. */
  readonly at: number
  /** Why nothing newer is there, when a load failed a moment ago. */
  readonly failure?: { readonly error: unknown } | undefined
}

/** The value that a load is to replace. */
export interface Previous<out A> extends StaleValue<A> {
  /**
   * To be returned instead of a new value when the origin says that this one still holds: its lifetime begins anew, and
   * its bytes are not written again.
   */
  readonly unchanged: A
}

/** What a fetcher is given. */
export interface FetchContext<out A> {
  readonly key: string
  /** The value that expired, or is about to, if it is still kept. */
  readonly stale: Previous<A> | undefined
}

/** What `Previous.unchanged` is. */
export const unchanged: unique symbol = Symbol.for("@cache-locking/core/unchanged")

/** How a turn ended well. */
export type LoadResult<A> =
  /** Nothing was done: the load was put off, or somebody else does it. */
  | { readonly _tag: "Idle" }
  | {
      readonly _tag: "Found"
      readonly value: A
      /** Milliseconds that its load took. */
      readonly cost: number
      readonly age: number
      readonly freshFor: number
      readonly followed: boolean
    }
  | {
      readonly _tag: "Loaded"
      readonly value: A
      readonly uncached: Uncached | undefined
      readonly leaseUntil: number | undefined
    }

/** Where a turn tells how far it is, and learns who waits. */
export interface FlightEvents<in A> {
  /** The lease is ours: the load begins. */
  readonly leading: () => void
  /** Another leads, or the key cools down. */
  readonly following: () => void
  /** A stale value is there. */
  readonly stale: (stale: StaleValue<A>) => void
  /** It still goes on. */
  readonly heartbeat: () => void
  /** Whether the turn was ended because nobody waits for it. */
  readonly ended: boolean
  /** Whether nobody waits for it, and it is to go on. */
  readonly isBackground: boolean
}

/** What a turn works with. */
export interface LoadContext<A, E, R> {
  readonly key: string
  readonly owner: string
  readonly adapter: Adapter
  readonly valueCodec: ValueCodec<A>
  readonly policy: Policy
  readonly fetcher: (context: FetchContext<A>) => Effect.Effect<A, E, R>
  readonly events: FlightEvents<A>
  /** Takes an error that is nobody's answer. */
  readonly report: (error: CacheLockingError) => Effect.Effect<void>
  readonly counters: Counters
  /** Lead whatever is there: a forced refresh. */
  readonly force: boolean
  /** Lead if no more than this much freshness is left: an early refresh, for which nobody waits. */
  readonly early: number | undefined
  /** Whether a load for which nobody waits may begin now; else it is put off. */
  readonly mayBegin: () => boolean
  /** Failures in a row of this key's loads in this process, counting this one; 0 ends the row. */
  readonly failuresInARow: (yes: boolean) => number
  /** Keeps what goes on behind the answer alive. */
  readonly waitUntil: RequestScope["waitUntil"]
}

/** Makes an effect interruptible again inside a turn, which is not. */
export type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/** A landing with a value that was loaded here. */
export const loaded = <A>(value: A, uncached?: Uncached, leaseUntil?: number): LoadResult<A> => ({
  _tag: "Loaded",
  value,
  uncached,
  leaseUntil
})

/** The landing of a turn that did nothing. */
export const idle: LoadResult<never> = { _tag: "Idle" }
