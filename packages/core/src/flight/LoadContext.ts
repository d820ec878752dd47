/**
 * The context in which one load of a key runs: its collaborators, the events that it raises, its result.
 */
import type * as Effect from "effect/Effect"
import type { ValueCodec } from "../codec/ValueCodec.ts"
import type { Adapter } from "../contract/Adapter.ts"
import type { CacheLockingError } from "../contract/CacheLockingError.ts"
import type { Uncached } from "../options/Answer.ts"
import type { Policy } from "../options/Policy.ts"
import type { Counters } from "../stats/Stats.ts"
import type { ErasedFetcher, StaleValue } from "./Fetcher.ts"
import type { LeaseReturns } from "./LeaseReturns.ts"

/** The result of a load that did not fail. */
export type LoadResult =
  /** Nothing was loaded: the load was postponed, or another flight does it. */
  | { readonly _tag: "Skipped" }
  /** A fresh value was in the store. */
  | {
      readonly _tag: "Found"
      readonly value: unknown
      /** Milliseconds that its load took. */
      readonly cost: number
      readonly age: number
      readonly freshFor: number
      /** True when this flight waited for another process's load of it. */
      readonly followed: boolean
    }
  | {
      readonly _tag: "Loaded"
      readonly value: unknown
      readonly uncached: Uncached | undefined
      /** Epoch milliseconds. */
      readonly leaseUntil: number | undefined
      /**
       * The latest arrival of a caller that may take the result. A later one may have come after the invalidation that
       * voided the load.
       */
      readonly validUntil: number
    }

/** Receives the progress of a load, and knows its waiters. */
export interface LoadEvents {
  /** The lease is ours: the fetcher begins. */
  readonly leading: () => void
  /** The fetcher begins without a lease: this load will not learn that its result became void. */
  readonly unleased: () => void
  /** Another process leads, or the key cools down. */
  readonly following: () => void
  /** A stale value was found, or the one that was found before is there no more. */
  readonly stale: (stale: StaleValue<unknown> | undefined) => void
  /**
   * The load still runs, and may be silent for this many milliseconds. The default is the time that a store may take to
   * answer.
   */
  readonly heartbeat: (quietFor?: number) => void
  /** Sleeps. Keeps the process alive while a caller waits for the load. */
  readonly sleep: (millis: number) => Effect.Effect<void>
  /** The lease is lost, or a tag was invalidated: the result is void for callers that arrive from now on. */
  readonly leaseLost: () => void
  /** True when the load was ended because nobody waits for it. */
  readonly ended: boolean
  /** True when the load runs in the background: nobody waits for it, and it goes on. */
  readonly isBackground: boolean
}

/** The collaborators of a load. */
export interface LoadContext {
  readonly key: string
  readonly owner: string
  /** The instant just before the store was asked. */
  readonly startedAt: number
  readonly adapter: Adapter
  readonly valueCodec: ValueCodec<unknown>
  readonly policy: Policy
  readonly fetcher: ErasedFetcher
  readonly events: LoadEvents
  readonly counters: Counters
  /** Reports an error that fails no caller. */
  readonly report: (error: CacheLockingError) => Effect.Effect<void>
  /** Leads even if there is a fresh value: a forced refresh. */
  readonly force: boolean
  /** Leads if at most this much freshness is left, in milliseconds: an early refresh, for which nobody waits. */
  readonly early: number | undefined
  /** Takes a slot for a background load. False when there is none; the load is then postponed. */
  readonly acquireSlot: () => boolean
  /** Records that a load of the key failed, or succeeded; returns its failures in a row in this process. */
  readonly failuresInARow: (failed: boolean) => number
  /** Records that an `acquire` had no answer, and may have been granted all the same. */
  readonly unanswered: () => void
  /** True when work may go on after the answer. */
  readonly allowsBackground: boolean
  /** Gives leases back where the store did not accept that at once, or where no caller should wait for it. */
  readonly returns: LeaseReturns
}

/** Makes an effect interruptible inside a load, which is uninterruptible. */
export type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/** The result of a load that ran here. */
export const loaded = (
  value: unknown,
  uncached?: Uncached,
  leaseUntil?: number,
  validUntil = Infinity
): LoadResult => ({ _tag: "Loaded", value, uncached, leaseUntil, validUntil })

/** The result of a load that loaded nothing. */
export const skipped: LoadResult = { _tag: "Skipped" }
