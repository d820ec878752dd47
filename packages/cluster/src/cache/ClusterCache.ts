/**
 * The cache by itself: what `lru-cache` offers in one process, for all workers, with loads that are one for all of them.
 *
 * It is core's `Cache` over this package's adapter, and the verbs that only the primary can carry out in one step.
 */
import { Cache, type CacheLockingError, Codec, Envelope, Tiered } from "@cache-locking/core"
import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as ClusterAdapter from "../client/ClusterAdapter.ts"
import { ClusterError, ofCore } from "../client/ClusterError.ts"
import { open, type SpaceClient } from "../client/SpaceClient.ts"
import type { SpaceStats } from "../primary/Space.ts"
import { failureCodec } from "../wire/SerializedError.ts"
import { CallContext, cacheAdapter } from "./CacheAdapter.ts"
import {
  checkOptions,
  type Dumped,
  type FetchOptions,
  fetchContextOf,
  type Options,
  type SetOptions,
  writeContextOf
} from "./CacheOptions.ts"
import { Decoded, Decoder } from "./Decoder.ts"
import * as Dump from "./Dump.ts"
import { ForcedLoads } from "./ForcedLoads.ts"
import { type ByCore, effectOf, type Read, Reader } from "./Reader.ts"

export type { Dumped, FetchOptions, Options, SetOptions } from "./CacheOptions.ts"

const clock = Effect.runSync(Clock.Clock)

/** What is before a number as core writes it: the primary counts in the payload alone. */
const counterHeader = Envelope.encode(new Uint8Array(), Codec.default.name, { cost: 0, tags: [] })

export class ClusterCache<in out A> {
  readonly options: Options<A>
  private readonly client: SpaceClient
  private readonly cache: ReturnType<typeof Cache.makeUnsafe<A>>
  /** None where there are near copies, and none any more once it is destroyed: then core knows more. */
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
    this.cache = Cache.makeUnsafe<A>({ ...load, codec, failureCodec, adapter })
    if (near === undefined) this.reader = new Reader(this.client, new Decoder(codec), this.byCore)
  }

  private call<B>(verb: string, args: ReadonlyArray<unknown>, key?: string): Effect.Effect<B, ClusterError> {
    return Effect.mapError(this.client.call<B>(verb, args), ofCore(key))
  }

  /** The value. What is kept may be `null` or `undefined`: `None` says that nothing is. */
  get(key: string): Effect.Effect<Option.Option<A>, ClusterError> {
    return this.reader === undefined
      ? Effect.withFiber((fiber) => effectOf(this.read(key, false, fiber.getRef(Clock.Clock))))
      : Effect.suspend(() => effectOf(this.read(key, false, clock)))
  }

  /** The same, begun at once. What is in this process, in the primary or in a near copy, is there when it returns. */
  getUnsafe(key: string): Read<A> | Promise<Read<A>> {
    return this.reader?.begin(key) ?? this.read(key, false, clock)
  }

  private read(key: string, peek: boolean, clock: Clock.Clock): Read<A> {
    if (this.reader !== undefined) return this.reader.get(key, peek)
    const near = this.cache.valueUnsafe(key, clock)
    return near === undefined ? this.byCore(key, peek, undefined) : new Decoded(near.value)
  }

  private readonly byCore: ByCore<A> = (key, peek, found) =>
    Effect.provideService(Effect.mapError(this.cache.get(key), ofCore(key)), CallContext, { peek, found })

  /** The same, without it counting as use: neither order, ages nor figures change. */
  peek(key: string): Effect.Effect<Option.Option<A>, ClusterError> {
    return Effect.withFiber((fiber) => effectOf(this.read(key, true, fiber.getRef(Clock.Clock))))
  }

  /** Whether there is a value that is not expired. */
  has(key: string): Effect.Effect<boolean, ClusterError> {
    return this.call("has", [key], key)
  }

  /** Keeps a value. A load that began before can no longer fill. */
  set(key: string, value: A, options?: SetOptions): Effect.Effect<void, ClusterError> {
    return Effect.suspend(() => this.write(key, value, writeContextOf(options)))
  }

  private write(key: string, value: A, way: CallContext): Effect.Effect<void, ClusterError> {
    const set = this.cache.set(key, value) as Effect.Effect<void, CacheLockingError>
    return Effect.mapError(Effect.provideService(set, CallContext, way), ofCore(key))
  }

  /** Keeps a value if there is none; tells whether it did. */
  setIfAbsent(key: string, value: A, options?: SetOptions): Effect.Effect<boolean, ClusterError> {
    return Effect.suspend(() => {
      const absent = { refused: false }
      return Effect.map(this.write(key, value, { ...writeContextOf(options), absent }), () => !absent.refused)
    })
  }

  /** Removes a value; tells whether there was one. */
  delete(key: string): Effect.Effect<boolean, ClusterError> {
    return Effect.mapError(this.cache.delete(key), ofCore(key))
  }

  /** Removes everything; answers how many values there were. */
  readonly clear: Effect.Effect<number, ClusterError> = Effect.suspend(() => this.call<number>("clear", []))

  /** The values that there are. One message each way. */
  mGet(keys: Iterable<string>): Effect.Effect<ReadonlyMap<string, A>, ClusterError> {
    return Effect.withFiber((fiber) => {
      const { reader } = this
      if (reader === undefined) return Effect.mapError(this.cache.getMany(keys), ofCore())
      return reader.getMany([...new Set(keys)], fiber.getRef(CallContext).peek === true)
    })
  }

  /** Keeps values. One message each way; each value by itself. */
  mSet(entries: Iterable<readonly [key: string, value: A]>, options?: SetOptions): Effect.Effect<void, ClusterError> {
    return Effect.suspend(() => {
      const way = writeContextOf(options)
      const write = ([key, value]: readonly [string, A]) => this.write(key, value, way)
      return Effect.forEach(entries, write, { concurrency: "unbounded", discard: true })
    })
  }

  /** Removes values; answers how many there were. */
  mDelete(keys: Iterable<string>): Effect.Effect<number, ClusterError> {
    return Effect.mapError(this.cache.deleteMany(keys), ofCore())
  }

  /**
   * The value, or the fetcher's, which one caller of all workers runs. Fails with what the fetcher fails with, or with
   * core's errors.
   */
  fetch<E = never, R = never>(
    key: string,
    fetcher: (context: { readonly key: string }) => Effect.Effect<A, E, R>,
    options?: FetchOptions
  ): Effect.Effect<A, CacheLockingError | E, R> {
    return Effect.suspend(() => {
      const way = fetchContextOf(options)
      const force = options?.forceRefresh === true
      const forced = () => this.forcedLoads.counted(key, this.cache.refresh(key, fetcher))
      const plain = () => this.cache.getOrSet(key, fetcher)
      // Who comes later than a forced load joins it, and is content with what is there if it fails.
      const joined = () => Effect.catch(forced(), plain)
      const answer = force ? forced() : this.forcedLoads.has(key) ? joined() : plain()
      return Effect.provideService(
        Effect.map(answer as Effect.Effect<{ readonly value: A }, CacheLockingError | E, R>, ({ value }) => value),
        CallContext,
        way
      )
    })
  }

  /**
   * Adds to a number, in one step; 0 where nothing is. The ttl is that of the first. Fails with `NotANumber` where
   * something else is.
   */
  incr(key: string, by = 1, options?: Pick<SetOptions, "ttl">): Effect.Effect<number, ClusterError> {
    if (this.options.codec !== undefined) {
      const message = "only a cache without a codec of its own keeps counters"
      return Effect.fail(new ClusterError({ reason: "NotANumber", message, key }))
    }
    return Effect.suspend(() => {
      const { ttl } = writeContextOf(options)
      return this.call<number>("count", [key, by, counterHeader, ttl], key)
    })
  }

  /** Takes from a number. See `incr`. */
  decr(key: string, by = 1, options?: Pick<SetOptions, "ttl">): Effect.Effect<number, ClusterError> {
    return this.incr(key, -by, options)
  }

  /** The keys, the most recently used first, page by page. */
  keys(prefix = ""): Stream.Stream<string, ClusterError> {
    return ClusterAdapter.pages<string>(this.client, prefix, "keys")
  }

  /** Keys and values, page by page. What is removed meanwhile is left out. */
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

  /** Everything as it is kept, the least recently used first. */
  readonly dump: Effect.Effect<ReadonlyArray<Dumped>, ClusterError> = Effect.suspend(() => Dump.read(this.client))

  /** Keeps what a `dump` gave, in its order. */
  load(dumped: ReadonlyArray<Dumped>): Effect.Effect<void, ClusterError> {
    return Dump.write(this.client, dumped)
  }

  /** Milliseconds that a value has left; `Infinity` if it has no end, `undefined` if it is not there. */
  getRemainingTTL(key: string): Effect.Effect<number | undefined, ClusterError> {
    return Effect.map(this.call<number | undefined | null>("remaining", [key], key), (left) => left ?? undefined)
  }

  /** Removes what is expired; answers how many. */
  readonly purgeStale: Effect.Effect<number, ClusterError> = Effect.suspend(() => this.call<number>("purge", []))

  /** What the namespace has done, exactly, for all workers together. Reads of near copies are not among it. */
  readonly stats: Effect.Effect<SpaceStats, ClusterError> = Effect.suspend(() => this.call<SpaceStats>("stats", []))

  /** How many values there are. */
  readonly size: Effect.Effect<number, ClusterError> = Effect.suspend(() => Effect.map(this.stats, ({ size }) => size))

  /** The milliseconds that the primary took to answer. */
  readonly healthCheck: Effect.Effect<number, ClusterError> = Effect.suspend(() => {
    const since = performance.now()
    return Effect.map(this.call("ping", []), () => performance.now() - since)
  })

  /** The most values kept; with an argument, that is changed. */
  max(most?: number): Effect.Effect<number, ClusterError> {
    return this.bound("max", most)
  }

  /** The ttl of values that are set without one, in milliseconds; with an argument, that is changed for those to come. */
  ttl(next?: Duration.Input): Effect.Effect<number, ClusterError> {
    return Effect.suspend(() => this.bound<number>("ttl", writeContextOf({ ttl: next }).ttl))
  }

  /** Whether an expired value is given once more; with an argument, that is changed for values to come. */
  allowStale(next?: boolean): Effect.Effect<boolean, ClusterError> {
    return this.bound("allowStale", next)
  }

  private bound<B>(name: string, next: B | undefined): Effect.Effect<B, ClusterError> {
    const change = next === undefined ? Effect.void : this.call("rebound", [{ [name]: next }])
    return Effect.andThen(
      change,
      Effect.map(this.call<Record<string, B>>("bounds", []), (bounds) => bounds[name]!)
    )
  }

  /** The same namespace with values written in another way: compressed, MessagePack. */
  wrap<B>(codec: Codec.Codec<B>): ClusterCache<B> {
    const { codec: _, load: __, near, ...place } = this.options
    return new ClusterCache<B>({ ...place, near, codec }, this.client)
  }

  /** Ends this cache's own work. The values stay in the primary. */
  readonly destroy: Effect.Effect<void> = Effect.suspend(() => {
    this.reader = undefined
    return Effect.orDie(this.cache.close as Effect.Effect<void>)
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

/** Makes a cache and waits until the primary has answered, so that a start-up fails at once. */
export const getInstance = <A = any>(options: Options<A> = {}): Effect.Effect<ClusterCache<A>, ClusterError> =>
  Effect.suspend(() => {
    const cache = make(options)
    return Effect.as(cache.healthCheck, cache)
  })

/** A function whose answers are kept, under the keys that `keyOf` makes of its arguments. */
export const memoize =
  <Args extends ReadonlyArray<any>, A, E, R>(
    cache: ClusterCache<A>,
    fn: (...args: Args) => Effect.Effect<A, E, R>,
    keyOf: (...args: Args) => string,
    options?: FetchOptions
  ): ((...args: Args) => Effect.Effect<A, CacheLockingError | E, R>) =>
  (...args) =>
    cache.fetch(keyOf(...args), () => fn(...args), options)
