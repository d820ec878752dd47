/**
 * Answers: a value and its `meta`, and the hooks that are called with them.
 */
import type * as Effect from "effect/Effect"
import type { AdapterError } from "../contract/Adapter.ts"
import type { CacheLockingError } from "../contract/CacheLockingError.ts"

/** The reason why a loaded value was not cached. */
export type Uncached = "declined" | "lost" | "invalidated" | "set-failed" | "encode-failed" | "bypassed" | "unavailable"

/**
 * The outcome of a call.
 *
 * - `HIT`: a fresh value was in the cache.
 * - `STALE`: an expired value inside its stale window, while a load runs or cools down, or because it failed.
 * - `MISS-LEADER`: this caller started the flight that loaded the value, and it is cached.
 * - `MISS-LEADER-NOCACHE`: the same, and the value is not cached. `meta.uncached` is the reason.
 * - `MISS-FOLLOWER-HIT`: the value came from the load of another caller or process.
 * - `MISS-FOLLOWER-FALLBACK`: another's load took longer than `waitMax`, so the value was fetched beside it, uncached.
 * - `MISS-UNAVAILABLE`: the store did not answer, or is down, so this caller started a load without it (`onAdapterError`).
 */
export type Outcome =
  | "HIT"
  | "STALE"
  | "MISS-LEADER"
  | "MISS-LEADER-NOCACHE"
  | "MISS-FOLLOWER-HIT"
  | "MISS-FOLLOWER-FALLBACK"
  | "MISS-UNAVAILABLE"

/** The outcome of a call, its times and its failure. Times are in milliseconds. */
export interface Meta {
  readonly cache: Outcome
  /** Since the value was filled, where it came from the store. */
  readonly age?: number | undefined
  /** Until the value is no longer fresh, where it came fresh from the store. */
  readonly freshFor?: number | undefined
  /** Since the value ceased to be fresh, when `STALE`. */
  readonly staleFor?: number | undefined
  /** The time that this caller waited for another's load. */
  readonly waited?: number | undefined
  /** The end of the load's lease, in epoch milliseconds by this process's clock. */
  readonly leaseUntil?: number | undefined
  /**
   * The reason why the value is not cached. `"declined"`: by `shouldCache` or a `cacheTtl` of 0. `"lost"`: the lease ended, or
   * a delete or set came between. `"invalidated"`: one of its tags was invalidated meanwhile. `"set-failed"`: the fill failed.
   * `"encode-failed"`: it could not be encoded. `"bypassed"`: it was loaded without a lease, as an option allows:
   * `onWaitTimeout`, `onCooling`, or `bypassFor` beside another's load. `"unavailable"`: it was loaded without a lease,
   * because the store did not answer or is down.
   */
  readonly uncached?: Uncached | undefined
  /** The failure that made the cache serve a stale value. */
  readonly error?: unknown
}

/** A value, and the outcome of its call. */
export interface Answer<out A> {
  readonly value: A
  readonly meta: Meta
}

/** The context of the hooks that run after an answer. */
export interface HookContext extends Meta {
  readonly key: string
  /** True when the value is in the cache now, as far as is known. */
  readonly cached: boolean
}

/** The context of `onFollowerWait`. */
export interface WaitHookContext {
  readonly key: string
  /** The option `waitMax`, in milliseconds. */
  readonly waitMax: number
}

/** A store that leaves this process went down, or came up again. */
export interface StoreChange {
  /** The name of the adapter. */
  readonly adapter: string
  /** The part of the store that changed, where its adapter names parts. */
  readonly part?: string | undefined
  readonly state: "up" | "down"
  /** The failure that took the store down. Present when it is down. */
  readonly cause?: AdapterError | undefined
  /** Milliseconds for which the store was down. Present when it is up again. */
  readonly downFor?: number | undefined
}

/**
 * The hooks of a cache or a call, with which a caller observes its own call. None by default.
 *
 * The effect of a hook runs in the caller's fiber before the answer, and its typed error becomes an error of the call.
 */
export interface Hooks<in A, out E = never, out R = never> {
  /** The value came from the cache, or from another caller's load. */
  readonly onHit?: ((value: A, context: HookContext) => Effect.Effect<unknown, E, R>) | undefined
  /** This caller started the flight that loaded the value. */
  readonly onLeader?: ((value: A, context: HookContext) => Effect.Effect<unknown, E, R>) | undefined
  /** The caller begins to wait for another process's load, or for a cooldown. Called once per call. */
  readonly onFollowerWait?: ((context: WaitHookContext) => Effect.Effect<unknown, E, R>) | undefined
  /** The value was fetched beside another's load that took too long. */
  readonly onFallback?: ((value: A, context: HookContext) => Effect.Effect<unknown, E, R>) | undefined
  /**
   * A step that changes no caller's answer failed: a fill, a renewal, an encoding. Runs beside the call, also for
   * background loads. Its own failure is logged.
   */
  readonly onError?: ((error: CacheLockingError) => Effect.Effect<unknown, E, R>) | undefined
  /** A load in the background of a stale value failed. Runs beside the call. Its own failure is logged. */
  readonly onRefreshError?:
    | ((error: unknown, context: { readonly key: string }) => Effect.Effect<unknown, E, R>)
    | undefined
  /**
   * The store went down, or came up again. Only for a cache, and not where each request makes its own. Its own failure is
   * logged.
   */
  readonly onStoreChange?: ((change: StoreChange) => Effect.Effect<unknown, E, R>) | undefined
}
