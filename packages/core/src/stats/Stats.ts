/**
 * What a cache has done, as plain numbers.
 */
import * as Cause from "effect/Cause"
import type { Adapter, TierStats } from "../contract/Adapter.ts"
import { FetchTimeout, type Tag } from "../contract/CacheLockingError.ts"
import { Histogram, type Timing } from "./Histogram.ts"

export type { Timing } from "./Histogram.ts"

/** A kind of error: the tag of one of this library's, or `LOAD_FAILED` for whatever the fetcher failed with. */
export type ErrorKind = Tag | "LOAD_FAILED"

/** Totals of one cache in this process. */
export interface Stats {
  /** Answers that were fresh in the cache. */
  readonly hits: number
  /** Answers that needed a load, one's own or another's. */
  readonly misses: number
  /** `hits / (hits + misses)`; 0 before the first answer. */
  readonly hitRate: number
  /** Fetchers begun here. */
  readonly loads: number
  readonly loadFailures: number
  /** Callers who were answered by a load that they did not run. */
  readonly stampedePrevented: number
  /** Stale values served. */
  readonly staleServed: number
  /** Flights that waited for another process. */
  readonly waits: number
  /** Callers who fetched beside another's load, after `waitMax`. */
  readonly fallbacks: number
  /** Leases that were lost before the fill. */
  readonly leaseLost: number
  /** Flights that waited and then led. */
  readonly takeovers: number
  /** Stored values that did not decode. */
  readonly undecodable: number
  readonly sets: number
  readonly deletes: number
  /** Failed verbs of the adapter. */
  readonly adapterErrors: number
  /**
   * What went wrong, by kind, counted where it arose and not once for each caller who was told. A load that failed is one
   * of `LOAD_FAILED`, `FETCH_TIMEOUT` and, behind a stale value, `REFRESH_FAILED`. Kinds that never arose are left out;
   * so are calls that were refused for their options.
   */
  readonly errors: { readonly [K in ErrorKind]?: number }
  /** Values that the adapter's bounds pushed out, by whichever cache of this process uses it; 0 where it has none. */
  readonly evictions: number
  readonly latency: {
    /** Loads that succeeded. */
    readonly origin: Timing
    /** Askings of the store by new flights: one round trip. Every fourth is measured. Hits in this process ask nothing. */
    readonly store: Timing
  }
  /** The tiers of the adapter, nearest first; empty where it has none. */
  readonly tiers: ReadonlyArray<TierStats>
}

/** What one cache has done in this process. See `Stats` for the meanings. */
export class Counters {
  hits = 0
  misses = 0
  loads = 0
  loadFailures = 0
  stampedePrevented = 0
  staleServed = 0
  waits = 0
  fallbacks = 0
  leaseLost = 0
  takeovers = 0
  undecodable = 0
  sets = 0
  deletes = 0
  adapterErrors = 0
  readonly errors: { [K in ErrorKind]?: number } = {}
  readonly origin = new Histogram()
  readonly store = new Histogram()
  /** Hears of every load that succeeded. */
  onLoaded: ((millis: number) => void) | undefined = undefined
  private asked = 0

  /** Whether to measure this asking of the store. Looking at a fine clock, twice, costs too much for each. */
  get measures(): boolean {
    return (this.asked++ & 3) === 0
  }

  /** Counts an error, and gives it back. */
  erred<E extends { readonly _tag: ErrorKind }>(error: E): E {
    this.count(error._tag)
    return error
  }

  /** Counts a failed verb of the adapter by what becomes of it. */
  adapterErred<E extends { readonly _tag: ErrorKind }>(error: E): E {
    this.adapterErrors++
    return this.erred(error)
  }

  /** Counts a load that succeeded. */
  loaded(millis: number): void {
    this.origin.record(millis)
    this.onLoaded?.(millis)
  }

  /** Counts a load that failed. `behind`: nobody waited for it. */
  loadFailed(cause: Cause.Cause<unknown>, behind: boolean): void {
    this.loadFailures++
    const timedOut = cause.reasons.some((reason) => Cause.isFailReason(reason) && reason.error instanceof FetchTimeout)
    this.count(behind ? "REFRESH_FAILED" : timedOut ? "FETCH_TIMEOUT" : "LOAD_FAILED")
  }

  count(kind: ErrorKind): void {
    this.errors[kind] = (this.errors[kind] ?? 0) + 1
  }

  /** The totals now. */
  stats(adapter: Adapter): Stats {
    const { hits, misses } = this
    return {
      hits,
      misses,
      hitRate: hits === 0 ? 0 : hits / (hits + misses),
      loads: this.loads,
      loadFailures: this.loadFailures,
      stampedePrevented: this.stampedePrevented,
      staleServed: this.staleServed,
      waits: this.waits,
      fallbacks: this.fallbacks,
      leaseLost: this.leaseLost,
      takeovers: this.takeovers,
      undecodable: this.undecodable,
      sets: this.sets,
      deletes: this.deletes,
      adapterErrors: this.adapterErrors,
      errors: { ...this.errors },
      evictions: adapter.evictions?.() ?? 0,
      latency: { origin: this.origin.timing(), store: this.store.timing() },
      tiers: adapter.tiers?.() ?? []
    }
  }
}
