/**
 * What a cache has done, as plain numbers.
 */

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
  /** Mean milliseconds of a successful load; 0 before the first. */
  readonly meanLoadMillis: number
}
