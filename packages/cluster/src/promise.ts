/**
 * The cache for those who do not use Effect: the same, with promises.
 *
 * @example
 * ```ts
 * import { createClusterCache } from "@cache-locking/cluster/promise"
 *
 * const users = createClusterCache<string>({ namespace: "users", space: { max: 50_000, ttl: "1 minute" } })
 * const name = await users.fetch("42", async () => "Ada")
 * ```
 */
import { Check, type Codec } from "@cache-locking/core"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { ClusterCache, type Dumped, type FetchOptions, type Options, type SetOptions } from "./ClusterCache.ts"
import { ClusterError } from "./ClusterError.ts"
import type { SpaceStats } from "./Space.ts"

export type { Dumped, FetchOptions, SetOptions } from "./ClusterCache.ts"
export { ClusterError } from "./ClusterError.ts"
export { bootstrap } from "./Primary.ts"
export type { SpaceOptions } from "./SpaceOptions.ts"

/** How a cache is made. */
export interface CreateOptions<in out A> extends Options<A> {
  /**
   * What calls do when the primary does not answer in time, or is gone: `"reject"` (the default) with a `ClusterError`, or
   * `"resolve"` with `undefined`. `fetch` is not among them: see `load.onAdapterError`.
   */
  readonly failsafe?: "reject" | "resolve" | undefined
}

/** See `ClusterCache` for what the methods mean. */
export class PromiseClusterCache<in out A> implements AsyncDisposable {
  /** The same cache for those who use Effect. */
  readonly effects: ClusterCache<A>
  private readonly resolves: boolean

  constructor(effects: ClusterCache<A>, resolves: boolean) {
    this.effects = effects
    this.resolves = resolves
  }

  /** `undefined` also where `failsafe` says so. */
  private async run<B>(effect: Effect.Effect<B, ClusterError>): Promise<B> {
    const exit = await Effect.runPromiseExit(effect)
    if (Exit.isSuccess(exit)) return exit.value
    const error = Cause.squash(exit.cause)
    if (this.resolves && error instanceof ClusterError && error.retryable) return undefined as B
    throw error
  }

  private optional(effect: Effect.Effect<Option.Option<A>, ClusterError>): Promise<A | undefined> {
    return this.run(Effect.map(effect, Option.getOrUndefined))
  }

  /** The value, or `undefined`. A cache that keeps `undefined` tells the difference by `has`; `null` is a value. */
  get(key: string): Promise<A | undefined> {
    return this.optional(this.effects.get(key))
  }

  peek(key: string): Promise<A | undefined> {
    return this.optional(this.effects.peek(key))
  }

  has(key: string): Promise<boolean> {
    return this.run(this.effects.has(key))
  }

  set(key: string, value: A, options?: SetOptions): Promise<void> {
    return this.run(this.effects.set(key, value, options))
  }

  setIfAbsent(key: string, value: A, options?: SetOptions): Promise<boolean> {
    return this.run(this.effects.setIfAbsent(key, value, options))
  }

  delete(key: string): Promise<boolean> {
    return this.run(this.effects.delete(key))
  }

  clear(): Promise<number> {
    return this.run(this.effects.clear)
  }

  mGet(keys: Iterable<string>): Promise<ReadonlyMap<string, A>> {
    return this.run(this.effects.mGet(keys))
  }

  mSet(entries: Iterable<readonly [key: string, value: A]>, options?: SetOptions): Promise<void> {
    return this.run(this.effects.mSet(entries, options))
  }

  mDelete(keys: Iterable<string>): Promise<number> {
    return this.run(this.effects.mDelete(keys))
  }

  incr(key: string, by?: number, options?: Pick<SetOptions, "ttl">): Promise<number> {
    return this.run(this.effects.incr(key, by, options))
  }

  decr(key: string, by?: number, options?: Pick<SetOptions, "ttl">): Promise<number> {
    return this.run(this.effects.decr(key, by, options))
  }

  /** What the fetcher throws or rejects with reaches every caller; otherwise rejects with core's errors. */
  async fetch(
    key: string,
    fetcher: (context: { readonly key: string; readonly signal: AbortSignal }) => PromiseLike<A> | A,
    options?: FetchOptions
  ): Promise<A> {
    const load = (context: { readonly key: string }) =>
      Effect.tryPromise({ try: async (signal) => fetcher({ ...context, signal }), catch: (error) => error })
    const exit = await Effect.runPromiseExit(this.effects.fetch(key, load, options))
    if (Exit.isSuccess(exit)) return exit.value
    throw Cause.squash(exit.cause)
  }

  keys(prefix?: string): AsyncIterable<string> {
    return Stream.toAsyncIterable(this.effects.keys(prefix))
  }

  async *values(prefix?: string): AsyncIterableIterator<A> {
    for await (const [, value] of this.entries(prefix)) yield value
  }

  entries(prefix?: string): AsyncIterable<readonly [key: string, value: A]> {
    return Stream.toAsyncIterable(this.effects.entries(prefix))
  }

  [Symbol.asyncIterator](): AsyncIterator<readonly [key: string, value: A]> {
    return this.entries()[Symbol.asyncIterator]()
  }

  dump(): Promise<ReadonlyArray<Dumped>> {
    return this.run(this.effects.dump)
  }

  load(dumped: ReadonlyArray<Dumped>): Promise<void> {
    return this.run(this.effects.load(dumped))
  }

  size(): Promise<number> {
    return this.run(this.effects.size)
  }

  stats(): Promise<SpaceStats> {
    return this.run(this.effects.stats)
  }

  getRemainingTTL(key: string): Promise<number | undefined> {
    return this.run(this.effects.getRemainingTTL(key))
  }

  purgeStale(): Promise<number> {
    return this.run(this.effects.purgeStale)
  }

  /** Milliseconds. Rejects whatever `failsafe` says. */
  healthCheck(): Promise<number> {
    return Effect.runPromise(this.effects.healthCheck)
  }

  max(most?: number): Promise<number> {
    return this.run(this.effects.max(most))
  }

  ttl(next?: SetOptions["ttl"]): Promise<number> {
    return this.run(this.effects.ttl(next))
  }

  allowStale(next?: boolean): Promise<boolean> {
    return this.run(this.effects.allowStale(next))
  }

  wrap<B>(codec: Codec.Codec<B>): PromiseClusterCache<B> {
    return new PromiseClusterCache(this.effects.wrap(codec), this.resolves)
  }

  destroy(): Promise<void> {
    return Effect.runPromise(this.effects.destroy)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.destroy()
  }
}

/**
 * Makes a cache.
 *
 * @throws InvalidOption
 */
export const createClusterCache = <A = any>(options: CreateOptions<A> = {}): PromiseClusterCache<A> => {
  const { failsafe, ...own } = options
  const resolves = Check.oneOf("failsafe", failsafe, ["reject", "resolve"], "reject") === "resolve"
  return new PromiseClusterCache(new ClusterCache(own), resolves)
}

/** Makes a cache and waits until the primary has answered. */
export const getInstance = async <A = any>(options: CreateOptions<A> = {}): Promise<PromiseClusterCache<A>> => {
  const cache = createClusterCache(options)
  await cache.healthCheck()
  return cache
}

/** The same namespace with values written in another way. */
export const wrap = <B>(cache: PromiseClusterCache<any>, codec: Codec.Codec<B>): PromiseClusterCache<B> =>
  cache.wrap(codec)

/** A function whose answers are kept, under the keys that `keyOf` makes of its arguments. */
export const memoize =
  <Args extends ReadonlyArray<any>, A>(
    cache: PromiseClusterCache<A>,
    fn: (...args: Args) => PromiseLike<A> | A,
    keyOf: (...args: Args) => string,
    options?: FetchOptions
  ): ((...args: Args) => Promise<A>) =>
  (...args) =>
    cache.fetch(keyOf(...args), () => fn(...args), options)
