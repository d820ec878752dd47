/**
 * What a cache has done, as plain numbers.
 */
import type { TierStats } from "../contract/Adapter.ts"
import type { Tag } from "../contract/CacheLockingError.ts"

/** How long something took, in milliseconds; zeros before the first time. The quantiles are exact to 1.6 %. */
export interface Timing {
  readonly count: number
  readonly mean: number
  readonly p50: number
  readonly p95: number
  readonly p99: number
}

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
