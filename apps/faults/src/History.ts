/**
 * The record of a round: what the callers saw, and what really happened. All times are milliseconds since the round began,
 * by the machine's monotonic clock. A process is known by a number that no other process of the round has.
 */
import type { Meta } from "@cache-locking/core/promise"
import type { Change as Followed, Load, Versioned } from "@cache-locking/simulation"
import type { CallKind } from "./Schedule.ts"

export type { Load, Versioned } from "@cache-locking/simulation"

export interface Call {
  readonly id: number
  readonly kind: CallKind
  readonly process: number
  readonly key: string
  /** The beginning in its process; until the process has told it, the instant at which the process was asked. */
  startedAt: number
  endedAt?: number
  value?: Versioned
  meta?: Pick<Meta, "cache" | "uncached">
  error?: Failure
}

export interface Failure {
  /** The tag of our errors, the name of others. */
  readonly name: string
  readonly message: string
}

/** A change of the origin that the cache was made to follow. One change of a key is under way at a time. */
export interface Change extends Followed {
  readonly id: number
  /** The end, however it ended. `returnedAt` is absent unless the cache said that it followed. */
  endedAt?: number
}

export interface Fault {
  readonly kind: string
  readonly what: string
  readonly from: number
  until: number
  /** The process that it befell; `undefined`: all of them, by the server or the machine. */
  readonly process: number | undefined
}

/** A lease, found when all was over, of a process that lives and does not load. */
export interface Orphan {
  readonly key: string
  readonly owner: string
  readonly at: number
}

/** A fetcher that did not run in the asynchronous context of its call. */
export interface Stray {
  readonly process: number
  readonly keys: ReadonlyArray<string>
  readonly at: number
}

/** A process that ended although nobody ended it, or that did not end when it was closed. */
export interface Departure {
  readonly process: number
  readonly at: number
  readonly how: "exited" | "stayed"
  readonly message: string
}

export interface History {
  readonly calls: Array<Call>
  readonly loads: Array<Load>
  readonly changes: Array<Change>
  readonly faults: Array<Fault>
  readonly orphans: Array<Orphan>
  readonly strays: Array<Stray>
  readonly departures: Array<Departure>
}

export const empty = (): History => ({
  calls: [],
  loads: [],
  changes: [],
  faults: [],
  orphans: [],
  strays: [],
  departures: []
})
