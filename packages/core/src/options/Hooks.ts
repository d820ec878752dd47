/**
 * Hooks: functions with which a caller observes its own call. The effect of a hook runs in the caller's fiber before the
 * answer, and its typed error becomes an error of the call.
 */
import type * as Effect from "effect/Effect"
import type { CacheLockingError } from "../contract/CacheLockingError.ts"
import type { Meta } from "./Answer.ts"

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

/** The hooks of a cache or a call. None by default. */
export interface Hooks<in A, out E = never, out R = never> {
  /** The value came from the cache, or from another caller's load. */
  readonly onHit?: ((value: A, context: HookContext) => Effect.Effect<unknown, E, R>) | undefined
  /** This caller's flight loaded the value. */
  readonly onLeader?: ((value: A, context: HookContext) => Effect.Effect<unknown, E, R>) | undefined
  /** The caller begins to wait for another's load. Called once per call. */
  readonly onFollowerWait?: ((context: WaitHookContext) => Effect.Effect<unknown, E, R>) | undefined
  /** The value was fetched beside another's load that took too long. */
  readonly onFallback?: ((value: A, context: HookContext) => Effect.Effect<unknown, E, R>) | undefined
  /**
   * A step failed that decides no answer: a fill, a renewal, an encoding. Runs beside the call, also for background loads.
   * Its own failure is logged.
   */
  readonly onError?: ((error: CacheLockingError) => Effect.Effect<unknown, E, R>) | undefined
  /** A load in the background of a stale value failed. Runs beside the call. Its own failure is logged. */
  readonly onRefreshError?:
    | ((error: unknown, context: { readonly key: string }) => Effect.Effect<unknown, E, R>)
    | undefined
}

/** The names of the hooks. */
export const names: ReadonlySet<string> = new Set([
  "onHit",
  "onLeader",
  "onFollowerWait",
  "onFallback",
  "onError",
  "onRefreshError"
])
