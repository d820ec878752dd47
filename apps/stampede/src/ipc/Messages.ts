/**
 * The messages between the parent and a worker.
 */
import type { CallerRecord, Observation } from "../recording/Recording.ts"
import type { Address } from "../stores/Store.ts"
import type { Channel } from "./Channel.ts"

/** The origin's answer: a value with its version, or a failure. */
export type OriginAnswer =
  | { readonly ok: true; readonly value: OriginValue }
  | { readonly ok: false; readonly message: string }

/** A row of the origin. Its version grows when the row changes. */
export interface OriginValue {
  readonly key: string
  readonly version: number
  /** The origin's count of calls, this one included. */
  readonly call: number
}

export interface WorkerConfig {
  readonly process: number
  readonly contender: string
  readonly store: string
  readonly address: Address
  readonly prefix: string
  readonly keys: ReadonlyArray<string>
  /** For each caller, its key and the milliseconds after the start at which it asks. */
  readonly callers: ReadonlyArray<{ readonly key: number; readonly after: number }>
  readonly policy: Policy
  /** True for a near tier in each process. */
  readonly near: boolean
}

/** The times of a value that is cached before the start, in milliseconds. */
export interface Priming {
  /** Its fresh time. */
  readonly fresh: number
  /** Its stale time after that. */
  readonly stale: number
  /** The time of its load; 0: it was set, not loaded. */
  readonly took: number
}

/** The options of the workers' caches, in milliseconds. */
export interface Policy {
  readonly cacheTtl: number
  readonly leaseTtl: number
  readonly waitMax: number
  readonly staleWhileRevalidate: number
  readonly cooldown: number
  readonly onCooling: "wait" | "fail"
  /** XFetch's parameter for early refreshes; 0 for none. */
  readonly beta: number
}

/** The verbs of a worker. */
export interface ToWorker {
  readonly asks: {
    readonly prepare: readonly [WorkerConfig, { readonly pid: number }]
    /** Writes a value. */
    readonly prime: readonly [{ readonly value: OriginValue; readonly priming: Priming }, undefined]
    /** Asks for the keys until the near tier answers without a command. */
    readonly warm: readonly [undefined, undefined]
    readonly delete: readonly [{ readonly key: string }, undefined]
    /** Answers when this worker no longer holds a lease, with the adapter's verbs so far. */
    readonly settle: readonly [undefined, { readonly verbs: ReadonlyArray<string> }]
    /** The records of all callers that have an answer. Asked at the end: sending them would delay callers. */
    readonly callers: readonly [undefined, ReadonlyArray<CallerRecord>]
    /** The version of each key that a new caller would find in the cache now. */
    readonly look: readonly [undefined, ReadonlyArray<number | undefined>]
    readonly close: readonly [undefined, undefined]
  }
  readonly tells: { readonly go: { readonly at: number } }
}

/** The verbs of the parent. */
export interface ToParent {
  readonly asks: { readonly load: readonly [{ readonly key: string }, OriginAnswer] }
  readonly tells: {
    /** The callers planned for `after` milliseconds after the start have begun. */
    readonly began: { readonly after: number; readonly begin: number }
    /** The number of answered callers, and the instant of the last answer. */
    readonly progress: { readonly answered: number; readonly last: number }
    readonly observed: Observation
  }
}

/** The parent's end. */
export type WorkerChannel = Channel<ToWorker, ToParent>

/** A worker's end. */
export type ParentChannel = Channel<ToParent, ToWorker>
