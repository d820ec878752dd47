/**
 * The events of a flight, and the waiter that receives them.
 */
import type * as Exit from "effect/Exit"
import type { RequestScope } from "../options/RequestScope.ts"
import type { StaleValue } from "./Fetcher.ts"
import type { LoadResult } from "./LoadContext.ts"

/**
 * An event of a flight. `Following` (the load waits for another process) and `Joined` (another caller of this process
 * leads) are news by the way; after any other event the waiter no longer waits.
 */
export type FlightEvent =
  | { readonly _tag: "Settled"; readonly exit: Exit.Exit<LoadResult, unknown> }
  | { readonly _tag: "Stale"; readonly stale: StaleValue<unknown> }
  | { readonly _tag: "TimedOut" }
  | { readonly _tag: "Following" }
  | { readonly _tag: "Joined" }

/** A caller who waits for a flight, as the flight sees it. */
export interface FlightWaiter {
  /** The request that the caller belongs to. */
  readonly scope: RequestScope
  /** Epoch milliseconds after which the waiter is notified with `TimedOut`; `Infinity` for never. */
  readonly deadline: number
  /** True for the caller that started the flight. */
  readonly isInitiator: boolean
  /** True when the deadline also holds while this process itself loads. */
  readonly timesOutWhileLoading: boolean
  /** Epoch milliseconds after which the caller may take a stale value that it refused before; `Infinity` for never. */
  readonly softDeadline: number
  /** True when the flight belongs to another request. Such a waiter has a timer of its own, and never ends the flight. */
  readonly inOtherRequest: boolean
  /** True when the caller takes this stale value now. */
  takes(stale: StaleValue<unknown>): boolean
  notify(event: FlightEvent): void
}
