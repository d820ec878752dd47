/** The messages between the run and a caller's process. */

export interface Start {
  readonly backend: string
  /** The address of the store, through the caller's proxy. */
  readonly url: string
  /** Keeps the two callers of a cell apart in the store. */
  readonly prefix: string
  readonly onAdapterError: "fail" | "fetch"
}

export type ToCaller =
  | { readonly do: "start"; readonly start: Start }
  /** Call for a new and a known key, again and again. */
  | { readonly do: "call"; readonly calls: number; readonly every: number }
  /** The store could answer again. */
  | { readonly do: "back" }
  /** Ask for so many new keys in one batch. */
  | { readonly do: "batch"; readonly keys: number }
  /** Look for the values and the leases of the batch. */
  | { readonly do: "look" }
  | { readonly do: "close" }

export type ToRun =
  | { readonly did: "start" }
  | { readonly did: "call" }
  | { readonly did: "report"; readonly report: Report }
  | { readonly did: "batch"; readonly batch: BatchAnswer }
  | { readonly did: "look"; readonly left: BatchLeft }

/** The calls for keys of one kind. Milliseconds; `null` for a call that was not answered within the limit. */
export interface Latencies {
  readonly first: number | null
  /** Of the hundredth call, or the last of a shorter run. */
  readonly last: number | null
  readonly slowest: number | null
  /** Answers by outcome, or by the tag of their error. */
  readonly answers: Readonly<Record<string, number>>
}

/** What one caller saw. */
export interface Report {
  /** Keys that nobody has asked for. */
  readonly new: Latencies
  /** Keys whose values were in the store before. */
  readonly known: Latencies
  /** Calls of the origin, and the most at once for one key. */
  readonly loads: number
  readonly mostAtOnce: number
  /** Counters of `stats()` that grew, other than hits and loads, and errors by kind. */
  readonly told: Readonly<Record<string, number>>
  /** Lines that the cache logged. */
  readonly lines: number
  /** The most requests that waited in the client at once; `null` where it does not tell. */
  readonly queued: number | null
  /** Milliseconds from the store's return to the first answer that came from it, or is cached; `null`: not within the limit. */
  readonly healed: number | null
  /** Leases that nobody loads under, a second after it healed; `null` where it did not, or does not say. */
  readonly leases: number | null
  readonly unanswered: number
  /** Errors that are none of the library's. */
  readonly untyped: ReadonlyArray<string>
  /** Rejections and exceptions that nobody handled. */
  readonly unhandled: ReadonlyArray<string>
}

/** The answer to a batch. */
export interface BatchAnswer {
  /** Milliseconds; `null` where there was none within the limit. */
  readonly took: number | null
  /** Values in the answer, or the tag of the error in their place. */
  readonly answer: number | string
  /** Keys that the origin was asked for. */
  readonly loads: number
  readonly told: Readonly<Record<string, number>>
  readonly untyped: ReadonlyArray<string>
}

/** What a batch left in the store. */
export interface BatchLeft {
  /** Keys whose values are there; `null` where the store does not say. */
  readonly kept: number | null
  /** Leases that nobody loads under; `null` where the store does not say. */
  readonly leases: number | null
  readonly unhandled: ReadonlyArray<string>
}
