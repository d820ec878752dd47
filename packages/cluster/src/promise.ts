/**
 * The cache by itself with promises, for code without Effect.
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
import { ClusterCache, type Dumped, type FetchOptions, type Options, type SetOptions } from "./cache/ClusterCache.ts"
import { Decoded } from "./cache/Decoder.ts"
import { missed, type Read } from "./cache/Reader.ts"
import { ClusterError } from "./client/ClusterError.ts"

export type { Dumped, FetchOptions, SetOptions } from "./cache/ClusterCache.ts"
export { ClusterError } from "./client/ClusterError.ts"
export { bootstrap } from "./primary/Primary.ts"
export type { SpaceOptions } from "./primary/SpaceOptions.ts"

/** The options of a cache. */
export interface CreateOptions<in out A> extends Options<A> {
  /**
   * Decides how calls end when the primary does not answer in time, or is gone: `"reject"` (the default) with a
   * `ClusterError`, or `"resolve"` with `undefined`, where a listing just ends. `healthCheck` always rejects, and `fetch` has
   * `load.onAdapterError`.
   */
  readonly failsafe?: "reject" | "resolve" | undefined
}

/** The options of a cache whose failures reject. */
export interface RejectingOptions<in out A> extends CreateOptions<A> {
  readonly failsafe?: "reject" | undefined
}

/** See `ClusterCache` for the methods. `Silence` is the result, by `failsafe`, where the primary does not answer. */
export class PromiseClusterCache<in out A, out Silence = never> implements AsyncDisposable {
  /** The same cache with Effects. */
  readonly effects: ClusterCache<A>
  private readonly resolves: boolean

  constructor(effects: ClusterCache<A>, resolves: boolean) {
    this.effects = effects
    this.resolves = resolves
  }

  private async run<B>(effect: Effect.Effect<B, ClusterError>): Promise<B | Silence> {
    const exit = await Effect.runPromiseExit(effect)
    if (Exit.isSuccess(exit)) return exit.value
    return this.silenced(Cause.squash(exit.cause)) as Silence
  }

  /** Throws the error, unless `failsafe` says to resolve with `undefined`. */
  private silenced(error: unknown): undefined {
    if (!this.isSilent(error)) throw error
  }

  private isSilent(error: unknown): boolean {
    return this.resolves && error instanceof ClusterError && error.retryable
  }

  private listed<B>(all: Stream.Stream<B, ClusterError>): AsyncIterable<B> {
    const ended = Stream.catch(all, (error) => (this.isSilent(error) ? Stream.empty : Stream.fail(error)))
    return Stream.toAsyncIterable(ended)
  }

  private optional(effect: Effect.Effect<Option.Option<A>, ClusterError>): Promise<A | undefined> {
    return this.run(Effect.map(effect, Option.getOrUndefined)) as Promise<A | undefined>
  }

  /** The value, or `undefined`. If a cache keeps `undefined`, `has` tells the difference; `null` is a value. */
  get(key: string): Promise<A | undefined> {
    const read = this.effects.getUnsafe(key)
    return read instanceof Decoded ? Promise.resolve(read.value) : this.later(read)
  }

  private async later(reading: Read<A> | Promise<Read<A>>): Promise<A | undefined> {
    try {
      const read = await reading
      if (read instanceof Decoded) return read.value
      return read === missed ? undefined : await this.optional(read)
    } catch (error) {
      return this.silenced(error)
    }
  }

  /** Rejects with the error or rejection of the fetcher, for every caller, or with core's errors. */
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

  readonly peek = (key: string) => this.optional(this.effects.peek(key))
  readonly has = (key: string) => this.run(this.effects.has(key))
  readonly set = (key: string, value: A, options?: SetOptions) => this.run(this.effects.set(key, value, options))
  readonly setIfAbsent = (key: string, value: A, options?: SetOptions) =>
    this.run(this.effects.setIfAbsent(key, value, options))
  readonly delete = (key: string) => this.run(this.effects.delete(key))
  readonly clear = () => this.run(this.effects.clear)

  readonly mGet = (keys: Iterable<string>) => this.run(this.effects.mGet(keys))
  readonly mSet = (entries: Iterable<readonly [key: string, value: A]>, options?: SetOptions) =>
    this.run(this.effects.mSet(entries, options))
  readonly mDelete = (keys: Iterable<string>) => this.run(this.effects.mDelete(keys))

  readonly incr = (key: string, by?: number, options?: Pick<SetOptions, "ttl">) =>
    this.run(this.effects.incr(key, by, options))
  readonly decr = (key: string, by?: number, options?: Pick<SetOptions, "ttl">) =>
    this.run(this.effects.decr(key, by, options))

  readonly keys = (prefix?: string) => this.listed(this.effects.keys(prefix))
  readonly values = (prefix?: string) => this.listed(this.effects.values(prefix))
  readonly entries = (prefix?: string) => this.listed(this.effects.entries(prefix));
  [Symbol.asyncIterator](): AsyncIterator<readonly [key: string, value: A]> {
    return this.entries()[Symbol.asyncIterator]()
  }

  readonly dump = () => this.run(this.effects.dump)
  readonly load = (dumped: ReadonlyArray<Dumped>) => this.run(this.effects.load(dumped))

  readonly size = () => this.run(this.effects.size)
  readonly stats = () => this.run(this.effects.stats)
  readonly getRemainingTTL = (key: string) => this.run(this.effects.getRemainingTTL(key)) as Promise<number | undefined>
  readonly purgeStale = () => this.run(this.effects.purgeStale)
  /** The milliseconds that the primary took to answer. Rejects in spite of `failsafe`. */
  readonly healthCheck = () => Effect.runPromise(this.effects.healthCheck)

  readonly max = (most?: number) => this.run(this.effects.max(most))
  readonly ttl = (next?: SetOptions["ttl"]) => this.run(this.effects.ttl(next))
  readonly allowStale = (next?: boolean) => this.run(this.effects.allowStale(next))

  wrap<B>(codec: Codec.Codec<B>): PromiseClusterCache<B, Silence> {
    return new PromiseClusterCache(this.effects.wrap(codec), this.resolves)
  }

  readonly destroyNamespace = () => this.run(this.effects.destroyNamespace)
  readonly destroy = () => Effect.runPromise(this.effects.destroy);
  [Symbol.asyncDispose](): Promise<void> {
    return this.destroy()
  }
}

/**
 * Makes a cache.
 *
 * @throws InvalidOption
 */
export const createClusterCache: {
  <A = any>(options?: RejectingOptions<A>): PromiseClusterCache<A>
  <A = any>(options: CreateOptions<A>): PromiseClusterCache<A, undefined>
} = <A = any>(options: CreateOptions<A> = {}): PromiseClusterCache<A> => {
  const { failsafe, ...own } = options
  const resolves = Check.oneOf("failsafe", failsafe, ["reject", "resolve"], "reject") === "resolve"
  return new PromiseClusterCache(new ClusterCache(own), resolves)
}

/** Makes a cache and waits for the primary to answer. Rejects when it does not, in spite of `failsafe`. */
export const getInstance: {
  <A = any>(options?: RejectingOptions<A>): Promise<PromiseClusterCache<A>>
  <A = any>(options: CreateOptions<A>): Promise<PromiseClusterCache<A, undefined>>
} = async <A = any>(options: CreateOptions<A> = {}): Promise<PromiseClusterCache<A>> => {
  const cache = createClusterCache(options as RejectingOptions<A>)
  await cache.healthCheck()
  return cache
}

/** The same namespace with another codec. */
export const wrap = <B, Silence = never>(
  cache: PromiseClusterCache<any, Silence>,
  codec: Codec.Codec<B>
): PromiseClusterCache<B, Silence> => cache.wrap(codec)

/** A function whose results are kept, under the keys that `keyOf` makes of its arguments. */
export const memoize =
  <Args extends ReadonlyArray<any>, A>(
    cache: PromiseClusterCache<A, unknown>,
    fn: (...args: Args) => PromiseLike<A> | A,
    keyOf: (...args: Args) => string,
    options?: FetchOptions
  ): ((...args: Args) => Promise<A>) =>
  (...args) =>
    cache.fetch(keyOf(...args), () => fn(...args), options)
