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
import { ClusterCache, type Dumped, type FetchOptions, type Options, type SetOptions } from "./cache/ClusterCache.ts"
import { Decoded } from "./cache/Decoder.ts"
import { missed, type Read } from "./cache/Reader.ts"
import { ClusterError } from "./client/ClusterError.ts"
import type { SpaceStats } from "./primary/Space.ts"

export type { Dumped, FetchOptions, SetOptions } from "./cache/ClusterCache.ts"
export { ClusterError } from "./client/ClusterError.ts"
export { bootstrap } from "./primary/Primary.ts"
export type { SpaceOptions } from "./primary/SpaceOptions.ts"

/** How a cache is made. */
export interface CreateOptions<in out A> extends Options<A> {
  /**
   * What calls do when the primary does not answer in time, or is gone: `"reject"` (the default) with a `ClusterError`, or
   * `"resolve"` with `undefined`; a listing ends there. `fetch` is not among them: see `load.onAdapterError`; nor is
   * `healthCheck`.
   */
  readonly failsafe?: "reject" | "resolve" | undefined
}

/** As most are made: what fails rejects. */
export interface RejectingOptions<in out A> extends CreateOptions<A> {
  readonly failsafe?: "reject" | undefined
}

/** See `ClusterCache` for what the methods mean. `Silence`: what is answered where the primary does not, by `failsafe`. */
export class PromiseClusterCache<in out A, out Silence = never> implements AsyncDisposable {
  /** The same cache for those who use Effect. */
  readonly effects: ClusterCache<A>
  private readonly resolves: boolean

  constructor(effects: ClusterCache<A>, resolves: boolean) {
    this.effects = effects
    this.resolves = resolves
  }

  /** `undefined` also where `failsafe` says so. */
  private async run<B>(effect: Effect.Effect<B, ClusterError>): Promise<B | Silence> {
    const exit = await Effect.runPromiseExit(effect)
    if (Exit.isSuccess(exit)) return exit.value
    const error = Cause.squash(exit.cause)
    if (this.silences(error)) return undefined as Silence
    throw error
  }

  private silences(error: unknown): boolean {
    return this.resolves && error instanceof ClusterError && error.retryable
  }

  /** A listing, which ends early where `failsafe` says so. */
  private listed<B>(all: Stream.Stream<B, ClusterError>): AsyncIterable<B> {
    const ended = Stream.catch(all, (error) => (this.silences(error) ? Stream.empty : Stream.fail(error)))
    return Stream.toAsyncIterable(ended)
  }

  private optional(effect: Effect.Effect<Option.Option<A>, ClusterError>): Promise<A | undefined> {
    return this.run(Effect.map(effect, Option.getOrUndefined)) as Promise<A | undefined>
  }

  /** The value, or `undefined`. A cache that keeps `undefined` tells the difference by `has`; `null` is a value. */
  get(key: string): Promise<A | undefined> {
    const read = this.effects.getUnsafe(key)
    if (read instanceof Decoded) return Promise.resolve(read.value)
    return read instanceof Promise ? this.later(read) : this.told(read)
  }

  private async told(read: Read<A>): Promise<A | undefined> {
    if (read instanceof Decoded) return read.value
    return read === missed ? undefined : this.optional(read)
  }

  private async later(reading: Promise<Read<A>>): Promise<A | undefined> {
    try {
      const read = await reading
      return read instanceof Decoded ? read.value : await this.told(read)
    } catch (error) {
      if (this.silences(error)) return undefined
      throw error
    }
  }

  peek(key: string): Promise<A | undefined> {
    return this.optional(this.effects.peek(key))
  }

  has(key: string): Promise<boolean | Silence> {
    return this.run(this.effects.has(key))
  }

  set(key: string, value: A, options?: SetOptions): Promise<void | Silence> {
    return this.run(this.effects.set(key, value, options))
  }

  setIfAbsent(key: string, value: A, options?: SetOptions): Promise<boolean | Silence> {
    return this.run(this.effects.setIfAbsent(key, value, options))
  }

  delete(key: string): Promise<boolean | Silence> {
    return this.run(this.effects.delete(key))
  }

  clear(): Promise<number | Silence> {
    return this.run(this.effects.clear)
  }

  mGet(keys: Iterable<string>): Promise<ReadonlyMap<string, A> | Silence> {
    return this.run(this.effects.mGet(keys))
  }

  mSet(entries: Iterable<readonly [key: string, value: A]>, options?: SetOptions): Promise<void | Silence> {
    return this.run(this.effects.mSet(entries, options))
  }

  mDelete(keys: Iterable<string>): Promise<number | Silence> {
    return this.run(this.effects.mDelete(keys))
  }

  incr(key: string, by?: number, options?: Pick<SetOptions, "ttl">): Promise<number | Silence> {
    return this.run(this.effects.incr(key, by, options))
  }

  decr(key: string, by?: number, options?: Pick<SetOptions, "ttl">): Promise<number | Silence> {
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
    return this.listed(this.effects.keys(prefix))
  }

  values(prefix?: string): AsyncIterable<A> {
    return this.listed(this.effects.values(prefix))
  }

  entries(prefix?: string): AsyncIterable<readonly [key: string, value: A]> {
    return this.listed(this.effects.entries(prefix))
  }

  [Symbol.asyncIterator](): AsyncIterator<readonly [key: string, value: A]> {
    return this.entries()[Symbol.asyncIterator]()
  }

  dump(): Promise<ReadonlyArray<Dumped> | Silence> {
    return this.run(this.effects.dump)
  }

  load(dumped: ReadonlyArray<Dumped>): Promise<void | Silence> {
    return this.run(this.effects.load(dumped))
  }

  size(): Promise<number | Silence> {
    return this.run(this.effects.size)
  }

  stats(): Promise<SpaceStats | Silence> {
    return this.run(this.effects.stats)
  }

  getRemainingTTL(key: string): Promise<number | undefined> {
    return this.run(this.effects.getRemainingTTL(key)) as Promise<number | undefined>
  }

  purgeStale(): Promise<number | Silence> {
    return this.run(this.effects.purgeStale)
  }

  /** Milliseconds. Rejects whatever `failsafe` says. */
  healthCheck(): Promise<number> {
    return Effect.runPromise(this.effects.healthCheck)
  }

  max(most?: number): Promise<number | Silence> {
    return this.run(this.effects.max(most))
  }

  ttl(next?: SetOptions["ttl"]): Promise<number | Silence> {
    return this.run(this.effects.ttl(next))
  }

  allowStale(next?: boolean): Promise<boolean | Silence> {
    return this.run(this.effects.allowStale(next))
  }

  wrap<B>(codec: Codec.Codec<B>): PromiseClusterCache<B, Silence> {
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
export const createClusterCache: {
  <A = any>(options?: RejectingOptions<A>): PromiseClusterCache<A>
  <A = any>(options: CreateOptions<A>): PromiseClusterCache<A, undefined>
} = <A = any>(options: CreateOptions<A> = {}): PromiseClusterCache<A> => {
  const { failsafe, ...own } = options
  const resolves = Check.oneOf("failsafe", failsafe, ["reject", "resolve"], "reject") === "resolve"
  return new PromiseClusterCache(new ClusterCache(own), resolves)
}

/** Makes a cache and waits until the primary has answered; rejects when it does not, whatever `failsafe` says. */
export const getInstance: {
  <A = any>(options?: RejectingOptions<A>): Promise<PromiseClusterCache<A>>
  <A = any>(options: CreateOptions<A>): Promise<PromiseClusterCache<A, undefined>>
} = async <A = any>(options: CreateOptions<A> = {}): Promise<PromiseClusterCache<A>> => {
  const cache = createClusterCache(options as RejectingOptions<A>)
  await cache.healthCheck()
  return cache
}

/** The same namespace with values written in another way. */
export const wrap = <B, Silence = never>(
  cache: PromiseClusterCache<any, Silence>,
  codec: Codec.Codec<B>
): PromiseClusterCache<B, Silence> => cache.wrap(codec)

/** A function whose answers are kept, under the keys that `keyOf` makes of its arguments. */
export const memoize =
  <Args extends ReadonlyArray<any>, A>(
    cache: PromiseClusterCache<A, unknown>,
    fn: (...args: Args) => PromiseLike<A> | A,
    keyOf: (...args: Args) => string,
    options?: FetchOptions
  ): ((...args: Args) => Promise<A>) =>
  (...args) =>
    cache.fetch(keyOf(...args), () => fn(...args), options)
