/**
 * Fetchers and hooks that give promises, made effects.
 */
import * as Effect from "effect/Effect"
import type { CacheLockingError } from "./contract/CacheLockingError.ts"
import type { FetchMany } from "./flight/FetchBatch.ts"
import { Within } from "./flight/Flight.ts"
import type { FetchContext } from "./flight/LoadContext.ts"
import type { Fetcher } from "./flight/LoadRequest.ts"
import { storage } from "./flight/Reentrancy.ts"
import type { HookContext, Hooks, WaitHookContext } from "./options/Hooks.ts"

/** What a fetcher is given. */
export interface PromiseFetchContext<out A> extends FetchContext<A> {
  /** Fires when nobody waits for this load any more, or its lease is lost and `onLeaseLost` is `"interrupt"`. */
  readonly signal: AbortSignal
}

/** Gives the value of a key. What it throws or rejects with reaches the callers unchanged. */
export type PromiseFetcher<A> = (context: PromiseFetchContext<A>) => PromiseLike<A> | A

/** Gives the values of keys, as far as there are any: a Map, or pairs of key and value. */
export type PromiseFetchMany<A> = (
  keys: ReadonlyArray<string>,
  /** The signal fires when nobody waits for any of the keys any more. */
  context: { readonly signal: AbortSignal }
) => PromiseLike<Iterable<readonly [key: string, value: A]>> | Iterable<readonly [key: string, value: A]>

/** Functions called with what happened; what one throws or rejects with is the caller's. See `Hooks`. */
export interface PromiseHooks<in A> {
  readonly onHit?: ((value: A, context: HookContext) => unknown) | undefined
  readonly onLeader?: ((value: A, context: HookContext) => unknown) | undefined
  readonly onFollowerWait?: ((context: WaitHookContext) => unknown) | undefined
  readonly onFallback?: ((value: A, context: HookContext) => unknown) | undefined
  readonly onError?: ((error: CacheLockingError) => unknown) | undefined
  readonly onRefreshError?: ((error: unknown, context: { readonly key: string }) => unknown) | undefined
}

const adapt =
  <A>(fetcher: PromiseFetcher<A>): Fetcher<A, unknown, never> =>
  (context) =>
    Effect.withFiber((fiber) =>
      Effect.callback<A, unknown>((resume, signal) => {
        const run = async () => fetcher({ ...context, signal })
        const loading = storage === undefined ? run() : storage.run(fiber.getRef(Within), run)
        loading.then(
          (value) => resume(Effect.succeed(value)),
          (error) => resume(Effect.fail(error))
        )
      })
    )

/** Runs what may throw or reject, as an effect that fails with just that. */
export const attempt = (f: () => unknown): Effect.Effect<unknown, unknown> =>
  Effect.tryPromise({ try: async () => f(), catch: (error) => error })

const toHooks = <A>(hooks: PromiseHooks<A>): Hooks<A, unknown> => {
  const wrapped: Record<string, unknown> = {}
  for (const [name, hook] of Object.entries(hooks)) {
    if (typeof hook === "function")
      wrapped[name] = (...args: Array<unknown>) => attempt(() => hook(...(args as [never, never])))
    else if (hook !== undefined) wrapped[name] = hook
  }
  return wrapped
}

/** Hooks that are none are left as they are, for the cache to refuse. */
export const withHooks = <O extends { readonly hooks?: PromiseHooks<any> | undefined }>(options: O) =>
  (typeof options?.hooks === "object" && options.hooks !== null
    ? { ...options, hooks: toHooks(options.hooks) }
    : options) as Omit<O, "hooks"> & { readonly hooks?: Hooks<any, unknown> | undefined }

/** A fetcher that is none is left as it is, for the cache to refuse. */
export const toFetcher = <A>(fetcher: PromiseFetcher<A>): Fetcher<A, unknown, never> =>
  typeof fetcher === "function" ? adapt(fetcher) : fetcher

/** The same for a fetch of many keys. */
export const toFetchMany = <A>(fetchMany: PromiseFetchMany<A>): FetchMany<A, unknown, never> =>
  typeof fetchMany === "function"
    ? (keys) => Effect.tryPromise({ try: async (signal) => fetchMany(keys, { signal }), catch: (error) => error })
    : fetchMany
