/**
 * What a caller is answered: the value, and how it came about.
 */
/** Why a loaded value was not cached. */
export type Uncached = "declined" | "lost" | "invalidated" | "set-failed" | "encode-failed" | "bypassed"

/**
 * How an answer came about.
 *
 * - `HIT`: a fresh value was there.
 * - `STALE`: an expired value inside its window, while or because a load runs, cools down or failed.
 * - `MISS-LEADER`: this caller's flight loaded it, and it is cached.
 * - `MISS-LEADER-NOCACHE`: this caller's flight loaded it, and it is not cached: `meta.uncached` tells why.
 * - `MISS-FOLLOWER-HIT`: another caller's or process's load was waited for.
 * - `MISS-FOLLOWER-FALLBACK`: another's load took longer than `waitMax`; it was fetched beside it, uncached.
 */
export type Outcome =
  | "HIT"
  | "STALE"
  | "MISS-LEADER"
  | "MISS-LEADER-NOCACHE"
  | "MISS-FOLLOWER-HIT"
  | "MISS-FOLLOWER-FALLBACK"

/** How an answer came about, with numbers. Times are in milliseconds. */
export interface Meta {
  readonly cache: Outcome
  /** Since the value was filled, where it came out of the store. */
  readonly age?: number | undefined
  /** Until the value is no longer fresh, where it came out of the store fresh. */
  readonly freshFor?: number | undefined
  /** Since the value ceased to be fresh, when `STALE`. */
  readonly staleFor?: number | undefined
  /** What this caller waited for another's load. */
  readonly waited?: number | undefined
  /** When the lease of the load was to end, in epoch milliseconds by this process's clock. */
  readonly leaseUntil?: number | undefined
  /**
   * Why the value is not cached: `"declined"` by `shouldCache` or a `cacheTtl` of 0, `"lost"` the lease (a delete or
   * set came between, or it ended), `"invalidated"` (one of its tags was, meanwhile), `"set-failed"`, `"encode-failed"`, or `"bypassed"` the store by policy.
   */
  readonly uncached?: Uncached | undefined
  /** The failure because of which a stale value was served. */
  readonly error?: unknown
}

/** A value, and how it came about. */
export interface Answer<out A> {
  readonly value: A
  readonly meta: Meta
}
