/**
 * What a caller may watch of its own call. A hook's effect runs in the caller's fiber, before its
 * answer; its typed error is the caller's.
 */
import type * as Effect from "effect/Effect"
import type { CacheLockingError } from "../contract/CacheLockingError.ts"
import type { Meta } from "./Answer.ts"

/** What the hooks after an answer are told. */
export interface HookContext extends Meta {
  readonly key: string
  /** Whether the value is in the cache now, as far as is known. */
  readonly cached: boolean
}

/** What `onFollowerWait` is told. */
export interface WaitHookContext {
  readonly key: string
  /** The option, in milliseconds. */
  readonly waitMax: number
}

/** Functions that give effects, called with what happened. */
export interface Hooks<in A, out E = never, out R = never> {
  /** The value came out of the cache, or from another's load. */
  readonly onHit?: ((value: A, context: HookContext) => Effect.Effect<unknown, E, R>) | undefined
  /** This caller's flight loaded the value. */
  readonly onLeader?: ((value: A, context: HookContext) => Effect.Effect<unknown, E, R>) | undefined
  /** The caller begins to wait for another's load: once per call. */
  readonly onFollowerWait?: ((context: WaitHookContext) => Effect.Effect<unknown, E, R>) | undefined
  /** The value was fetched beside another's load that took too long. */
  readonly onFallback?: ((value: A, context: HookContext) => Effect.Effect<unknown, E, R>) | undefined
  /**
   * Something failed that is nobody's answer: a fill, a renewal, an encoding. Runs beside the call, also
   * for background loads; what it fails with is logged.
   */
  readonly onError?: ((error: CacheLockingError) => Effect.Effect<unknown, E, R>) | undefined
  /** A load behind a stale value failed, with this. Runs beside the call; what it fails with is logged. */
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
