/**
 * What the parent and a worker say to each other.
 */
import type { CallerRecord, Sighting } from "../recording/Recording.ts"
import type { Address } from "../stores/Store.ts"
import type { Channel } from "./Channel.ts"

/** What the origin answered: a value that says how current it is, or nothing, because it fails. */
export type OriginAnswer =
  | { readonly ok: true; readonly value: OriginValue }
  | { readonly ok: false; readonly message: string }

/** A row of the origin's. Its version grows when somebody changes the row. */
export interface OriginValue {
  readonly key: string
  readonly version: number
  /** The origin's count of calls, this one included. */
  readonly call: number
}

/** A worker's orders. */
export interface Orders {
  readonly process: number
  readonly contender: string
  readonly store: string
  /** Where the store is. */
  readonly address: Address
  readonly prefix: string
  readonly keys: ReadonlyArray<string>
  /** For each caller, which key it wants and how many milliseconds after the start. */
  readonly callers: ReadonlyArray<{ readonly key: number; readonly after: number }>
  readonly policy: Policy
  /** Whether there is a near tier in each process. */
  readonly near: boolean
}

/** How a value is put there, in milliseconds. */
export interface Priming {
  /** How long it is fresh. */
  readonly fresh: number
  /** How long it is kept as stale after that. */
  readonly stale: number
  /** How long its load took; 0: nobody loaded it, it was set. */
  readonly took: number
}

/** How the caches of the workers behave, in milliseconds. */
export interface Policy {
  readonly cacheTtl: number
  readonly leaseTtl: number
  readonly waitMax: number
  readonly staleWhileRevalidate: number
  readonly cooldown: number
  readonly onCooling: "wait" | "fail"
  /** XFetch's, for early refreshes; 0 for none. */
  readonly beta: number
}

/** What a worker understands. */
export interface ToWorker {
  readonly asks: {
    readonly prepare: readonly [Orders, { readonly pid: number }]
    /** Writes a value. */
    readonly prime: readonly [{ readonly value: OriginValue; readonly priming: Priming }, undefined]
    /** Asks for the keys until that needs no command, where there is a near tier. */
    readonly warm: readonly [undefined, undefined]
    readonly delete: readonly [{ readonly key: string }, undefined]
    /** Answers when no lease is held here any more, with the adapter's verbs so far. */
    readonly settle: readonly [undefined, { readonly verbs: ReadonlyArray<string> }]
    /** How each caller fared who has had an answer. Asked when it is over: telling it costs time that callers would wait. */
    readonly callers: readonly [undefined, ReadonlyArray<CallerRecord>]
    /** What a newcomer would find in the cache now: the version of each key. */
    readonly look: readonly [undefined, ReadonlyArray<number | undefined>]
    readonly close: readonly [undefined, undefined]
  }
  readonly tells: {
    readonly go: { readonly at: number }
  }
}

/** What the parent understands. */
export interface ToParent {
  readonly asks: {
    readonly load: readonly [{ readonly key: string }, OriginAnswer]
  }
  readonly tells: {
    /** The callers who were to set out so long after the start have done so. */
    readonly began: { readonly after: number; readonly begin: number }
    /** So many have had their answer, the last one then. */
    readonly progress: { readonly answered: number; readonly last: number }
    readonly saw: Sighting
  }
}

/** The parent's end. */
export type WorkerChannel = Channel<ToWorker, ToParent>

/** A worker's end. */
export type ParentChannel = Channel<ToParent, ToWorker>
