/**
 * The cache for those who do not use Effect: the same laws, promises instead of effects.
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
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Cache from "./Cache.ts"
import type { CacheInstance } from "./call/CacheInstance.ts"
import { Joiner } from "./call/Joiner.ts"
import type { Adapter, ListingAdapter } from "./contract/Adapter.ts"
import { Aborted } from "./contract/CacheLockingError.ts"
import {
  attempt,
  type PromiseFetcher,
  type PromiseFetchMany,
  type PromiseHooks,
  toFetcher,
  toFetchMany,
  withHooks
} from "./FromPromise.ts"
import type { Engine } from "./flight/Engine.ts"
import { type Flight, Within } from "./flight/Flight.ts"
import type { CallPlan } from "./flight/LoadRequest.ts"
import { withinNow } from "./flight/Reentrancy.ts"
import type { Answer } from "./options/Answer.ts"
import type * as Policy from "./options/Policy.ts"
import type { Stats } from "./stats/Stats.ts"

export type { Explanation } from "./Cache.ts"
export * as Codec from "./codec/Codec.ts"
export type { Adapter, ListingAdapter } from "./contract/Adapter.ts"
export * from "./contract/CacheLockingError.ts"
export type { PromiseFetchContext, PromiseFetcher, PromiseFetchMany, PromiseHooks } from "./FromPromise.ts"
export * from "./options/Answer.ts"
export * as WaitStrategy from "./options/WaitStrategy.ts"
export type { ErrorKind, Stats, Timing } from "./stats/Stats.ts"

/** What one call may decide for itself. */
export interface PromiseCallOptions<in out A> extends Policy.Options<A> {
  readonly hooks?: PromiseHooks<A> | undefined
  /** When it fires the caller's promise rejects at once with the signal's own `reason`. The load goes on for others. */
  readonly signal?: AbortSignal | undefined
  /**
   * Keeps work alive for which the request's answer does not wait: `(work) => ctx.waitUntil(work)` on Cloudflare Workers, made
   * once per request. Without it nothing is begun there that could be cut off.
   */
  readonly waitUntil?: ((work: Promise<unknown>) => void) | undefined
}

/** What `set` may decide for itself. */
export interface PromiseSetOptions<in out A> extends Omit<Cache.SetOptions<A>, "origin"> {
  /** Writes the value where it comes from, first: the cache changes only if that succeeds. */
  readonly origin?: ((key: string, value: A) => unknown) | undefined
}

/** What a cache is made of. */
export interface CreateOptions<in out A> extends Omit<Cache.Options<A>, "adapter" | "hooks"> {
  readonly adapter: Adapter | "memory"
  readonly hooks?: PromiseHooks<A> | undefined
}

/** The same over an adapter that lists its keys. */
export interface ListingCreateOptions<in out A> extends CreateOptions<A> {
  readonly adapter: ListingAdapter | "memory"
}

/** A cache of values of one type. Every method rejects with `CacheLockingError` when the store or an option fails it. */
export interface PromiseCache<in out A> extends AsyncDisposable {
  /** The fresh value, or `undefined`. A cache that keeps `undefined` tells the difference by `has`. */
  get(key: string): Promise<A | undefined>
  /** The value: from the cache, or loaded by exactly one caller of all. */
  getOrSet(key: string, fetcher: PromiseFetcher<A>, options?: PromiseCallOptions<A>): Promise<A>
  /** The same, telling how the answer came about. */
  getOrSetWithMeta(key: string, fetcher: PromiseFetcher<A>, options?: PromiseCallOptions<A>): Promise<Answer<A>>
  /** The fresh values that there are. Never waits for a load. */
  getMany(keys: Iterable<string>): Promise<Map<string, A>>
  /**
   * The values of many keys: `fetchMany` is asked once, for just those that nobody has and nobody else is loading. Keys for
   * which it gives no value are not in the answer, and not cached.
   */
  getOrSetMany(
    keys: Iterable<string>,
    fetchMany: PromiseFetchMany<A>,
    options?: PromiseCallOptions<A>
  ): Promise<Map<string, A>>
  /** Writes a value. A load that began before it can no longer fill. */
  set(key: string, value: A, options?: PromiseSetOptions<A>): Promise<void>
  /** Removes the values of keys, and tells how many there were. */
  deleteMany(keys: Iterable<string>): Promise<number>
  /** Invalidates every value that carries the tag, and the fill of every load that has begun. */
  invalidateTag(tag: string): Promise<void>
  /** The same for several tags. */
  invalidateTags(tags: Iterable<string>): Promise<void>
  /** Removes a value, and tells whether there was one. A load that began before it can no longer fill. */
  delete(key: string): Promise<boolean>
  /** Whether there is a fresh value. */
  has(key: string): Promise<boolean>
  /** Loads now, though the value may be fresh. */
  refresh(key: string, fetcher: PromiseFetcher<A>, options?: PromiseCallOptions<A>): Promise<Answer<A>>
  stats(): Stats
  explain(key: string): Promise<Cache.Explanation>
  /** Ends background loads, and what the adapter opened unless another cache uses it. Safe to repeat. */
  close(): Promise<void>
}

/** A cache over an adapter that lists its keys: what is there can be removed by what it is called. */
export interface ListingPromiseCache<in out A> extends PromiseCache<A> {
  /** Removes every key that matches (`*` any text, `?` one character), or that begins with a prefix. */
  invalidateWhere(pattern: string | { readonly prefix: string }): Promise<number>
  /** Removes every key, or every key that begins with a prefix. */
  clear(prefix?: string): Promise<number>
}

/** The error of a failed exit as the caller expects it: the fetcher's own, the signal's reason, ours. */
const errorOf = (cause: Cause.Cause<unknown>): unknown => {
  const error = Cause.squash(cause)
  return error instanceof Aborted ? error.cause : error
}

/** A caller's promise. */
interface Settlement {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
  /** Whether the whole answer is wanted, or its value. */
  readonly meta: boolean
}

const settle = ({ meta, reject, resolve }: Settlement, exit: Exit.Exit<Answer<any>, unknown>): void =>
  Exit.isSuccess(exit) ? resolve(meta ? exit.value : exit.value.value) : reject(errorOf(exit.cause))

/** Runs a call of the facade's own, whose fetcher and hooks need no services. */
const fork = (
  effect: Effect.Effect<Answer<any>, unknown, any>,
  within: Flight | undefined,
  settlement: Settlement
): void => {
  Effect.runFork(inside(effect as Effect.Effect<Answer<any>, unknown>, within)).addObserver((exit) =>
    settle(settlement, exit)
  )
}

const inside = <A, E>(effect: Effect.Effect<A, E>, within: Flight | undefined): Effect.Effect<A, E> =>
  within === undefined ? effect : Effect.provideService(effect, Within, within)

const run = async <A>(effect: Effect.Effect<A, unknown>): Promise<A> => {
  const exit = await Effect.runPromiseExit(inside(effect, withinNow()))
  if (Exit.isSuccess(exit)) return exit.value
  throw errorOf(exit.cause)
}

/** A caller who waits for a load that is under way, without a fiber. */
class PromiseJoiner<A> extends Joiner {
  private readonly cache: CacheInstance<A>
  private readonly key: string
  private readonly fetcher: PromiseFetcher<A>
  private readonly settlement: Settlement

  constructor(
    engine: Engine<any>,
    plan: CallPlan,
    flight: Flight,
    mine: boolean,
    cache: CacheInstance<A>,
    key: string,
    fetcher: PromiseFetcher<A>,
    settlement: Settlement
  ) {
    super(engine, plan, flight, mine)
    this.cache = cache
    this.key = key
    this.fetcher = fetcher
    this.settlement = settlement
  }

  protected override end(exit: Exit.Exit<Answer<A>, unknown> | undefined, late: boolean): void {
    const { began, cache, fetcher, flight, key, settlement } = this
    if (exit !== undefined) settle(settlement, exit)
    else fork(cache.waitOn(key, toFetcher(fetcher), began, late ? flight : undefined), undefined, settlement)
  }
}

const clock = Effect.runSync(Clock.Clock)

class Facade<A> implements ListingPromiseCache<A> {
  private readonly cache: CacheInstance<A>

  constructor(options: CreateOptions<A>) {
    this.cache = Cache.makeUnsafe<A>(withHooks(options) as Cache.Options<A, unknown> & { adapter: Adapter | "memory" })
  }

  getOrSet(key: string, fetcher: PromiseFetcher<A>, options?: PromiseCallOptions<A>): Promise<A> {
    if (options === undefined) {
      const hit = this.cache.valueUnsafe(key, clock)
      if (hit !== undefined) return Promise.resolve(hit.value)
    }
    return this.ask(key, fetcher, options, false)
  }

  getOrSetWithMeta(key: string, fetcher: PromiseFetcher<A>, options?: PromiseCallOptions<A>): Promise<Answer<A>> {
    const hit = options === undefined ? this.cache.hitUnsafe(key, clock) : undefined
    return hit === undefined ? this.ask(key, fetcher, options, true) : Promise.resolve(hit)
  }

  private ask(
    key: string,
    fetcher: PromiseFetcher<A>,
    options: undefined | PromiseCallOptions<A>,
    meta: true
  ): Promise<Answer<A>>
  private ask(
    key: string,
    fetcher: PromiseFetcher<A>,
    options: undefined | PromiseCallOptions<A>,
    meta: false
  ): Promise<A>
  private ask(
    key: string,
    fetcher: PromiseFetcher<A>,
    options: PromiseCallOptions<A> | undefined,
    meta: boolean
  ): Promise<unknown> {
    const { promise, reject, resolve } = Promise.withResolvers<unknown>()
    const settlement = { resolve, reject, meta }
    const within = withinNow()
    const joined =
      options === undefined &&
      within === undefined &&
      this.cache.joinUnsafe(
        key,
        fetcher,
        toFetcher,
        (engine, plan, flight, mine) =>
          new PromiseJoiner(engine, plan, flight, mine, this.cache, key, fetcher, settlement)
      )
    if (!joined) fork(this.cache.getOrSet(key, toFetcher(fetcher), options && withHooks(options)), within, settlement)
    return promise
  }

  refresh(key: string, fetcher: PromiseFetcher<A>, options?: PromiseCallOptions<A>): Promise<Answer<A>> {
    return run(
      this.cache.refresh(key, toFetcher(fetcher), options && withHooks(options)) as Effect.Effect<Answer<A>, unknown>
    )
  }

  get(key: string): Promise<A | undefined> {
    return run(Effect.map(this.cache.get(key), Option.getOrUndefined))
  }

  async getMany(keys: Iterable<string>): Promise<Map<string, A>> {
    return new Map(await run(this.cache.getMany(keys)))
  }

  async getOrSetMany(
    keys: Iterable<string>,
    fetchMany: PromiseFetchMany<A>,
    options?: PromiseCallOptions<A>
  ): Promise<Map<string, A>> {
    const asked = this.cache.getOrSetMany(keys, toFetchMany(fetchMany), options && withHooks(options))
    return new Map(await run(asked as Effect.Effect<ReadonlyMap<string, A>, unknown>))
  }

  set(key: string, value: A, options?: PromiseSetOptions<A>): Promise<void> {
    const { origin, ...own } = options ?? {}
    const write = typeof origin === "function" ? (key: string, value: A) => attempt(() => origin(key, value)) : origin
    const set = this.cache.set(key, value, options && { ...own, origin: write })
    return run(set as Effect.Effect<void, unknown>)
  }

  deleteMany(keys: Iterable<string>): Promise<number> {
    return run(this.cache.deleteMany(keys))
  }

  invalidateTag(tag: string): Promise<void> {
    return run(this.cache.invalidateTag(tag))
  }

  invalidateTags(tags: Iterable<string>): Promise<void> {
    return run(this.cache.invalidateTags(tags))
  }

  invalidateWhere(pattern: string | { readonly prefix: string }): Promise<number> {
    return run(this.cache.invalidateWhere(pattern))
  }

  clear(prefix?: string): Promise<number> {
    return run(this.cache.clear(prefix))
  }

  delete(key: string): Promise<boolean> {
    return run(this.cache.delete(key))
  }

  has(key: string): Promise<boolean> {
    return run(this.cache.has(key))
  }

  stats(): Stats {
    return this.cache.stats()
  }

  explain(key: string): Promise<Cache.Explanation> {
    return run(this.cache.explain(key))
  }

  close(): Promise<void> {
    return run(this.cache.close)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/**
 * Makes a cache. Close it, or hold it with `await using`.
 *
 * @throws InvalidOption when an option is not what it should be
 */
export const createCache: {
  <A = any>(options: ListingCreateOptions<A>): ListingPromiseCache<A>
  <A = any>(options: CreateOptions<A>): PromiseCache<A>
} = <A>(options: CreateOptions<A>): ListingPromiseCache<A> => new Facade(options)
