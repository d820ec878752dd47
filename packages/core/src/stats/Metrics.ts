/**
 * The counters of every cache as Effect metrics.
 *
 * Updating an Effect metric costs more than a whole hit in memory, so counts are transferred in batches: at `stats()`, when
 * the cache closes, and a second after something was counted. The duration of a load is recorded at once. The counts of an
 * adapter are transferred once, however many caches use it.
 */
import type * as Context from "effect/Context"
import * as Metric from "effect/Metric"
import type { Adapter } from "../contract/Adapter.ts"
import * as Identity from "../contract/Identity.ts"
import * as Monotonic from "../contract/Monotonic.ts"
import type { Counters } from "./Stats.ts"

const count = (name: string, description: string) =>
  Metric.counter(`cache_locking_${name}_total`, { description, incremental: true })

const metrics = {
  hits: count("hits", "Answers that were fresh in the cache"),
  misses: count("misses", "Answers that needed a load, their own or another's"),
  loads: count("loads", "Fetchers started"),
  loadFailures: count("load_failures", "Fetchers that failed"),
  stampedePrevented: count("stampede_prevented", "Callers answered by a load that they did not run"),
  staleServed: count("stale_served", "Stale values served"),
  refreshesQueued: count("refreshes_queued", "Background loads that waited for their turn"),
  refreshesLate: count(
    "refreshes_late",
    "Background loads whose stale value could no longer be served when their turn came"
  ),
  waits: count("waits", "Flights that waited for another process"),
  fallbacks: count("fallbacks", "Callers that fetched beside another's load"),
  unavailable: count("unavailable", "Loads started without the store"),
  leaseLost: count("lease_lost", "Leases lost before the fill"),
  takeovers: count("takeovers", "Flights that waited and then led"),
  undecodable: count("undecodable", "Stored values that did not decode"),
  sets: count("sets", "Values written through"),
  deletes: count("deletes", "Deletes"),
  adapterErrors: count("adapter_errors", "Failed verbs of the adapter")
} as const

const names = Object.keys(metrics) as ReadonlyArray<keyof typeof metrics>

const errors = count("errors", "Errors by kind")

const evictions = count("evictions", "Values that the adapter's bounds evicted")

const tiers = {
  hits: count("tier_hits", "Values found in a tier"),
  misses: count("tier_misses", "Values not found in a tier"),
  evictions: count("tier_evictions", "Values that a tier's bounds evicted")
} as const

const durations = Metric.histogram("cache_locking_load_duration_milliseconds", {
  description: "Duration of loads that succeeded",
  attributes: { unit: "ms" },
  boundaries: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000]
})

/** The totals already transferred, by series. */
type Transferred = Map<string, number>

const transferredOf = Identity.perObject((_source: object): Transferred => new Map())

// Two functions, because closures of one function keep alive everything that any of them uses.
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

/** Transfers the counts of one cache to the metrics. */
export class Meter {
  private readonly own: Transferred = new Map()
  private readonly counters: Counters
  private readonly context: Context.Context<never>
  /** A timer must not keep alive a cache that nothing else keeps alive. */
  private readonly adapter: () => Adapter | undefined
  private readonly attributes: { readonly cache: string; readonly adapter: string }
  private durations: Metric.Histogram<number> | undefined = undefined
  private scheduled = false
  private timer: unknown

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

  /** Transfers in a second. Most calls have nothing to do. */
  soon(): void {
    if (!this.scheduled) this.schedule()
  }

  private schedule(): void {
    this.scheduled = true
    this.timer = setTimeout(() => {
      this.scheduled = false
      this.carry()
    }, 1_000)
    Monotonic.keepAlive(this.timer, false)
  }

  /** Stops until something is counted again. */
  stop(): void {
    this.scheduled = false
    clearTimeout(this.timer as number)
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
      this.add(transferredOf(adapter.evictions), "", evictions, adapter.evictions(), about)
    }
    if (adapter.tiers === undefined) return
    const transferred = transferredOf(adapter.tiers)
    for (const { name: tier, ...totals } of adapter.tiers()) {
      for (const what of ["hits", "misses", "evictions"] as const) {
        this.add(transferred, `${what} ${tier}`, tiers[what], totals[what], { ...about, tier })
      }
    }
  }

  private add(
    transferred: Transferred,
    series: string,
    metric: Metric.Counter<number>,
    total: number,
    attributes: { readonly [name: string]: string }
  ): void {
    const more = total - (transferred.get(series) ?? 0)
    if (more <= 0) return
    transferred.set(series, total)
    Metric.withAttributes(metric, attributes).updateUnsafe(more, this.context)
  }
}
