/**
 * A cache that loads each key once, however many callers and processes ask.
 *
 * `make` gives a cache, whose options are checked once. `getOrSet` is one call without a cache.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { CacheInstance } from "./call/CacheInstance.ts"
import { type CallOptions, type CloseOptions, callNames, defaultPlan, planOf } from "./call/CallOptions.ts"
import { admit, checked, validated } from "./call/Preconditions.ts"
import type { Explanation } from "./call/Read.ts"
import { answerInFiber } from "./call/Waiter.ts"
import type { SetOptions } from "./call/Write.ts"
import type * as Codec from "./codec/Codec.ts"
import type { Adapter, ListingAdapter } from "./contract/Adapter.ts"
import type { CacheLockingError, InvalidOption } from "./contract/CacheLockingError.ts"
import * as Check from "./contract/Check.ts"
import { getOrMake } from "./contract/Identity.ts"
import * as Namespace from "./contract/Namespace.ts"
import { defaultRefreshConcurrency, Engine } from "./flight/Engine.ts"
import type { FetchMany } from "./flight/FetchBatch.ts"
import type { Fetcher } from "./flight/Fetcher.ts"
import { type CallPlan, requestOf } from "./flight/LoadRequest.ts"
import type { Answer, Hooks } from "./options/Answer.ts"
import * as Policy from "./options/Policy.ts"
import type { Stats } from "./stats/Stats.ts"
import * as MemoryAdapter from "./stores/MemoryAdapter.ts"

export type { CallOptions, CloseOptions } from "./call/CallOptions.ts"
export type { Explanation } from "./call/Read.ts"
export type { SetOptions } from "./call/Write.ts"
export type { FetchMany } from "./flight/FetchBatch.ts"

/** The format of values. */
interface Formats<in out A> {
  /**
   * Encodes values. Default `Codec.default`; the memory adapter keeps values by reference unless a codec is given.
   */
  readonly codec?: Codec.Codec<NoInfer<A>> | undefined
  /**
   * Encodes a leader's typed failure for the processes that waited for it; the store keeps it for the cooldown. Default
   * `Codec.failure`: name, message, `code` and causes of an error, and its fields only if it has a `_tag`.
   */
  readonly failureCodec?: Codec.Codec<any> | undefined
}

/** The options of a cache. */
export interface Options<in out A, out HE = never, out HR = never, out AE = never, out AR = never>
  extends Policy.Options<A>,
    Formats<A> {
  /** An adapter; `"memory"`, the memory of this process; or an effect that gives an adapter, such as its tag. */
  readonly adapter: Adapter | "memory" | Effect.Effect<Adapter, AE, AR>
  readonly hooks?: Hooks<A, HE, HR> | undefined
  /** For a cache that serves one request; see `CallOptions`. */
  readonly waitUntil?: CallOptions<A>["waitUntil"]
  /**
   * The cache's keyspace, on every adapter, and its name in metrics. Caches of different names share no key, no tag and no
   * flight, and none clears another; those of one name over one store share all of it, and need equal codecs
   * (`INVALID_OPTION`). Not empty. Default `"default"`, whose keys are stored as they are.
   */
  readonly name?: string | undefined
  /**
   * Background loads that run at a time, over all keys; the others queue. Where they lag behind their windows, callers wait
   * for loads again, and `stats().refreshesLate` grows. Default 16.
   */
  readonly refreshConcurrency?: number | undefined
}

/** The options of a cache over an adapter that lists its keys. */
export interface ListingOptions<in out A, out HE = never, out HR = never, out AE = never, out AR = never>
  extends Options<A, HE, HR, AE, AR> {
  readonly adapter: ListingAdapter | "memory" | Effect.Effect<ListingAdapter, AE, AR>
}

/** A cache of values of one type. */
export interface Cache<in out A, in out HE = never, in out HR = never> {
  /** Returns the fresh value, if there is one. Never waits for a load. */
  readonly get: (key: string) => Effect.Effect<Option.Option<A>, CacheLockingError>
  /** Returns the value: from the cache, or loaded by exactly one caller of all. */
  readonly getOrSet: <E = never, R = never, E2 = never, R2 = never>(
    key: string,
    fetcher: Fetcher<A, E, R>,
    options?: CallOptions<A, E2, R2>
  ) => Effect.Effect<Answer<A>, CacheLockingError | E | HE | E2, R | HR | R2>
  /** Returns the values that are fresh, by key. Never waits for a load. */
  readonly getMany: (keys: Iterable<string>) => Effect.Effect<ReadonlyMap<string, A>, CacheLockingError>
  /**
   * Returns the values of many keys. `fetchMany` is called once, with only the keys that are not cached and that nobody
   * else is loading. Keys for which it returns no value are left out of the result, and are not cached.
   */
  readonly getOrSetMany: <E = never, R = never, E2 = never, R2 = never>(
    keys: Iterable<string>,
    fetchMany: FetchMany<A, E, R>,
    options?: CallOptions<A, E2, R2>
  ) => Effect.Effect<ReadonlyMap<string, A>, CacheLockingError | E | HE | E2, R | HR | R2>
  /** Writes a value. A load that began before it can no longer fill. */
  readonly set: <E = never, R = never>(
    key: string,
    value: A,
    options?: SetOptions<A, E, R>
  ) => Effect.Effect<void, CacheLockingError | E, R>
  /** Removes a value; true when there was one. A load that began before it can no longer fill. */
  readonly delete: (key: string) => Effect.Effect<boolean, CacheLockingError>
  /** Removes the values of keys; returns the number of keys that had one. */
  readonly deleteMany: (keys: Iterable<string>) => Effect.Effect<number, CacheLockingError>
  /**
   * Invalidates every value that carries the tag, and voids the fill of every load that has begun and whose value will
   * carry it. Costs two commands.
   */
  readonly invalidateTag: (tag: string) => Effect.Effect<void, CacheLockingError>
  /** Invalidates several tags at once. */
  readonly invalidateTags: (tags: Iterable<string>) => Effect.Effect<void, CacheLockingError>
  /** True when there is a fresh value. */
  readonly has: (key: string) => Effect.Effect<boolean, CacheLockingError>
  /**
   * Loads now, even if the value is fresh, and returns the new one. Other refreshes of the key join this one. A load that
   * began before it can no longer fill. Everybody else gets the old value as long as it is fresh.
   */
  readonly refresh: <E = never, R = never, E2 = never, R2 = never>(
    key: string,
    fetcher: Fetcher<A, E, R>,
    options?: CallOptions<A, E2, R2>
  ) => Effect.Effect<Answer<A>, CacheLockingError | E | HE | E2, R | HR | R2>
  /** Returns the totals of this cache in this process. */
  readonly stats: () => Stats
  /** Describes a key, for people. Changes nothing. */
  readonly explain: (key: string) => Effect.Effect<Explanation, CacheLockingError>
  /**
   * Closes the cache before its scope does. New calls fail with `CACHE_CLOSED` at once; loads under way are awaited or ended;
   * leases are given back, so that no other process waits for them; then the adapter closes what it opened, unless another
   * cache uses it. Safe to repeat: a second call waits for the same end, and with `loads: "end"` brings it about sooner.
   */
  readonly close: (options?: CloseOptions) => Effect.Effect<void, InvalidOption>
}

/** A cache over an adapter that lists its keys, so that values can be removed by pattern. */
export interface ListingCache<in out A, in out HE = never, in out HR = never> extends Cache<A, HE, HR> {
  /**
   * Removes every key that matches a pattern (`*` is any text, `?` one character) or begins with a prefix; returns
   * their number. Loads that are under way can no longer fill. Fails with `UNSUPPORTED` over an adapter that cannot
   * list its keys, which the types do not allow.
   */
  readonly invalidateWhere: (pattern: string | { readonly prefix: string }) => Effect.Effect<number, CacheLockingError>
  /** Removes every key, or every key that begins with a prefix; returns their number. */
  readonly clear: (prefix?: string) => Effect.Effect<number, CacheLockingError>
}

const makeNames: ReadonlySet<string> = new Set([
  ...Policy.names,
  "hooks",
  "waitUntil",
  "adapter",
  "codec",
  "failureCodec",
  "name",
  "refreshConcurrency"
])
const onceNames: ReadonlySet<string> = new Set([...makeNames, "signal", "key", "fetcher"])

/** The adapter that an option names. */
const adapterOf = <AE, AR>(
  given: Adapter | "memory" | Effect.Effect<Adapter, AE, AR>
): Effect.Effect<Adapter, AE | InvalidOption, AR> =>
  given === "memory"
    ? Effect.sync(MemoryAdapter.processWide)
    : Effect.isEffect(given)
      ? Effect.flatMap(given, (adapter) => validated(() => Effect.succeed(Check.adapter("adapter", adapter))))
      : validated(() => Effect.succeed(Check.adapter("adapter", given)))

/** Makes an instance without a scope; its maker must close it. `toFetcher` adapts the fetchers of another face. */
export const makeUnsafe = <A>(
  options: Options<A, any, any> & { readonly adapter: Adapter | "memory" },
  context: Context.Context<never> = Context.empty(),
  toFetcher?: CallPlan["toFetcher"]
): CacheInstance<A> => {
  Check.known(options, makeNames)
  const { adapter, codec, failureCodec, name, refreshConcurrency, ...rest } = options
  const engine = new Engine({
    adapter: adapter === "memory" ? MemoryAdapter.processWide() : Check.adapter("adapter", adapter),
    codec: Check.codec("codec", codec),
    failureCodec: Check.codec("failureCodec", failureCodec),
    name: Namespace.nameOf(name),
    refreshConcurrency: Check.integer("refreshConcurrency", refreshConcurrency, {
      min: 1,
      default: defaultRefreshConcurrency
    }),
    context
  })
  const plan = planOf(defaultPlan(engine.adapter, toFetcher), rest, callNames)
  engine.retain(plan.scope, plan.hooks)
  return new CacheInstance(engine, plan, context)
}

/**
 * Makes a cache. When its scope closes, it is closed as by `close()`: loads that callers wait for may end within five seconds,
 * all others are ended, leases are given back, and the adapter closes what it opened unless another cache still uses it.
 *
 * @example
 * ```ts
 * import { Cache } from "@cache-locking/core"
 * import * as Effect from "effect/Effect"
 *
 * const program = Effect.gen(function* () {
 *   const users = yield* Cache.make<string>({ adapter: "memory", cacheTtl: "1 minute" })
 *   const { value, meta } = yield* users.getOrSet("user:42", () => Effect.succeed("Ada"))
 *   return `${value} (${meta.cache})`
 * })
 * ```
 */
export const make: {
  <A, HE = never, HR = never, AE = never, AR = never>(
    options: ListingOptions<A, HE, HR, AE, AR>
  ): Effect.Effect<ListingCache<A, HE, HR>, InvalidOption | AE, Scope.Scope | AR>
  <A, HE = never, HR = never, AE = never, AR = never>(
    options: Options<A, HE, HR, AE, AR>
  ): Effect.Effect<Cache<A, HE, HR>, InvalidOption | AE, Scope.Scope | AR>
} = <A, HE, HR, AE, AR>(
  options: Options<A, HE, HR, AE, AR>
): Effect.Effect<ListingCache<A, HE, HR>, InvalidOption | AE, Scope.Scope | AR> =>
  Effect.flatMap(adapterOf(options?.adapter), (adapter) =>
    Effect.acquireRelease(
      Effect.withFiber((fiber) =>
        validated(() => Effect.succeed(makeUnsafe<A>({ ...options, adapter }, fiber.context)))
      ),
      (cache) => cache.end
    )
  )

/** A service without methods that need keys to be listed. */
interface Unlisted {
  readonly Service: { readonly clear?: never }
}

/**
 * Provides a cache as a service of yours.
 *
 * @example
 * ```ts
 * import { Cache } from "@cache-locking/core"
 * import * as Context from "effect/Context"
 *
 * class Users extends Context.Service<Users, Cache.Cache<string>>()("app/Users") {}
 *
 * const layer = Cache.layer(Users, { adapter: "memory", cacheTtl: "1 minute" })
 * ```
 */
export const layer: {
  <I, A, HE = never, HR = never, AE = never, AR = never>(
    tag: Context.Key<I, ListingCache<A, HE, HR>>,
    options: ListingOptions<A, HE, HR, AE, AR>
  ): Layer.Layer<I, InvalidOption | AE, AR>
  <I, A, HE = never, HR = never, AE = never, AR = never>(
    tag: Context.Key<I, Cache<A, HE, HR>> & Unlisted,
    options: Options<A, HE, HR, AE, AR>
  ): Layer.Layer<I, InvalidOption | AE, AR>
} = <I, A, HE, HR, AE, AR>(
  tag: Context.Key<I, Cache<A, HE, HR>>,
  options: Options<A, HE, HR, AE, AR>
): Layer.Layer<I, InvalidOption | AE, AR> => Layer.effect(tag, make(options))

/** The options of the one-shot call. */
export interface OnceOptions<in out A, out E, out R, out HE = never, out HR = never>
  extends CallOptions<A, HE, HR>,
    Formats<A> {
  /** An adapter, or `"memory"`, the memory of this process. */
  readonly adapter: Adapter | "memory"
  /** The keyspace of the key: that of the caches of this name. Default `"default"`. */
  readonly name?: string | undefined
  /** Not empty. */
  readonly key: string
  readonly fetcher: Fetcher<A, E, R>
}

const engines = new WeakMap<Adapter, WeakMap<object, Engine>>()

/** Stands for the codec of callers that give none. */
const noCodec = {}

/** One engine for each adapter, name and codec, so that repeated calls share everything except their options. */
const engineOf = (
  adapter: Adapter,
  name: string,
  codec: Codec.Codec<any> | undefined,
  failureCodec: Codec.Codec<any> | undefined
): Engine => {
  const make = () =>
    new Engine({
      adapter,
      codec,
      failureCodec,
      name,
      refreshConcurrency: defaultRefreshConcurrency,
      context: Context.empty()
    })
  if (failureCodec !== undefined) return make()
  const byCodec = getOrMake(engines, Namespace.of(adapter, name), () => new WeakMap<object, Engine>())
  return getOrMake(byCodec, codec ?? noCodec, make)
}

/**
 * Returns the value of a key: from the cache, or loaded by exactly one caller of all processes.
 *
 * Calls over the same adapter share flights as callers of one cache do. Fails with `CacheLockingError`, or with the
 * failure of the fetcher or of a hook.
 *
 * @example
 * ```ts
 * import { Cache } from "@cache-locking/core"
 * import * as Effect from "effect/Effect"
 *
 * const program = Cache.getOrSet({
 *   adapter: "memory",
 *   key: "user:42",
 *   cacheTtl: "1 minute",
 *   fetcher: () => Effect.succeed({ name: "Ada" })
 * })
 * ```
 */
export const getOrSet = <A, E = never, R = never, HE = never, HR = never>(
  options: OnceOptions<A, E, R, HE, HR>
): Effect.Effect<Answer<A>, CacheLockingError | E | HE, R | HR> =>
  Effect.withFiber((fiber) =>
    checked(() => {
      Check.known(options, onceNames)
      const { adapter, codec, failureCodec, fetcher, key, name } = options
      const engine = engineOf(
        adapter === "memory" ? MemoryAdapter.processWide() : Check.adapter("adapter", adapter),
        Namespace.nameOf(name),
        Check.codec("codec", codec),
        Check.codec("failureCodec", failureCodec)
      )
      admit(engine, key)
      Check.required("fetcher", fetcher)
      const request = requestOf(engine, key, fetcher, planOf(defaultPlan(engine.adapter), options, onceNames))
      return answerInFiber(request, fiber.context) as Effect.Effect<Answer<A>, E | HE>
    })
  )
