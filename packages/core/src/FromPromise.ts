/**
 * Adapts fetchers, hooks and callers that use promises to the engine.
 */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { type Answering, isExit, Waiter } from "./call/Waiter.ts"
import { type CacheLockingError, hasTag } from "./contract/CacheLockingError.ts"
import * as AsyncContext from "./flight/AsyncContext.ts"
import type { FetchMany } from "./flight/FetchBatch.ts"
import { type FetchContext, type Fetcher, shared } from "./flight/Fetcher.ts"
import { type Flight, Within } from "./flight/Flight.ts"
import type { LoadRequest } from "./flight/LoadRequest.ts"
import type { Answer, HookContext, Hooks, WaitHookContext } from "./options/Answer.ts"

/** The argument of a fetcher. */
export interface PromiseFetchContext<out A> extends FetchContext<A> {
  /**
   * Fires when nobody waits for this load any more, when the hard `fetchTimeout` is over, or when the lease is lost and
   * `onLeaseLost` is `"interrupt"`.
   */
  readonly signal: AbortSignal
}

/** Loads the value of a key. Its error or rejection reaches the callers unchanged. */
export type PromiseFetcher<A> = (context: PromiseFetchContext<A>) => PromiseLike<A> | A

/** Loads the values of keys, as a Map or as pairs of key and value. Keys that have no value are left out. */
export type PromiseFetchMany<A> = (
  keys: ReadonlyArray<string>,
  /** The signal fires when nobody waits for any of the keys any more. */
  context: { readonly signal: AbortSignal }
) => PromiseLike<Iterable<readonly [key: string, value: A]>> | Iterable<readonly [key: string, value: A]>

/** Functions called at events of a call. The error or rejection of one is the caller's failure. See `Hooks`. */
export interface PromiseHooks<in A> {
  readonly onHit?: ((value: A, context: HookContext) => unknown) | undefined
  readonly onLeader?: ((value: A, context: HookContext) => unknown) | undefined
  readonly onFollowerWait?: ((context: WaitHookContext) => unknown) | undefined
  readonly onFallback?: ((value: A, context: HookContext) => unknown) | undefined
  readonly onError?: ((error: CacheLockingError) => unknown) | undefined
  readonly onRefreshError?: ((error: unknown, context: { readonly key: string }) => unknown) | undefined
}

/** The error of a failed exit, as the caller expects it: the fetcher's own, the signal's reason, or ours. */
export const errorOf = (cause: Cause.Cause<unknown>): unknown => {
  const error = Cause.squash(cause)
  return hasTag(error, "ABORTED") ? error.cause : error
}

/** Rejects the promise that is resolved with it. A waiter then holds one function of its promise, and no second. */
const rejected = (error: unknown): unknown => ({
  // biome-ignore lint/suspicious/noThenProperty: a promise that rejects would be unhandled for a moment
  then: (_: unknown, reject: (error: unknown) => void) => reject(error)
})

/** A caller that waits for a promise. */
export class PromiseWaiter extends Waiter {
  private readonly resolve: (value: any) => void
  private captured: AsyncContext.Captured = undefined

  constructor(resolve: (value: any) => void) {
    super()
    this.resolve = resolve
  }

  override wait(request: LoadRequest, context: Context.Context<never>, within: Flight | undefined): void {
    this.captured = AsyncContext.capture()
    super.wait(request, context, within)
  }

  answer(answer: Answering): void {
    if (isExit(answer)) this.end(answer)
    else this.inContext(() => this.run(answer).addObserver((exit) => this.end(exit)))
  }

  protected inContext(step: () => void): void {
    AsyncContext.enter(this.captured, step)
  }

  protected wanted({ value }: Answer<unknown>): unknown {
    return value
  }

  private end(exit: Exit.Exit<Answer<unknown>, unknown>): void {
    AsyncContext.release(this.captured)
    if (Exit.isSuccess(exit)) this.resolve(this.wanted(exit.value))
    else this.resolve(rejected(errorOf(exit.cause)))
  }
}

/** A caller that waits for a promise of the whole answer. */
export class AnswerWaiter extends PromiseWaiter {
  protected override wanted(answer: Answer<unknown>): unknown {
    return answer
  }
}

/** Makes a fetcher of promises one of effects. */
export const toFetcher =
  (fetcher: PromiseFetcher<any>): Fetcher<any, unknown, never> =>
  (context) =>
    Effect.withFiber((fiber) =>
      Effect.callback((resume, signal) => {
        const run = async () => fetcher({ ...context, signal })
        const loading = AsyncContext.storage?.run(fiber.getRef(Within), run) ?? run()
        loading.then(
          (value) => resume(shared(context.key, value)),
          (error) => resume(Effect.fail(error))
        )
      })
    )

/** Runs a function that may throw or reject, as an effect that fails with that same error. */
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

/** Hooks that are not an object stay as they are, and the cache refuses them. */
export const withHooks = <O extends { readonly hooks?: PromiseHooks<any> | undefined }>(options: O) =>
  (typeof options?.hooks === "object" && options.hooks !== null
    ? { ...options, hooks: toHooks(options.hooks) }
    : options) as Omit<O, "hooks"> & { readonly hooks?: Hooks<any, unknown> | undefined }

/** Makes a fetch of many keys one of effects. If it is not a function it stays as it is, and the cache refuses it. */
export const toFetchMany = <A>(fetchMany: PromiseFetchMany<A>): FetchMany<A, unknown, never> =>
  typeof fetchMany === "function"
    ? (keys) => Effect.tryPromise({ try: async (signal) => fetchMany(keys, { signal }), catch: (error) => error })
    : fetchMany
