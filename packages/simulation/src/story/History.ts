/**
 * The record of a simulation: the answers of the callers, and the events behind them.
 */
import type { Answer, Cache } from "@cache-locking/core"
import type { Stats } from "@cache-locking/core/promise"
import type { OwnOptions, Verb } from "./Story.ts"

/** A value of the origin. */
export interface Versioned {
  readonly key: string
  readonly version: number
  /** The load that fetched it; 0 for a value that was set. */
  readonly load: number
  /** It is not to be cached. */
  readonly uncacheable?: true
  /** It cannot be encoded: JSON has no such number. */
  readonly unencodable?: bigint
}

export interface Call {
  readonly id: number
  readonly kind: "get-or-set" | "refresh" | "get"
  readonly process: number
  readonly key: string
  /** All keys that were asked for at once, where they are many. Each of them is a call in the record. */
  readonly batch?: ReadonlyArray<string>
  /** Its own options. */
  readonly options?: OwnOptions
  /** In an isolate. */
  readonly request?: number | undefined
  readonly startedAt: number
  /** When the caller leaves, if it still waits. */
  readonly leavesAt?: number
  endedAt?: number
  /** When a hook told the outcome of one key of a batch. */
  toldAt?: number
  /** True when the work of another request answered it. */
  isForeign?: true
  answer?: Answer<Versioned>
  /** The tag of the error, or its text. */
  error?: string
}

export interface Load {
  readonly id: number
  readonly process: number
  readonly key: string
  readonly version: number
  readonly request?: number | undefined
  /** The call whose fetcher it was. */
  readonly call?: number
  /** All keys of its fetch, where they are many. */
  readonly beside?: ReadonlyArray<string>
  readonly startedAt: number
  endedAt?: number
  /** `cut`: nobody waited for it any more. `nothing`: a batch without a value for the key. */
  end?: "value" | "nothing" | "failed" | "cut"
  /** True when the origin fails it. */
  readonly fails?: boolean
}

/** A change of the origin that the cache was made to follow. */
export interface Change {
  readonly process: number
  readonly key: string
  readonly version: number
  readonly by: "delete" | "set" | "tag"
  readonly startedAt: number
  /** Absent unless the invalidation succeeded. */
  returnedAt?: number
}

/** A lease without a load, although its process was alive. */
export interface OrphanedLease {
  readonly key: string
  readonly process: number
  readonly from: number
  readonly until: number
}

/** A fault, for as long as it lasted. */
export interface Fault {
  readonly from: number
  readonly until: number
  readonly process: number | undefined
  /** The messages that it strikes, if not all. */
  readonly verb: Verb | undefined
}

/** A value that the store began to keep. */
export interface Kept {
  readonly key: string
  readonly version: number
  readonly load: number
  readonly at: number
}

/** A key, as far as the store describes it; of a lease's owner the process. */
export type Described = Pick<Cache.Explanation, "state" | "age" | "holder" | "leaseEndsIn" | "coolingFor">

/** An explanation of a key that did not change meanwhile, and what the store had before it and after it. */
export interface Explained {
  readonly process: number
  readonly key: string
  readonly startedAt: number
  readonly endedAt: number
  readonly explanation: Described
  readonly waitersHere: number
  readonly before: Described
  readonly after: Described
}

/** The counts of both faces of a process, at the end. */
export type Counts = { readonly process: number } & Pick<
  Stats,
  | "hits"
  | "misses"
  | "loads"
  | "loadFailures"
  | "stampedePrevented"
  | "staleServed"
  | "fallbacks"
  | "unavailable"
  | "leaseLost"
  | "sets"
  | "deletes"
>

export interface History {
  readonly calls: Array<Call>
  readonly loads: Array<Load>
  readonly changes: Array<Change>
  readonly orphans: Array<OrphanedLease>
  readonly kept: Array<Kept>
  readonly explained: Array<Explained>
  readonly counts: Array<Counts>
  readonly faults: Array<Fault>
  /** The flights that were left when everything should have ended. */
  leftFlights: number
}
