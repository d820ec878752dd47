/**
 * A caller who waits for a flight, and what it is told.
 */
import type * as Exit from "effect/Exit"
import type { RequestScope } from "../options/RequestScope.ts"
import type { LoadResult, StaleValue } from "./LoadContext.ts"

/**
 * What a caller who waits is told. That it waits for another process (`Following`), or for another caller of this one
 * (`Joined`), is only by the way; after anything else it is no longer waiting.
 */
export type FlightEvent =
  | { readonly _tag: "Landed"; readonly exit: Exit.Exit<LoadResult<any>, any> }
  | { readonly _tag: "Stale"; readonly stale: StaleValue<any> }
  | { readonly _tag: "TimedOut" }
  | { readonly _tag: "Following" }
  | { readonly _tag: "Joined" }

/** A caller who waits for a flight. */
export interface Waiter {
  /** The caller's own. */
  readonly scope: RequestScope
  /** Epoch milliseconds after which it is told `TimedOut`; `Infinity` for never. */
  readonly deadline: number
  /** Whether it made the flight. */
  readonly isInitiator: boolean
  /** Whether the deadline holds while this very process loads. */
  readonly timesOutWhileLoading: boolean
  /** Epoch milliseconds after which it may take a stale value that it did not take before; `Infinity` for never. */
  readonly softDeadline: number
  /** Whether it would take this stale value now. */
  takes(stale: StaleValue<any>): boolean
  notify(news: FlightEvent): void
}
