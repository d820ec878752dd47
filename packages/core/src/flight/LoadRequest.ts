/**
 * A caller's request for a load, with its options resolved.
 *
 * **Erased types.** One engine serves callers of every value type, with every error and requirement: a flight is joined
 * by calls that differ only in their types. `requestOf` erases the types, and the faces (`CacheInstance`, `Cache`)
 * restore them on the answer. Everything between them passes values on without reading them, and types them as
 * `unknown`.
 */
import * as Effect from "effect/Effect"
import * as Check from "../contract/Check.ts"
import type { Hooks } from "../options/Answer.ts"
import type { Policy } from "../options/Policy.ts"
import type { RequestScope } from "../options/RequestScope.ts"
import type { AcquireBatch } from "./AcquireBatch.ts"
import type { Engine } from "./Engine.ts"
import type { FetchBatch } from "./FetchBatch.ts"
import { type ErasedFetcher, type Fetcher, shared } from "./Fetcher.ts"

/** The resolved options of a call. */
export interface CallPlan {
  readonly policy: Policy
  readonly hooks: Hooks<unknown, unknown> | undefined
  readonly signal: AbortSignal | undefined
  /** Loads even if there is a fresh value. */
  readonly force: boolean
  /** Bounds the work that the call begins. */
  readonly scope: RequestScope
  /**
   * Makes an effect of the face's fetcher. It runs only where a load begins, because one caller in a thousand needs it.
   */
  readonly toFetcher?: ((fetcher: any) => ErasedFetcher) | undefined
  /** Fetches for all keys of the batch that the call is part of. */
  readonly fetchBatch?: FetchBatch | undefined
  /** Asks the store for all keys of that batch. */
  readonly acquireBatch?: AcquireBatch | undefined
}

/** A caller's request, and the cache that receives it. */
export interface LoadRequest {
  readonly engine: Engine
  readonly key: string
  readonly fetcher: unknown
  readonly plan: CallPlan
}

/** Erases the types of a request. */
export const requestOf = <A, E, R>(
  engine: Engine,
  key: string,
  fetcher: Fetcher<A, E, R>,
  plan: CallPlan
): LoadRequest => ({ engine, key, fetcher, plan })

/** The fetcher of a request, ready to run. */
export const fetcherOf = ({ fetcher, plan: { toFetcher } }: LoadRequest): ErasedFetcher =>
  toFetcher === undefined
    ? (context) =>
        Effect.flatMap(Check.effect("fetcher", (fetcher as ErasedFetcher)(context)), (value) =>
          shared(context.key, value)
        )
    : toFetcher(fetcher)
