/**
 * Running totals: plain integers, exact because JavaScript counts in one thread, and cheap
 * enough for the hit path.
 */
import type { Stats } from "./Stats.ts"

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
  /** Milliseconds spent in fetchers that succeeded. */
  loadMillis = 0

  /** The totals now. */
  stats(): Stats {
    const { loadMillis, ...totals } = this
    const succeeded = this.loads - this.loadFailures
    return {
      ...totals,
      hitRate: this.hits === 0 ? 0 : this.hits / (this.hits + this.misses),
      meanLoadMillis: succeeded <= 0 ? 0 : loadMillis / succeeded
    }
  }
}
