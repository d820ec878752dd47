/**
 * A load that a caller asks for, and what it is to do: resolved options.
 */
import type * as Effect from "effect/Effect"
import type { Hooks } from "../options/Hooks.ts"
import type { Policy } from "../options/Policy.ts"
import type { RequestScope } from "../options/RequestScope.ts"
import type { AcquireBatch } from "./AcquireBatch.ts"
import type { FetchBatch } from "./FetchBatch.ts"
import type { FetchContext } from "./LoadContext.ts"

/** What a call is to do. */
export interface CallPlan {
  readonly policy: Policy
  readonly hooks: Hooks<any, any, any> | undefined
  readonly signal: AbortSignal | undefined
  /** How long what the call begins may go on. */
  readonly scope: RequestScope
  /** Called when it turns out that another caller or process loads. */
  readonly others?: (() => void) | undefined
  /** The batch that the call is part of. */
  readonly fetchBatch?: FetchBatch<any, any, any> | undefined
  /** Asks the store together with the other keys of a batch. */
  readonly acquireBatch?: AcquireBatch | undefined
}

/** Gives the value of a key. */
export type Fetcher<A, E, R> = (context: FetchContext<A>) => Effect.Effect<A, E, R>

/** What a flight is to load. */
export interface LoadRequest {
  readonly key: string
  readonly fetcher: Fetcher<any, any, any>
  readonly plan: CallPlan
  /** Load whatever is there. */
  readonly force: boolean
}

/** How a load for which nobody waits begins. */
export interface BackgroundLoad {
  /** Load if no more than this much freshness is left, in milliseconds. */
  readonly early: number
  /** Whether it has its place in the backlog already. */
  readonly placed: boolean
}
