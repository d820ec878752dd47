/**
 * The cache by itself: the features of `lru-cache` in one process, for all workers, with one load for all of them.
 *
 * It is core's `Cache` over this package's adapter, with the verbs that only the primary can carry out in one step.
 */
import { Cache, type CacheLockingError, type Codec, Tiered } from "@cache-locking/core"
import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { ClusterError, ofCore } from "../client/ClusterError.ts"
import { pages } from "../client/Listing.ts"
import { open, type SpaceClient } from "../client/SpaceClient.ts"
import type { SpaceStats } from "../primary/Space.ts"
import { maxOf } from "../primary/SpaceOptions.ts"
import { failureCodec } from "../wire/SerializedError.ts"
import { CallContext, cacheAdapter } from "./CacheAdapter.ts"
import { checkOptions, type FetchOptions, type Options, ofFetch, ofSet, type SetOptions } from "./CacheOptions.ts"
import { Decoded, Decoder } from "./Decoder.ts"
import * as Dump from "./Dump.ts"
import { ForcedLoads } from "./ForcedLoads.ts"
import { type ByCore, effectOf, type Read, Reader } from "./Reader.ts"

export type { FetchOptions, Options, SetOptions } from "./CacheOptions.ts"
export type { Dumped } from "./Dump.ts"

const clock = Effect.runSync(Clock.Clock)

export class ClusterCache<in out A> {
  readonly options: Options<A>
  private readonly client: SpaceClient
  private readonly cache: ReturnType<typeof Cache.makeUnsafe<A>>
  /** Absent where there are near copies, and after `destroy`: core reads then. */
  private reader: Reader<A> | undefined
  private readonly forcedLoads = new ForcedLoads()

  /** @throws InvalidOption */
  constructor(options: Options<A> = {}, client?: SpaceClient) {
    checkOptions(options)
    const { codec, load, near, ...place } = options
    this.options = options
    this.client = client ?? open(place)
    const far = cacheAdapter(this.client)
    const adapter = near === undefined ? far : Tiered.make([near, far])
    // A mark would be an entry: `has`, `keys`, `dump` and the bounds count what the primary holds.
    this.cache = Cache.makeUnsafe<A>({ ...load, bypassFor: 0, codec, failureCodec, adapter })
    if (near === undefined) this.reader = new Reader(this.client, new Decoder(codec), this.byCore)
  }

  private call<B>(verb: string, args: ReadonlyArray<unknown>, key?: string): Effect.Effect<B, ClusterError> {
    return Effect.mapError(this.client.call<B>(verb, args), ofCore(key))
  }

  /** The value. `null` and `undefined` may be values: `None` means that there is none. */
  get(key: string): Effect.Effect<Option.Option<A>, ClusterError> {
    return this.reader === undefined
      ? Effect.withFiber((fiber) => effectOf(this.read(key, false, fiber.getRef(Clock.Clock))))
      : Effect.suspend(() => effectOf(this.read(key, false, clock)))
  }

  /** The same, begun at once. Returns the answer itself where the value is in this process, here or in a near copy. */
  getUnsafe(key: string): Read<A> | Promise<Read<A>> {
    return this.reader?.getUnsafe(key) ?? this.read(key, false, clock)
  }

  private read(key: string, peek: boolean, clock: Clock.Clock): Read<A> {
    if (this.reader !== undefined) return this.reader.get(key, peek)
    const near = this.cache.valueUnsafe(key, clock)
    return near === undefined ? this.byCore(key, peek, undefined) : new Decoded(near.value)
  }

  private readonly byCore: ByCore<A> = (key, peek, found) =>
    Effect.provideService(Effect.mapError(this.cache.get(key), ofCore(key)), CallContext, { peek, found })

  /** The same, without counting as a use: order, ages and figures stay. */
  peek(key: string): Effect.Effect<Option.Option<A>, ClusterError> {
    return Effect.withFiber((fiber) => effectOf(this.read(key, true, fiber.getRef(Clock.Clock))))
  }

  /** True when there is a value that has not expired. */
  has(key: string): Effect.Effect<boolean, ClusterError> {
    return this.call("has", [key], key)
  }

  /** Keeps a value. A load that began before it can no longer fill. */
  set(key: string, value: A, options?: SetOptions): Effect.Effect<void, ClusterError> {
    return Effect.suspend(() => Effect.asVoid(this.write(key, value, ofSet(options))))
  }

  private write(key: string, value: A, context: CallContext): Effect.Effect<unknown, ClusterError> {
    const set = this.cache.set(key, value) as Effect.Effect<unknown, CacheLockingError>
    return Effect.mapError(Effect.provideService(set, CallContext, context), ofCore(key))
  }

  /** Keeps a value if there is none. Returns true if it did. */
  setIfAbsent(key: string, value: A, options?: SetOptions): Effect.Effect<boolean, ClusterError> {
    return Effect.suspend(() =>
      Effect.map(this.write(key, value, { ...ofSet(options), ifAbsent: true }), (written) => written === true)
    )
  }

  /** Removes a value. Returns true if there was one. */
  delete(key: string): Effect.Effect<boolean, ClusterError> {
    return Effect.mapError(this.cache.delete(key), ofCore(key))
  }

  /** Removes everything. Returns the number of values. */
  readonly clear: Effect.Effect<number, ClusterError> = Effect.suspend(() => this.call<number>("clear", []))

  /** The values of the keys that have one. One message each way. */
  mGet(keys: Iterable<string>): Effect.Effect<ReadonlyMap<string, A>, ClusterError> {
    return Effect.withFiber((fiber) => {
      const { reader } = this
      if (reader === undefined) return Effect.mapError(this.cache.getMany(keys), ofCore())
      return reader.getMany([...new Set(keys)], fiber.getRef(CallContext).peek === true)
    })
  }

  /** Keeps values, each by itself. One message each way. */
  mSet(entries: Iterable<readonly [key: string, value: A]>, options?: SetOptions): Effect.Effect<void, ClusterError> {
    return Effect.suspend(() => {
      const context = ofSet(options)
      const write = ([key, value]: readonly [string, A]) => this.write(key, value, context)
      return Effect.forEach(entries, write, { concurrency: "unbounded", discard: true })
    })
  }

  /** Removes values. Returns the number of keys that had one. */
  mDelete(keys: Iterable<string>): Effect.Effect<number, ClusterError> {
    return Effect.mapError(this.cache.deleteMany(keys), ofCore())
  }

  /**
   * The value, or the result of the fetcher, which one caller of all workers runs. Fails with the fetcher's failure, or
   * with core's errors.
   */
  fetch<E = never, R = never>(
    key: string,
    fetcher: (context: { readonly key: string }) => Effect.Effect<A, E, R>,
    options?: FetchOptions
  ): Effect.Effect<A, CacheLockingError | E, R> {
    return Effect.suspend(() => {
      const context = ofFetch(options)
      const forced = () => this.forcedLoads.counted(key, this.cache.refresh(key, fetcher))
      const plain = () => this.cache.getOrSet(key, fetcher)
      // A caller that arrives during a forced load joins it. If the load fails, the caller gets the present value.
      const joined = () => Effect.catch(forced(), plain)
      const answer = options?.forceRefresh === true ? forced() : this.forcedLoads.has(key) ? joined() : plain()
      return Effect.provideService(
        Effect.map(answer as Effect.Effect<{ readonly value: A }, CacheLockingError | E, R>, ({ value }) => value),
        CallContext,
        context
      )
    })
  }

  /**
   * Adds to a number, in one step. A missing number is 0, and the call that creates it decides its ttl. Fails with
   * `NotANumber` if the value is anything else.
   */
  incr(key: string, by = 1, options?: Pick<SetOptions, "ttl">): Effect.Effect<number, ClusterError> {
    if (this.options.codec !== undefined) {
      const message = "a cache with a codec of its own keeps no counters"
      return Effect.fail(new ClusterError({ reason: "NotANumber", message, key }))
    }
    return Effect.suspend(() => this.call<number>("count", [key, by, ofSet(options).ttl], key))
  }

  /** Subtracts from a number. See `incr`. */
  decr(key: string, by = 1, options?: Pick<SetOptions, "ttl">): Effect.Effect<number, ClusterError> {
    return this.incr(key, -by, options)
  }

  /** The keys, the most recently used first, page by page. */
  keys(prefix = ""): Stream.Stream<string, ClusterError> {
    return pages<string>(this.client, prefix, "keys")
  }

  /** Keys and values, page by page. Values that are removed meanwhile are left out. */
  entries(prefix = ""): Stream.Stream<readonly [key: string, value: A], ClusterError> {
    const values = (keys: ReadonlyArray<string>) => Effect.provideService(this.mGet(keys), CallContext, { peek: true })
    return this.keys(prefix).pipe(
      Stream.grouped(1_000),
      Stream.mapEffect((keys) => Effect.map(values(keys), (found) => [...found])),
      Stream.flatMap(Stream.fromIterable)
    )
  }

  /** The values, page by page. */
  values(prefix = ""): Stream.Stream<A, ClusterError> {
    return Stream.map(this.entries(prefix), ([, value]) => value)
  }

  /** All values as they are kept, the least recently used first. */
  readonly dump: Effect.Effect<ReadonlyArray<Dump.Dumped>, ClusterError> = Effect.suspend(() => Dump.read(this.client))

  /** Keeps what `dump` returned, in its order. */
  load(dumped: ReadonlyArray<Dump.Dumped>): Effect.Effect<void, ClusterError> {
    return Dump.write(this.client, dumped)
  }

  /** The milliseconds that a value has left: `Infinity` if it has no end, `undefined` if there is no value. */
  getRemainingTTL(key: string): Effect.Effect<number | undefined, ClusterError> {
    return Effect.map(this.call<number | undefined | null>("remaining", [key], key), (left) => left ?? undefined)
  }

  /** Removes expired values. Returns their number. */
  readonly purgeStale: Effect.Effect<number, ClusterError> = Effect.suspend(() => this.call<number>("purge", []))

  /** The namespace's exact figures, for all workers together. Reads of near copies are not among them. */
  readonly stats: Effect.Effect<SpaceStats, ClusterError> = Effect.suspend(() => this.call<SpaceStats>("stats", []))

  /** The number of values. */
  readonly size: Effect.Effect<number, ClusterError> = Effect.suspend(() => Effect.map(this.stats, ({ size }) => size))

  /** The milliseconds that the primary took to answer. */
  readonly healthCheck: Effect.Effect<number, ClusterError> = Effect.suspend(() => {
    const since = performance.now()
    return Effect.map(this.call("ping", []), () => performance.now() - since)
  })

  /** The most values kept, up to 10 million. An argument changes it. */
  max(most?: number): Effect.Effect<number, ClusterError> {
    return Effect.suspend(() => this.bound("max", most === undefined ? undefined : maxOf(most)))
  }

  /** The ttl of values that are set without one, in milliseconds. An argument changes it for later values. */
  ttl(next?: Duration.Input): Effect.Effect<number, ClusterError> {
    return Effect.suspend(() => this.bound<number>("ttl", ofSet({ ttl: next }).ttl))
  }

  /** True when an expired value is returned once more. An argument changes it for later values. */
  allowStale(next?: boolean): Effect.Effect<boolean, ClusterError> {
    return this.bound("allowStale", next)
  }

  private bound<B>(name: string, next: B | undefined): Effect.Effect<B, ClusterError> {
    const change = next === undefined ? Effect.void : this.call("configure", [{ [name]: next }])
    return Effect.andThen(
      change,
      Effect.map(this.call<Record<string, B>>("bounds", []), (bounds) => bounds[name]!)
    )
  }

  /** The same namespace with another codec: compressed values, MessagePack. */
  wrap<B>(codec: Codec.Codec<B>): ClusterCache<B> {
    const { load: _, ...options } = this.options
    return new ClusterCache<B>({ ...options, codec }, this.client)
  }

  /**
   * Destroys the namespace for all workers: values, leases, counts and options. Loads under way can no longer fill, and
   * the next call opens the namespace anew, with the options of its caller. Returns the number of values.
   */
  readonly destroyNamespace: Effect.Effect<number, ClusterError> = Effect.suspend(() => this.client.destroy)

  /** Ends this cache's own work. The values stay in the primary. */
  readonly destroy: Effect.Effect<void> = Effect.suspend(() => {
    this.reader = undefined
    return this.cache.end
  })
}

/**
 * Makes a cache.
 *
 * @example
 * ```ts
 * import { ClusterCache } from "@cache-locking/cluster"
 *
 * const users = ClusterCache.make<string>({ namespace: "users", space: { max: 50_000, ttl: "1 minute" } })
 * ```
 *
 * @throws InvalidOption
 */
export const make = <A = any>(options: Options<A> = {}): ClusterCache<A> => new ClusterCache(options)

/** Makes a cache and waits for the primary to answer, so that a start-up without one fails at once. */
export const getInstance = <A = any>(options: Options<A> = {}): Effect.Effect<ClusterCache<A>, ClusterError> =>
  Effect.suspend(() => {
    const cache = make(options)
    return Effect.as(cache.healthCheck, cache)
  })

/** A function whose results are kept, under the keys that `keyOf` makes of its arguments. */
export const memoize =
  <Args extends ReadonlyArray<any>, A, E, R>(
    cache: ClusterCache<A>,
    fn: (...args: Args) => Effect.Effect<A, E, R>,
    keyOf: (...args: Args) => string,
    options?: FetchOptions
  ): ((...args: Args) => Effect.Effect<A, CacheLockingError | E, R>) =>
  (...args) =>
    cache.fetch(keyOf(...args), () => fn(...args), options)
