/**
 * A caller that waits for a flight, as the flight sees it, and the events that it is notified of.
 */
import type * as Exit from "effect/Exit"
import type { RequestScope } from "../options/RequestScope.ts"
import type { StaleValue } from "./Fetcher.ts"
import type { LoadResult } from "./LoadContext.ts"

/**
 * An event of a flight. The waiter goes on waiting after `Following` (the load waits for another process) and after
 * `Joined` (another caller of this process leads). After any other event it no longer waits.
 */
export type FlightEvent =
  | { readonly _tag: "Settled"; readonly exit: Exit.Exit<LoadResult, unknown> }
  | { readonly _tag: "Stale"; readonly stale: StaleValue<unknown> }
  | { readonly _tag: "TimedOut" }
  | { readonly _tag: "Closed" }
  /** It gives no sign of life. Only a waiter of another request hears that. */
  | { readonly _tag: "Silent" }
  | { readonly _tag: "Following" }
  | { readonly _tag: "Joined" }

/** How far a flight is: it asks the store for the first time, loads, or waits for another process. */
export type Phase = "asking" | "leading" | "following"

/** A caller that waits for a flight, as the flight sees it. */
export interface FlightWaiter {
  /** The request that the caller belongs to. */
  readonly scope: RequestScope
  /** The cache that the caller called. */
  readonly owner: object
  /** The instant after which the waiter is notified with `TimedOut`; `Infinity` for never. See `Monotonic`. */
  readonly deadline: number
  /** True for the caller that started the flight. */
  readonly isInitiator: boolean
  /** True when the deadline also holds while this process itself loads. */
  readonly timesOutWhileLoading: boolean
  /** The instant after which the caller may take a stale value that it refused before; `Infinity` for never. */
  readonly softDeadline: number
  /** True when the flight belongs to another request. Such a waiter has a timer of its own, and never ends the flight. */
  readonly inOtherRequest: boolean
  /** True when the caller takes this stale value now. */
  takes(stale: StaleValue<unknown>): boolean
  notify(event: FlightEvent): void
}
