/**
 * The counts and latencies of a cache in this process, as plain numbers.
 */
import * as Cause from "effect/Cause"
import type { Adapter, TierStats } from "../contract/Adapter.ts"
import { type ErrorTag, hasTag } from "../contract/CacheLockingError.ts"

/** Durations in milliseconds; all 0 before the first one. The quantiles are exact to 1.6 %. */
export interface Timing {
  readonly count: number
  readonly mean: number
  readonly p50: number
  readonly p95: number
  readonly p99: number
}

/** A kind of error: the tag of an error of this library, or `LOAD_FAILED` for a failure of the fetcher. */
export type ErrorKind = ErrorTag | "LOAD_FAILED"

/** The totals of one cache in this process. */
export interface Stats {
  /** Answers that were fresh in the cache. */
  readonly hits: number
  /** Answers that needed a load, the caller's own or another's. */
  readonly misses: number
  /** `hits / (hits + misses)`; 0 before the first answer. */
  readonly hitRate: number
  /** Fetchers started in this process. */
  readonly loads: number
  readonly loadFailures: number
  /** Callers that were answered by a load that they did not run. */
  readonly stampedePrevented: number
  /** Stale values served. */
  readonly staleServed: number
  /**
   * Background loads that waited for their turn, because `refreshConcurrency` of them ran. Counted when their turn
   * comes.
   */
  readonly refreshesQueued: number
  /**
   * Background loads whose stale value could no longer be served when their turn came: raise `refreshConcurrency`, or
   * the window.
   */
  readonly refreshesLate: number
  /** Flights that waited for another process. */
  readonly waits: number
  /** Callers that fetched beside another's load after `waitMax`. */
  readonly fallbacks: number
  /** Callers that started a load without the store, because it did not answer or is down. */
  readonly unavailable: number
  /** Leases lost before the fill. */
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
   * Milliseconds for which the store, or the part of it that is down longest, has been down; 0 while it is up, and for a
   * store in this process. While it is down, calls fail at once or load without it (`onAdapterError`).
   */
  readonly storeDownFor: number
  /**
   * Errors by kind. Each is counted once, not once for each caller that got it. A failed load is one of `LOAD_FAILED`,
   * `FETCH_TIMEOUT` and, in the background, `REFRESH_FAILED`. Kinds that never occurred are left out, and so are calls
   * refused for their options.
   */
  readonly errors: { readonly [K in ErrorKind]?: number }
  /** Values that the adapter's bounds evicted, for all caches of this process that use it; 0 where it has none. */
  readonly evictions: number
  readonly latency: {
    /** Loads that succeeded. */
    readonly origin: Timing
    /** Requests of new flights to the store, one round trip each. Every fourth is measured. Local hits make none. */
    readonly store: Timing
  }
  /** The tiers of the adapter, nearest first; empty where it has none. */
  readonly tiers: ReadonlyArray<TierStats>
}

/** The number of buckets in each power of two, as a power of two. */
const bits = 5

/** About 71 minutes, in microseconds. A longer duration counts in the last bucket, and in full in the mean. */
const most = 2 ** 32 - 1

/** Milliseconds from one monotonic instant to another, both in nanoseconds. */
export const millisBetween = (from: bigint, to: bigint): number => Number(to - from) / 1e6

const size = (32 - bits - 1) * 2 ** bits + 2 ** (bits + 1)

const shiftOf = (micros: number): number => Math.max(0, 31 - bits - Math.clz32(micros))

/** The midpoint of a bucket, in milliseconds. */
const middle = (bucket: number): number => {
  const shift = Math.max(0, (bucket >>> bits) - 1)
  const low = (bucket - shift * 2 ** bits) * 2 ** shift
  return (low + (2 ** shift - 1) / 2) / 1000
}

/**
 * Count, mean and quantiles of durations, in bounded memory.
 *
 * Log-linear buckets, after HdrHistogram (Gil Tene, http://hdrhistogram.org): every power of two of microseconds is
 * divided into 32. A quantile is wrong by at most 1/64 (1.6 %) of its value, or half a microsecond if that is more. A
 * histogram takes 7 KB after the first duration, and recording allocates nothing.
 */
export class Histogram {
  private count = 0
  private sum = 0
  private longest = 0
  private buckets: Float64Array | undefined = undefined

  /** Records a duration in milliseconds. One below 0 counts as 0. */
  record(millis: number): void {
    const took = Math.max(0, millis)
    const micros = Math.min(most, Math.round(took * 1000)) >>> 0
    const shift = shiftOf(micros)
    this.buckets ??= new Float64Array(size)
    this.buckets[shift * 2 ** bits + (micros >>> shift)]! += 1
    this.count++
    this.sum += took
    if (took > this.longest) this.longest = took
  }

  /** The durations recorded until now. */
  timing(): Timing {
    const { count, sum } = this
    const [p50, p95, p99] = this.quantiles([0.5, 0.95, 0.99]) as [number, number, number]
    return { count, mean: count === 0 ? 0 : sum / count, p50, p95, p99 }
  }

  /**
   * The quantiles for the given parts, from 0 to 1, which must be ascending: for each, the smallest duration that this
   * part of all durations does not exceed.
   */
  private quantiles(parts: ReadonlyArray<number>): ReadonlyArray<number> {
    const { buckets, count, longest } = this
    let bucket = -1
    let seen = 0
    return parts.map((part) => {
      if (buckets === undefined) return 0
      const rank = Math.max(1, Math.ceil(part * count))
      while (seen < rank) seen += buckets[++bucket]!
      return bucket === size - 1 ? longest : Math.min(middle(bucket), longest)
    })
  }
}

/** The running totals behind `Stats`: plain integers, exact in one thread, and cheap enough for the hit path. */
export class Counters {
  hits = 0
  misses = 0
  loads = 0
  loadFailures = 0
  stampedePrevented = 0
  staleServed = 0
  refreshesQueued = 0
  refreshesLate = 0
  waits = 0
  fallbacks = 0
  unavailable = 0
  leaseLost = 0
  takeovers = 0
  undecodable = 0
  sets = 0
  deletes = 0
  adapterErrors = 0
  readonly errors: { [K in ErrorKind]?: number } = {}
  readonly origin = new Histogram()
  readonly store = new Histogram()
  /** Called with the duration of every load that succeeded. */
  onLoaded: ((millis: number) => void) | undefined = undefined
  private asked = 0

  /** True when this request to the store is to be measured. Reading a fine clock twice costs too much for each. */
  get measures(): boolean {
    return (this.asked++ & 3) === 0
  }

  /** Counts an error, and returns it. */
  erred<E extends { readonly _tag: ErrorKind }>(error: E): E {
    this.count(error._tag)
    return error
  }

  /** Counts a failed verb of the adapter, by the error that it became. */
  adapterErred<E extends { readonly _tag: ErrorKind }>(error: E): E {
    this.adapterErrors++
    return this.erred(error)
  }

  /** Counts a load that succeeded. */
  loaded(millis: number): void {
    this.origin.record(millis)
    this.onLoaded?.(millis)
  }

  /** Counts a load that failed. */
  loadFailed(cause: Cause.Cause<unknown>, isBackground: boolean): void {
    this.loadFailures++
    const timedOut = cause.reasons.some((reason) => Cause.isFailReason(reason) && hasTag(reason.error, "FETCH_TIMEOUT"))
    this.count(isBackground ? "REFRESH_FAILED" : timedOut ? "FETCH_TIMEOUT" : "LOAD_FAILED")
  }

  count(kind: ErrorKind): void {
    this.errors[kind] = (this.errors[kind] ?? 0) + 1
  }

  /** The totals now. */
  stats(adapter: Adapter, storeDownFor: number): Stats {
    const { hits, misses } = this
    return {
      hits,
      misses,
      hitRate: hits === 0 ? 0 : hits / (hits + misses),
      loads: this.loads,
      loadFailures: this.loadFailures,
      stampedePrevented: this.stampedePrevented,
      staleServed: this.staleServed,
      refreshesQueued: this.refreshesQueued,
      refreshesLate: this.refreshesLate,
      waits: this.waits,
      fallbacks: this.fallbacks,
      unavailable: this.unavailable,
      leaseLost: this.leaseLost,
      takeovers: this.takeovers,
      undecodable: this.undecodable,
      sets: this.sets,
      deletes: this.deletes,
      adapterErrors: this.adapterErrors,
      storeDownFor,
      errors: { ...this.errors },
      evictions: adapter.evictions?.() ?? 0,
      latency: { origin: this.origin.timing(), store: this.store.timing() },
      tiers: adapter.tiers?.() ?? []
    }
  }
}
