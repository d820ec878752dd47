/** The messages between the coordinator and a worker process, over Node's own IPC. */
import type { Call, Change, Versioned } from "./History.ts"
import type { Asked, Settings } from "./Schedule.ts"

export interface Start {
  readonly backend: string
  /** The address of the server, through the place's proxy. */
  readonly url: string
  /** Stands before the round's keys in the store. */
  readonly prefix: string
  readonly commandTimeout: number
  readonly settings: Settings
  /** The process's number: the beginning of the owner of its leases. */
  readonly process: number
  /** The beginning of the round, by the machine's monotonic clock. */
  readonly zero: number
  /** A module whose default export makes another adapter of the adapter. */
  readonly wrapper: string | undefined
}

export type ToWorker =
  | { readonly do: "start"; readonly start: Start }
  /** `ids`: of the record of each key's call. */
  | { readonly do: "call"; readonly call: Asked; readonly ids: ReadonlyArray<number> }
  | { readonly do: "change"; readonly change: Pick<Change, "id" | "by" | "key" | "version"> }
  | { readonly do: "loaded"; readonly ask: number; readonly values: ReadonlyArray<Versioned> | undefined }
  | { readonly do: "block"; readonly for: number }
  | { readonly do: "explain"; readonly keys: ReadonlyArray<string> }
  | { readonly do: "close" }

export type Ended = Pick<Call, "id" | "startedAt" | "endedAt" | "value" | "meta" | "error">

export type ToCoordinator =
  /** Ready for calls; `now` by its clock since the round began. */
  | { readonly did: "start"; readonly now: number }
  | {
      readonly did: "ask-origin"
      readonly ask: number
      readonly keys: ReadonlyArray<string>
      readonly takes: number
      readonly fails: boolean
      /** The fetcher did not run in the asynchronous context of its call. */
      readonly strayed: boolean
    }
  | { readonly did: "call"; readonly ended: ReadonlyArray<Ended> }
  | { readonly did: "change"; readonly id: number; readonly at: number; readonly followed: boolean }
  /** It did not run for a while. */
  | { readonly did: "stall"; readonly from: number; readonly until: number }
  | { readonly did: "explain"; readonly holders: ReadonlyArray<string | undefined> }

/** Others use the same channel: messages without this mark are theirs. */
export interface Marked<Message> {
  readonly faults: Message
}
