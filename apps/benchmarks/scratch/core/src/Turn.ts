/**
 * What a turn at a key is made of: what it works with, what it tells, how it lands.
 */
import type * as Effect from "effect/Effect"
import type { Adapter } from "./Adapter.ts"
import type { CacheLockingError } from "./CacheLockingError.ts"
import type { Counters } from "./Counters.ts"
import type { Policy } from "./Policy.ts"
import type { Sealer } from "./Sealer.ts"

/** A value past its freshness, decoded, and when that was true. */
export interface StaleValue<out A> {
  readonly value: A
  /** Milliseconds since it was filled, at `at`. */
  readonly age: number
  /** Milliseconds since it ceased to be fresh, at `at`. */
  readonly staleFor: number
  /** Epoch milliseconds by this process's clock. */
  readonly at: number
}

/** What a fetcher is given. */
export interface FetchContext<out A> {
  readonly key: string
  /** The value that expired, if it is still kept. */
  readonly stale: StaleValue<A> | undefined
}

/** Why a loaded value was not cached. */
export type Uncached = "declined" | "lost" | "set-failed" | "encode-failed" | "bypassed"

/** How a turn ended well. */
export type Landing<A> =
  | {
      readonly _tag: "Found"
      readonly value: A
      readonly age: number
      readonly freshFor: number
      readonly followed: boolean
    }
  | {
      readonly _tag: "Loaded"
      readonly value: A
      readonly uncached: Uncached | undefined
      readonly leaseUntil: number | undefined
    }

/** Where a turn tells how far it is. */
export interface Phases<in A> {
  /** The lease is ours: the load begins. */
  readonly leading: () => void
  /** Another leads, or the key cools down. */
  readonly following: () => void
  /** A stale value is there. `failing`: because the origin fails. */
  readonly stale: (stale: StaleValue<A>, failing: boolean) => void
}

/** What a turn works with. */
export interface Turn<A, E, R> {
  readonly key: string
  readonly owner: string
  readonly adapter: Adapter
  readonly sealer: Sealer<A>
  readonly policy: Policy
  readonly fetcher: (context: FetchContext<A>) => Effect.Effect<A, E, R>
  readonly phases: Phases<A>
  /** Takes an error that is nobody's answer. */
  readonly trouble: (error: CacheLockingError) => Effect.Effect<void>
  readonly counters: Counters
  /** Lead whatever is there: a forced refresh. */
  readonly force: boolean
}

/** Makes an effect interruptible again inside a turn, which is not. */
export type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/** A landing with a value that was loaded here. */
export const loaded = <A>(value: A, uncached?: Uncached, leaseUntil?: number): Landing<A> => ({
  _tag: "Loaded",
  value,
  uncached,
  leaseUntil
})
