/**
 * A story: processes over one store, their calls, and the faults that they meet.
 *
 * A story holds events and no seed, so it means the same after any change of the generator. All times are milliseconds.
 */

/** The contract that the store offers. */
export type StoreKind =
  /** Leases end by the store's clock, and followers are woken. */
  | "push"
  /** Leases end by the store's clock, and followers poll. */
  | "polling"
  /** A store of conditional writes: every process judges leases by its own clock. */
  | "client-clock"
  /** A near tier in each process, over a store that pushes all changes. */
  | "tiered-push"
  /** A near tier in each process, over a store that pushes nothing. */
  | "tiered-ttl"
  /** Leases in a store that pushes, and values in another one. */
  | "values"
  /** A polled store of isolates, where each call belongs to a request, with which its work ends. */
  | "isolates"

/** Verbs whose messages a fault may single out. */
export type Verb =
  | "acquire"
  | "fill"
  | "abandon"
  | "renew"
  | "delete"
  | "put"
  | "touch"
  | "read"
  | "watch"
  | "push"
  | "get-value"
  | "set-value"
  | "delete-value"
  | "any"

export type Leg = "request" | "reply"

/** Options that few stories have. */
export interface RareSettings {
  /** The option by which values that are not to be cached are declined. By default there are none. */
  readonly declines?: "shouldCache" | "cacheTtl" | undefined
  readonly bypassFor?: number
  readonly cooldown?: number
  readonly cooldownMax?: number
  readonly earlyRefresh?: { readonly beta: number }
  readonly fetchTimeout?: { readonly soft?: number; readonly hard?: number }
  readonly maxAge?: number
  readonly onCooling?: "wait" | "fail" | "fetch"
  readonly onLeaseLost?: "finish" | "interrupt"
  readonly onWaitTimeout?: "fetch" | "stale" | "fail"
  readonly refreshConcurrency?: number
  readonly sliding?: boolean
}

export interface CacheSettings extends RareSettings {
  readonly cacheTtl: number
  readonly leaseTtl: number
  readonly waitMax: number
  readonly staleWhileRevalidate: number
  readonly staleIfError: number
  readonly onAdapterError: "fail" | "fetch"
  /** The tags of a value are given with the call, or told by a function after the load. */
  readonly tags: "given" | "told"
}

/** The options of the near tiers. */
export interface TierSettings {
  readonly ttl: number
  /** Where changes are pushed. */
  readonly heartbeat?: number
}

/** A load, as the origin serves it. */
export interface Loading {
  readonly takes: number
  /** The origin fails it. */
  readonly fails?: true
  /** The keys for which a load of many gives no value. */
  readonly without?: ReadonlyArray<string>
  /** Its values are not to be cached. */
  readonly uncacheable?: true
  /** Its values cannot be encoded. */
  readonly unencodable?: true
}

/** What a call may have otherwise than its cache. */
export type OwnOptions = Partial<Pick<CacheSettings, "waitMax" | "onWaitTimeout" | "staleIfError">>

/** A call for the value of a key, or of many. */
export type Asking = {
  readonly process: number
  /** In an isolate. */
  readonly request?: number
  /** Absent for effects. */
  readonly face?: "promise"
  /** Milliseconds after which the caller leaves. */
  readonly leaves?: number
  /** The options of the call. */
  readonly options?: OwnOptions
} & (
  | ({ readonly do: "get-or-set" | "refresh"; readonly key: string } & Loading)
  | ({ readonly do: "get-or-set-many"; readonly keys: ReadonlyArray<string> } & Loading)
  | { readonly do: "get"; readonly key: string }
  | { readonly do: "get-many"; readonly keys: ReadonlyArray<string> }
)

/** The origin changes, and the process then updates the cache. */
export interface Changing {
  readonly do: "change"
  readonly process: number
  readonly face?: "promise"
  readonly key: string
  readonly by: "delete" | "set" | "tag"
}

/** Asks for a description of a key. */
export interface Explaining {
  readonly do: "explain"
  readonly process: number
  readonly face?: "promise"
  readonly key: string
}

export type Event = { readonly at: number } & (
  | Asking
  | Changing
  | Explaining
  /** The process is paused: it receives nothing, and no timer fires. */
  | { readonly do: "pause"; readonly process: number; readonly for: number }
  | { readonly do: "kill"; readonly process: number }
  /** The process closes its cache, within 5 seconds or so many milliseconds. */
  | { readonly do: "close"; readonly process: number; readonly within?: number }
  /** Nothing that began in a request of the isolate goes on. */
  | { readonly do: "cut"; readonly process: number; readonly request: number }
  /** The process's wall clock steps. */
  | { readonly do: "step"; readonly process: number; readonly by: number }
  /** Messages take longer. */
  | {
      readonly do: "slow"
      readonly process: number
      readonly verb: Verb
      readonly leg: Leg
      readonly by: number
      readonly for: number
    }
  /** Requests, or pushes, arrive twice: the second time so much later. */
  | { readonly do: "double"; readonly process: number; readonly verb: Verb; readonly by: number; readonly for: number }
  /** Messages are lost. */
  | { readonly do: "lose"; readonly process: number; readonly verb: Verb; readonly leg: Leg; readonly for: number }
  /** The store refuses all requests, or the store of values does. */
  | { readonly do: "refuse"; readonly for: number; readonly values?: true }
  /** The store loses a record, as by an eviction. */
  | { readonly do: "forget"; readonly key: string }
  /** The store of values loses all of them. */
  | { readonly do: "forget-values" }
)

export interface Story {
  readonly store: StoreKind
  readonly processes: number
  readonly settings: CacheSettings
  /** Where the store has tiers. */
  readonly tier?: TierSettings
  /** Where values have a store of their own: milliseconds until it shows one to other processes. */
  readonly lag?: number
  /** True when the calls of isolates give a `waitUntil`. */
  readonly waitUntil?: boolean
  /** Milliseconds that each message takes. */
  readonly delay: number
  /** Milliseconds that the messages of some verbs always take longer. */
  readonly slower: { readonly [V in Verb]?: number }
  /** Milliseconds after which a process no longer waits for an answer. */
  readonly commandTimeout: number
  readonly events: ReadonlyArray<Event>
}

/** The longest time of a verb. Over a store of values one sends up to four requests, one after the other. */
export const longestDelay = ({ delay, slower, store }: Story): number =>
  (store === "values" ? 4 : 1) * (delay + Math.max(0, ...Object.values(slower)))

export const defaults: CacheSettings = {
  cacheTtl: 5_000,
  leaseTtl: 3_000,
  waitMax: 4_000,
  staleWhileRevalidate: 0,
  staleIfError: 0,
  onAdapterError: "fail",
  tags: "told"
}

const settled = (options: object): string =>
  Object.entries(options)
    .map(([name, value]) => `${name} ${typeof value === "object" ? JSON.stringify(value) : value}`)
    .join(", ")

const through = ({ face }: { readonly face?: "promise" }): string => (face === "promise" ? ", by promises" : "")

const loading = ({ fails, takes, uncacheable, unencodable, without = [] }: Loading): string =>
  [
    `a load would take ${takes} ms`,
    ...(fails ? ["fail"] : []),
    ...(without.length > 0 ? [`find no ${without.join(" and ")}`] : []),
    ...(uncacheable ? ["is not to be cached"] : []),
    ...(unencodable ? ["cannot be encoded"] : [])
  ].join(" and ")

const asking = (event: Asking): string => {
  const verb = event.do === "refresh" ? "refreshes" : "takes" in event ? "asks for" : "reads"
  const keys = "keys" in event ? event.keys.join(" and ") : event.key
  const own = event.options === undefined ? "" : `, with ${settled(event.options)}`
  const leaving = event.leaves === undefined ? "" : `; the caller leaves after ${event.leaves} ms`
  return `process ${event.process} ${verb} ${keys}${through(event)}${own}${"takes" in event ? `; ${loading(event)}` : ""}${leaving}`
}

const sentence = (event: Event): string => {
  switch (event.do) {
    case "get-or-set":
    case "get-or-set-many":
    case "refresh":
    case "get":
    case "get-many":
      return asking(event)
    case "change":
      return `the origin of ${event.key} changes, and process ${event.process} follows by ${event.by}${through(event)}`
    case "explain":
      return `process ${event.process} explains ${event.key}${through(event)}`
    case "pause":
      return `process ${event.process} stands still for ${event.for} ms`
    case "kill":
      return `process ${event.process} dies`
    case "close":
      return `process ${event.process} closes its cache${event.within === undefined ? "" : ` within ${event.within} ms`}`
    case "cut":
      return `request ${event.request} of process ${event.process} is cut off`
    case "step":
      return `the wall clock of process ${event.process} steps by ${event.by} ms`
    case "slow":
      return `for ${event.for} ms each ${event.verb} ${event.leg} of process ${event.process} takes ${event.by} ms longer`
    case "lose":
      return `for ${event.for} ms each ${event.verb} ${event.leg} of process ${event.process} is lost`
    case "double":
      return `for ${event.for} ms each ${event.verb} of process ${event.process} arrives twice, the second time ${event.by} ms later`
    case "refuse":
      return `the store${event.values ? " of values" : ""} refuses everybody for ${event.for} ms`
    case "forget":
      return `the store forgets ${event.key}`
    case "forget-values":
      return "the store of values forgets everything"
  }
}

const inRequest = (event: Event): string =>
  "request" in event && event.do !== "cut" ? `in request ${event.request}, ` : ""

/** The options that matter, as a person writes them. */
const optionsOf = (settings: CacheSettings): string =>
  Object.entries(settings)
    .filter(([name, value]) => value !== Reflect.get(defaults, name) || name.endsWith("Ttl") || name === "waitMax")
    .map(([name, value]) => `${name} ${typeof value === "object" ? JSON.stringify(value) : value}`)
    .join(", ")

/** The story as a person reads it. */
export const told = ({ delay, events, lag, processes, settings, slower, store, tier, waitUntil }: Story): string =>
  [
    `${processes} processes over a ${store} store, ${delay} ms away; ${optionsOf(settings)}`,
    ...(tier === undefined ? [] : [`near copies for ${tier.ttl} ms, heartbeat ${tier.heartbeat ?? "none"}`]),
    ...(lag === undefined ? [] : [`other processes see a value after ${lag} ms`]),
    ...(waitUntil === undefined ? [] : [`the calls ${waitUntil ? "give a" : "have no"} waitUntil`]),
    ...Object.entries(slower).map(([verb, by]) => `each ${verb} takes ${by} ms longer`),
    ...[...events]
      .sort((a, b) => a.at - b.at)
      .map((event) => `${String(event.at).padStart(6)} ms  ${inRequest(event)}${sentence(event)}`)
  ].join("\n")
