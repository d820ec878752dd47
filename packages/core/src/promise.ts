/**
 * The cache with promises instead of effects, with the same guarantees.
 *
 * @example
 * ```ts
 * import { createCache } from "@cache-locking/core/promise"
 *
 * const cache = createCache<string>({ adapter: "memory", cacheTtl: "1 minute" })
 * const name = await cache.getOrSet("user:42", async ({ signal }) => "Ada")
 * await cache.close()
 * ```
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Cache from "./Cache.ts"
import type { CacheInstance } from "./call/CacheInstance.ts"
import type { Adapter, ListingAdapter } from "./contract/Adapter.ts"
import * as Check from "./contract/Check.ts"
import {
  AnswerWaiter,
  attempt,
  errorOf,
  type PromiseFetcher,
  type PromiseFetchMany,
  type PromiseHooks,
  PromiseWaiter,
  toFetcher,
  toFetchMany,
  withHooks
} from "./FromPromise.ts"
import { withinNow } from "./flight/AsyncContext.ts"
import { Within } from "./flight/Flight.ts"
import type { Answer } from "./options/Answer.ts"
import type * as Policy from "./options/Policy.ts"
import type { Stats } from "./stats/Stats.ts"

export type { CloseOptions, Explanation } from "./Cache.ts"
export * as Codec from "./codec/Codec.ts"
export type { Adapter, ListingAdapter } from "./contract/Adapter.ts"
export * from "./contract/CacheLockingError.ts"
export type { PromiseFetchContext, PromiseFetcher, PromiseFetchMany, PromiseHooks } from "./FromPromise.ts"
export type { Answer, Meta, Outcome, Uncached } from "./options/Answer.ts"
export * as WaitStrategy from "./options/WaitStrategy.ts"
export type { ErrorKind, Stats, Timing } from "./stats/Stats.ts"

/** The options of one call. */
export interface PromiseCallOptions<in out A> extends Policy.Options<A> {
  readonly hooks?: PromiseHooks<A> | undefined
  /** When it fires, the promise rejects at once with the signal's `reason`. The load goes on for others. */
  readonly signal?: AbortSignal | undefined
  /**
   * Keeps work alive that the request's answer does not wait for. On Cloudflare Workers pass `(work) =>
   * ctx.waitUntil(work)`, or `waitUntil` of the module `cloudflare:workers`. Without it, no work begins there that
   * could be cut off.
   */
  readonly waitUntil?: ((work: Promise<unknown>) => void) | undefined
}

/** The options of `set`. */
export interface PromiseSetOptions<in out A> extends Omit<Cache.SetOptions<A>, "origin"> {
  /** Writes the value to its origin first. The cache changes only if that succeeds. */
  readonly origin?: ((key: string, value: A) => unknown) | undefined
}

/** The options of a cache. */
export interface CreateOptions<in out A> extends Omit<Cache.Options<A>, "adapter" | "hooks"> {
  readonly adapter: Adapter | "memory"
  readonly hooks?: PromiseHooks<A> | undefined
  /**
   * The time of this cache, for tests: a `Clock` of Effect, such as its `TestClock`. It is also the time of an adapter
   * in this process. Default: the platform's clock. With Effect, `Cache.make` takes the clock of its context.
   */
  readonly clock?: Clock.Clock | undefined
  /**
   * Services of Effect for all that this cache runs: loggers, a tracer and metrics, `Random`, a `Clock` unless `clock` is given.
   * Default: none, so Effect's defaults. With Effect, `Cache.make` takes those of its context.
   */
  readonly context?: Context.Context<never> | undefined
}

/** The options of a cache over an adapter that lists its keys. */
export interface ListingCreateOptions<in out A> extends CreateOptions<A> {
  readonly adapter: ListingAdapter | "memory"
}

/**
 * A cache of values of one type. Every method rejects with `CacheLockingError` when the store fails or an option is
 * invalid.
 */
export interface PromiseCache<in out A> extends AsyncDisposable {
  /** Returns the fresh value, or `undefined`. If the cache keeps `undefined`, `has` tells the difference. */
  get(key: string): Promise<A | undefined>
  /** Returns the value: from the cache, or loaded by exactly one caller of all. */
  getOrSet(key: string, fetcher: PromiseFetcher<A>, options?: PromiseCallOptions<A>): Promise<A>
  /** Returns the value, and the outcome of the call. */
  getOrSetWithMeta(key: string, fetcher: PromiseFetcher<A>, options?: PromiseCallOptions<A>): Promise<Answer<A>>
  /** Returns the values that are fresh, by key. Never waits for a load. */
  getMany(keys: Iterable<string>): Promise<Map<string, A>>
  /**
   * Returns the values of many keys. `fetchMany` is called once, with only the keys that are not cached and that nobody
   * else is loading. Keys for which it returns no value are left out of the result, and are not cached.
   */
  getOrSetMany(
    keys: Iterable<string>,
    fetchMany: PromiseFetchMany<A>,
    options?: PromiseCallOptions<A>
  ): Promise<Map<string, A>>
  /** Writes a value. A load that began before it can no longer fill. */
  set(key: string, value: A, options?: PromiseSetOptions<A>): Promise<void>
  /** Removes the values of keys; returns the number of keys that had one. */
  deleteMany(keys: Iterable<string>): Promise<number>
  /**
   * Invalidates every value that carries the tag, and voids the fill of every load that has begun and whose value will
   * carry it.
   */
  invalidateTag(tag: string): Promise<void>
  /** Invalidates several tags at once. */
  invalidateTags(tags: Iterable<string>): Promise<void>
  /** Removes a value; true when there was one. A load that began before it can no longer fill. */
  delete(key: string): Promise<boolean>
  /** True when there is a fresh value. */
  has(key: string): Promise<boolean>
  /** Loads now, even if the value is fresh, and returns the new one. A load that began before it can no longer fill. */
  refresh(key: string, fetcher: PromiseFetcher<A>, options?: PromiseCallOptions<A>): Promise<Answer<A>>
  stats(): Stats
  explain(key: string): Promise<Cache.Explanation>
  /**
   * Closes the cache. New calls reject with `CACHE_CLOSED` at once; loads under way are awaited or ended; leases are
   * given back, so that no other process waits for them; then the adapter closes what it opened, unless another cache
   * uses it. `await using` closes it without options. Safe to repeat: a second call waits for the same end, and with
   * `loads: "end"` brings it about sooner. Rejects with `INVALID_OPTION` for an unknown or invalid option.
   */
  close(options?: Cache.CloseOptions): Promise<void>
}

/** A cache over an adapter that lists its keys, so that values can be removed by pattern. */
export interface ListingPromiseCache<in out A> extends PromiseCache<A> {
  /**
   * Removes every key that matches a pattern (`*` is any text, `?` one character) or begins with a prefix; returns
   * their number.
   */
  invalidateWhere(pattern: string | { readonly prefix: string }): Promise<number>
  /** Removes every key, or every key that begins with a prefix; returns their number. */
  clear(prefix?: string): Promise<number>
}

/**
 * The services of a cache; `undefined` for those of the platform.
 *
 * @throws InvalidOption
 */
const servicesOf = ({ clock, context }: CreateOptions<any>): Context.Context<never> | undefined => {
  if (context !== undefined && !Context.isContext(context)) {
    throw Check.invalid("context", context, "a Context of Effect")
  }
  if (clock === undefined) return context
  const { monotonicTimeNanosUnsafe, sleep } = Object(clock) as Partial<Clock.Clock>
  if (typeof sleep !== "function" || typeof monotonicTimeNanosUnsafe !== "function") {
    throw Check.invalid("clock", clock, "a Clock of Effect")
  }
  return Context.add(context ?? Context.empty(), Clock.Clock, clock) as Context.Context<never>
}

class Facade<A> implements ListingPromiseCache<A> {
  private readonly cache: CacheInstance<A>
  private readonly clock: Clock.Clock
  private readonly context: Context.Context<never> | undefined

  constructor(options: CreateOptions<A>) {
    const given = Object(options) as CreateOptions<A>
    const { clock, context, ...others } = given
    const own = withHooks("clock" in given || "context" in given ? others : options) as Cache.Options<A, unknown> & {
      adapter: Adapter | "memory"
    }
    this.context = servicesOf(given)
    this.clock = Context.get(this.context ?? Context.empty(), Clock.Clock)
    this.cache = Cache.makeUnsafe<A>(own, this.context, toFetcher)
  }

  getOrSet(key: string, fetcher: PromiseFetcher<A>, options?: PromiseCallOptions<A>): Promise<A> {
    if (options === undefined) {
      const hit = this.cache.valueUnsafe(key, this.clock)
      if (hit !== undefined) return Promise.resolve(hit.value)
    }
    return this.ask<A>(key, fetcher, options, false, false)
  }

  getOrSetWithMeta(key: string, fetcher: PromiseFetcher<A>, options?: PromiseCallOptions<A>): Promise<Answer<A>> {
    const hit = options === undefined ? this.cache.hitUnsafe(key, this.clock) : undefined
    return hit === undefined ? this.ask<Answer<A>>(key, fetcher, options, true, false) : Promise.resolve(hit)
  }

  refresh(key: string, fetcher: PromiseFetcher<A>, options?: PromiseCallOptions<A>): Promise<Answer<A>> {
    return this.ask<Answer<A>>(key, fetcher, options, true, true)
  }

  /** Separate from the hits, because a closure in the same function would make each hit allocate its context. */
  private ask<B>(
    key: string,
    fetcher: PromiseFetcher<A>,
    options: PromiseCallOptions<A> | undefined,
    withMeta: boolean,
    force: boolean
  ): Promise<B> {
    return new Promise<B>((resolve) => {
      const waiter = withMeta ? new AnswerWaiter(resolve) : new PromiseWaiter(resolve)
      this.cache.getOrSetUnsafe(key, fetcher, options && withHooks(options), force, waiter)
    })
  }

  get(key: string): Promise<A | undefined> {
    return this.run(Effect.map(this.cache.get(key), Option.getOrUndefined))
  }

  async getMany(keys: Iterable<string>): Promise<Map<string, A>> {
    return new Map(await this.run(this.cache.getMany(keys)))
  }

  async getOrSetMany(
    keys: Iterable<string>,
    fetchMany: PromiseFetchMany<A>,
    options?: PromiseCallOptions<A>
  ): Promise<Map<string, A>> {
    const asked = this.cache.getOrSetMany(keys, toFetchMany(fetchMany), options && withHooks(options))
    return new Map(await this.run(asked as Effect.Effect<ReadonlyMap<string, A>, unknown>))
  }

  set(key: string, value: A, options?: PromiseSetOptions<A>): Promise<void> {
    const { origin, ...own } = options ?? {}
    const write = typeof origin === "function" ? (key: string, value: A) => attempt(() => origin(key, value)) : origin
    const set = this.cache.set(key, value, options && { ...own, origin: write })
    return this.run(set as Effect.Effect<void, unknown>)
  }

  deleteMany(keys: Iterable<string>): Promise<number> {
    return this.run(this.cache.deleteMany(keys))
  }

  invalidateTag(tag: string): Promise<void> {
    return this.run(this.cache.invalidateTag(tag))
  }

  invalidateTags(tags: Iterable<string>): Promise<void> {
    return this.run(this.cache.invalidateTags(tags))
  }

  invalidateWhere(pattern: string | { readonly prefix: string }): Promise<number> {
    return this.run(this.cache.invalidateWhere(pattern))
  }

  clear(prefix?: string): Promise<number> {
    return this.run(this.cache.clear(prefix))
  }

  delete(key: string): Promise<boolean> {
    return this.run(this.cache.delete(key))
  }

  has(key: string): Promise<boolean> {
    return this.run(this.cache.has(key))
  }

  stats(): Stats {
    return this.cache.stats()
  }

  explain(key: string): Promise<Cache.Explanation> {
    return this.run(this.cache.explain(key))
  }

  close(options?: Cache.CloseOptions): Promise<void> {
    return this.run(this.cache.close(options))
  }

  private async run<B>(effect: Effect.Effect<B, unknown>): Promise<B> {
    const within = withinNow()
    const inside = within === undefined ? effect : Effect.provideService(effect, Within, within)
    const timed = this.context === undefined ? inside : Effect.provideContext(inside, this.context)
    const exit = await Effect.runPromiseExit(timed)
    if (Exit.isSuccess(exit)) return exit.value
    throw errorOf(exit.cause)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/**
 * Makes a cache. Close it, or hold it with `await using`.
 *
 * @throws InvalidOption when an option is invalid
 */
export const createCache: {
  <A = any>(options: ListingCreateOptions<A>): ListingPromiseCache<A>
  <A = any>(options: CreateOptions<A>): PromiseCache<A>
} = <A>(options: CreateOptions<A>): ListingPromiseCache<A> => new Facade(options)
