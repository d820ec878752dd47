/**
 * The counters of every cache as Effect metrics.
 *
 * An update of an Effect metric costs more than a whole hit in memory, so counts are carried over in batches: at
 * `stats()`, when the cache closes, and a second after something was counted. The duration of a load is told at once. What
 * an adapter counts is carried over once, however many caches use it.
 */
import type * as Context from "effect/Context"
import * as Metric from "effect/Metric"
import type { Adapter } from "../contract/Adapter.ts"
import type { Counters } from "./Stats.ts"

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

const names = Object.keys(metrics) as ReadonlyArray<keyof typeof metrics>

const errors = count("errors", "What went wrong, by kind")

const evictions = count("evictions", "Values that the adapter's bounds pushed out")

const tiers = {
  hits: count("tier_hits", "Values found in a tier"),
  misses: count("tier_misses", "Values not found in a tier"),
  evictions: count("tier_evictions", "Values that a tier's bounds pushed out")
} as const

const durations = Metric.histogram("cache_locking_load_duration_milliseconds", {
  description: "How long loads that succeeded took",
  attributes: { unit: "ms" },
  boundaries: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000]
})

/** What was carried over, by series. */
type Carried = Map<string, number>

const byAdapter = new WeakMap<object, Carried>()

const carriedOf = (source: object): Carried => {
  const carried = byAdapter.get(source) ?? new Map()
  byAdapter.set(source, carried)
  return carried
}

// Two functions: closures of one share what either of them keeps.
const strong =
  <A>(object: A) =>
  (): A =>
    object

const weak = <A extends object>(object: A): (() => A | undefined) => {
  const reference = new WeakRef(object)
  return () => reference.deref()
}

/** Older Workers have no weak references. */
const weakly = <A extends object>(object: A): (() => A | undefined) =>
  typeof WeakRef === "undefined" ? strong(object) : weak(object)

/** Carries one cache's counts over to the metrics. */
export class Meter {
  private readonly own: Carried = new Map()
  private readonly counters: Counters
  private readonly context: Context.Context<never>
  /** A timer is not to keep what nobody else keeps. */
  private readonly adapter: () => Adapter | undefined
  private readonly attributes: { readonly cache: string; readonly adapter: string }
  private durations: Metric.Histogram<number> | undefined = undefined
  private waits = false

  constructor(counters: Counters, context: Context.Context<never>, cache: string, adapter: Adapter) {
    this.counters = counters
    this.context = context
    this.adapter = weakly(adapter)
    this.attributes = { cache, adapter: adapter.name }
  }

  readonly loaded = (millis: number): void => {
    this.durations ??= Metric.withAttributes(durations, this.attributes)
    this.durations.updateUnsafe(millis, this.context)
  }

  /** Carries over in a second. Most have nothing to do. */
  soon(): void {
    if (!this.waits) this.wait()
  }

  private wait(): void {
    this.waits = true
    const timer: unknown = setTimeout(() => {
      this.waits = false
      this.carry()
    }, 1_000)
    // Keeps no process alive. In a browser, and in Workers, it is a number.
    if (typeof timer === "object") (timer as NodeJS.Timeout).unref()
  }

  carry(): void {
    const { attributes, counters, own } = this
    for (const name of names) this.add(own, name, metrics[name], counters[name], attributes)
    for (const [kind, total] of Object.entries(counters.errors)) {
      this.add(own, `error ${kind}`, errors, total, { ...attributes, kind })
    }
    const adapter = this.adapter()
    if (adapter === undefined) return
    const about = { adapter: adapter.name }
    if (adapter.evictions !== undefined) {
      this.add(carriedOf(adapter.evictions), "", evictions, adapter.evictions(), about)
    }
    if (adapter.tiers === undefined) return
    const carried = carriedOf(adapter.tiers)
    for (const { name: tier, ...totals } of adapter.tiers()) {
      for (const what of ["hits", "misses", "evictions"] as const) {
        this.add(carried, `${what} ${tier}`, tiers[what], totals[what], { ...about, tier })
      }
    }
  }

  private add(
    carried: Carried,
    series: string,
    metric: Metric.Counter<number>,
    total: number,
    attributes: { readonly [name: string]: string }
  ): void {
    const more = total - (carried.get(series) ?? 0)
    if (more <= 0) return
    carried.set(series, total)
    Metric.withAttributes(metric, attributes).updateUnsafe(more, this.context)
  }
}
