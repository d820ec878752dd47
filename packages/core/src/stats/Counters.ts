/**
 * Running totals: plain integers, exact because JavaScript counts in one thread, and cheap
 * enough for the hit path.
 */
import * as Cause from "effect/Cause"
import type { Adapter } from "../contract/Adapter.ts"
import { FetchTimeout } from "../contract/CacheLockingError.ts"
import { Histogram } from "./Histogram.ts"
import type { ErrorKind, Stats } from "./Stats.ts"

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
