/**
 * The counters of every cache as Effect metrics.
 *
 * An update of an Effect metric costs more than a whole hit in memory, so counts are carried over in
 * batches: with every load, every 128 answers, at `stats()` and when the cache closes. Each metric has the
 * attributes `cache` and `adapter`.
 */
import type * as Context from "effect/Context"
import * as Metric from "effect/Metric"
import type { Counters } from "./Counters.ts"

const count = (name: string, description: string) =>
  Metric.counter(`cache_locking_${name}_total`, { description, incremental: true })

const metrics = {
  hits: count("hits", "Answers that were fresh in the cache"),
  misses: count("misses", "Answers that needed a load, one's own or another's"),
  loads: count("loads", "Fetchers begun"),
  loadFailures: count("load_failures", "Fetchers that failed"),
  stampedePrevented: count("stampede_prevented", "Callers answered by a load that they did not run"),
  staleServed: count("stale_served", "Stale values served"),
  waits: count("waits", "Flights that waited for another process"),
  fallbacks: count("fallbacks", "Callers who fetched beside another's load"),
  leaseLost: count("lease_lost", "Leases lost before the fill"),
  takeovers: count("takeovers", "Flights that waited and then led"),
  undecodable: count("undecodable", "Stored values that did not decode"),
  sets: count("sets", "Values written through"),
  deletes: count("deletes", "Deletes"),
  adapterErrors: count("adapter_errors", "Failed verbs of the adapter")
} as const

type Name = keyof typeof metrics

const names = Object.keys(metrics) as ReadonlyArray<Name>

/** Carries one cache's counts over to the metrics. */
export class Meter {
  private readonly carried = Object.fromEntries(names.map((name) => [name, 0])) as Record<Name, number>
  private readonly counters: Counters
  private readonly context: Context.Context<never>
  private readonly attributes: { readonly cache: string; readonly adapter: string }
  private series: { readonly [N in Name]: Metric.Counter<number> } | undefined

  constructor(counters: Counters, context: Context.Context<never>, cache: string, adapter: string) {
    this.counters = counters
    this.context = context
    this.attributes = { cache, adapter }
  }

  carry(): void {
    this.series ??= Object.fromEntries(
      names.map((name) => [name, Metric.withAttributes(metrics[name], this.attributes)])
    ) as unknown as { readonly [N in Name]: Metric.Counter<number> }
    for (const name of names) {
      const more = this.counters[name] - this.carried[name]
      if (more === 0) continue
      this.carried[name] += more
      this.series[name].updateUnsafe(more, this.context)
    }
  }
}
