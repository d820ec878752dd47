/**
 * The cache by itself: what `lru-cache` offers in one process, for all workers, with loads that are one for all of them.
 *
 * It is core's `Cache` over this package's adapter, and the verbs that only the primary can carry out in one step.
 */
import {
  type Adapter,
  Cache,
  type CacheLockingError,
  Check,
  type Codec,
  MemoryAdapter,
  type Snapshot,
  Tiered
} from "@cache-locking/core"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { type Backend, type BackendOptions, backendNames, open } from "./Backend.ts"
import * as ClusterAdapter from "./ClusterAdapter.ts"
import { ClusterError, toAdapterError } from "./ClusterError.ts"
import type { SpaceStats } from "./Space.ts"

/** How a cache is made. */
export interface Options<in out A> extends BackendOptions {
  /** How values become bytes. `Codec.default` unless given, which keeps Map, Set, Date, BigInt and bytes. */
  readonly codec?: Codec.Codec<A> | undefined
  /**
   * Copies of what this worker read, dropped when the primary tells of a change: a hot read then sends nothing. None by
   * default.
   */
  readonly near?: Tiered.Near | undefined
  /** How `fetch` behaves: leases, waiting, failures. The ttl is the namespace's, or the call's. */
  readonly load?: Omit<Cache.CallOptions<A>, "cacheTtl" | "hooks"> | undefined
}

/** What writing one value may decide. */
export interface SetOptions {
  /** How long it lives. Default: the namespace's `ttl`. */
  readonly ttl?: Duration.Input | undefined
  /** What it counts against `maxSize`. Default: its bytes. */
  readonly size?: number | undefined
}

/** What `fetch` may decide. */
export interface FetchOptions extends SetOptions {
  /** Loads though there is a value. Those that ask meanwhile join, and an older load can no longer fill. */
  readonly forceRefresh?: boolean | undefined
}

/** A value as it is kept, for `dump` and `load`. */
export interface Dumped {
  readonly key: string
  readonly bytes: Uint8Array
  /** Milliseconds left. */
  readonly ttl: number
  readonly size: number
}

/** What one call writes, beside its value; it travels with the fiber, because core's `put` knows nothing of it. */
interface Way {
  readonly ttl?: number | undefined
  readonly size?: number | undefined
  readonly peek?: boolean | undefined
  /** Only where nothing is; `refused` tells that something was. */
  readonly absent?: { refused: boolean } | undefined
}

const Way = Context.Reference<Way>("@cache-locking/cluster/Way", { defaultValue: () => ({}) })

const optionNames: ReadonlySet<string> = new Set([...backendNames, "codec", "near", "load"])
const setNames: ReadonlySet<string> = new Set(["ttl", "size"])
const fetchNames: ReadonlySet<string> = new Set([...setNames, "forceRefresh"])

const nothing: Snapshot = { freshFor: 0, keptFor: 0, age: 0, took: 0 }

/** Entries that `load` sends in one call. */
const loadAtOnce = 500

/** The adapter as the cache needs it: reading is `get`, writing knows of sizes and the namespace's own ttl. */
const bridge = (backend: Backend, loads: Map<string, Way>): Adapter => {
  const far = ClusterAdapter.over(backend)
  return {
    ...far,
    // Not the contract's flights: their fills know of no sizes.
    identity: {},
    read: (key) => {
      // Core's own records are none of the user's values.
      if (key.startsWith("\u0001")) return far.read(key)
      return Effect.withFiber((fiber) => {
        const verb = fiber.getRef(Way).peek ? "peek" : "get"
        const found = backend.call<readonly [Uint8Array, number] | undefined | null>(verb, [key])
        return Effect.mapError(
          Effect.map(found, (found) =>
            found ? { ...nothing, value: { bytes: found[0] }, freshFor: found[1], keptFor: found[1] } : nothing
          ),
          (error) => toAdapterError("read", key, error)
        )
      })
    },
    put: (key, options) => {
      if (key.startsWith("\u0001")) return far.put(key, options)
      return Effect.withFiber((fiber) => {
        const { absent, size, ttl } = fiber.getRef(Way)
        const args = [key, ClusterAdapter.bytesOf(options.value), ttl, size]
        const put = backend.call<boolean | undefined>(absent === undefined ? "set" : "setIfAbsent", args)
        return Effect.mapError(
          Effect.map(put, (done) => {
            if (absent !== undefined) absent.refused = done === false
          }),
          (error) => toAdapterError("put", key, error)
        )
      })
    },
    fill: (key, { token, value }) =>
      Effect.suspend(() => {
        const { size, ttl } = loads.get(key) ?? {}
        loads.delete(key)
        const args = [key, value && ClusterAdapter.bytesOf(value), token, ttl, size]
        return Effect.mapError(backend.call<boolean>("fill", args), (error) => toAdapterError("fill", key, error))
      })
  }
}

/** What a value of core looks like before its payload: learnt from core, which alone writes it. */
const headerOf: Effect.Effect<Uint8Array> = Effect.suspend(() => {
  let header = new Uint8Array()
  const memory = MemoryAdapter.make()
  const adapter: Adapter = {
    ...memory,
    keepsReferences: undefined,
    put: (_, { value }) =>
      Effect.sync(() => {
        // The payload of 0 is `j0`.
        header = value.bytes.slice(0, -2)
      })
  }
  return Effect.scoped(
    Effect.flatMap(Effect.orDie(Cache.make<number>({ adapter })), (cache) => Effect.orDie(cache.set("0", 0)))
  ).pipe(Effect.map(() => header))
})

const wayOf = (options: SetOptions | undefined, names = setNames): Way => {
  if (options === undefined) return {}
  Check.known(options, names)
  return {
    ttl: options.ttl === undefined ? undefined : Check.duration("ttl", options.ttl, { min: 1 }),
    size: options.size === undefined ? undefined : Check.integer("size", options.size, { min: 1, default: 1 })
  }
}

/** The error of this package behind core's, if there is one. */
const own =
  (key?: string) =>
  (error: unknown): ClusterError => {
    for (let at = error as { cause?: unknown } | undefined; at instanceof Error; at = at.cause as typeof at) {
      if (at instanceof ClusterError) {
        return at.key === undefined && key !== undefined ? new ClusterError({ ...at, message: at.message, key }) : at
      }
    }
    const { _tag, message } = error as CacheLockingError
    const codec = _tag === "ENCODE_FAILED" || _tag === "DECODE_FAILED"
    return new ClusterError({ reason: codec ? "Codec" : "Failed", message, key, cause: error })
  }

export class ClusterCache<in out A> {
  readonly options: Options<A>
  private readonly backend: Backend
  private readonly cache: ReturnType<typeof Cache.makeUnsafe<A>>
  private readonly loads = new Map<string, Way>()

  /** @throws InvalidOption */
  constructor(options: Options<A> = {}, backend?: Backend) {
    Check.known(options, optionNames)
    const { codec, load, near, ...place } = options
    this.options = options
    this.backend = backend ?? open(place)
    const far = bridge(this.backend, this.loads)
    const adapter = near === undefined ? far : Tiered.make([near, far])
    this.cache = Cache.makeUnsafe<A>({ ...load, codec, adapter })
  }

  private call<B>(verb: string, args: ReadonlyArray<unknown>, key?: string): Effect.Effect<B, ClusterError> {
    return key === undefined
      ? this.backend.call<B>(verb, args)
      : Effect.mapError(this.backend.call<B>(verb, args), own(key))
  }

  /** The value. What is kept may be `null` or `undefined`: `None` says that nothing is. */
  get(key: string): Effect.Effect<Option.Option<A>, ClusterError> {
    return Effect.mapError(this.cache.get(key), own(key))
  }

  /** The same, without it counting as use: neither order, ages nor figures change. */
  peek(key: string): Effect.Effect<Option.Option<A>, ClusterError> {
    return Effect.provideService(this.get(key), Way, { peek: true })
  }

  /** Whether there is a value that is not expired. */
  has(key: string): Effect.Effect<boolean, ClusterError> {
    return this.call("has", [key], key)
  }

  /** Keeps a value. A load that began before can no longer fill. */
  set(key: string, value: A, options?: SetOptions): Effect.Effect<void, ClusterError> {
    return Effect.suspend(() => this.write(key, value, wayOf(options)))
  }

  private write(key: string, value: A, way: Way): Effect.Effect<void, ClusterError> {
    const set = this.cache.set(key, value) as Effect.Effect<void, CacheLockingError>
    return Effect.mapError(Effect.provideService(set, Way, way), own(key))
  }

  /** Keeps a value if there is none; tells whether it did. */
  setIfAbsent(key: string, value: A, options?: SetOptions): Effect.Effect<boolean, ClusterError> {
    return Effect.suspend(() => {
      const absent = { refused: false }
      return Effect.map(this.write(key, value, { ...wayOf(options), absent }), () => !absent.refused)
    })
  }

  /** Removes a value; tells whether there was one. */
  delete(key: string): Effect.Effect<boolean, ClusterError> {
    return Effect.mapError(this.cache.delete(key), own(key))
  }

  /** Removes everything; answers how many values there were. */
  readonly clear: Effect.Effect<number, ClusterError> = Effect.suspend(() => this.call<number>("clear", []))

  /** The values that there are. One message each way. */
  mGet(keys: Iterable<string>): Effect.Effect<ReadonlyMap<string, A>, ClusterError> {
    return Effect.mapError(this.cache.getMany(keys), own())
  }

  /** Keeps values. One message each way; each value by itself. */
  mSet(entries: Iterable<readonly [key: string, value: A]>, options?: SetOptions): Effect.Effect<void, ClusterError> {
    return Effect.suspend(() => {
      const way = wayOf(options)
      const write = ([key, value]: readonly [string, A]) => this.write(key, value, way)
      return Effect.forEach(entries, write, { concurrency: "unbounded", discard: true })
    })
  }

  /** Removes values; answers how many there were. */
  mDelete(keys: Iterable<string>): Effect.Effect<number, ClusterError> {
    return Effect.mapError(this.cache.deleteMany(keys), own())
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
      const way = wayOf(options, fetchNames)
      const load = (context: { readonly key: string }) =>
        Effect.tap(fetcher(context), () => Effect.sync(() => this.loads.set(key, way)))
      const answer = options?.forceRefresh ? this.cache.refresh(key, load) : this.cache.getOrSet(key, load)
      return Effect.map(answer as Effect.Effect<{ readonly value: A }, CacheLockingError | E, R>, ({ value }) => value)
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
      const { ttl } = wayOf(options)
      if (learnt !== undefined) return this.call<number>("count", [key, by, learnt, ttl], key)
      return Effect.flatMap(headerOf, (header) => {
        learnt = header
        return this.call<number>("count", [key, by, header, ttl], key)
      })
    })
  }

  /** Takes from a number. See `incr`. */
  decr(key: string, by = 1, options?: Pick<SetOptions, "ttl">): Effect.Effect<number, ClusterError> {
    return this.incr(key, -by, options)
  }

  /** The keys, the most recently used first, page by page. */
  keys(prefix = ""): Stream.Stream<string, ClusterError> {
    return ClusterAdapter.pages<string>(this.backend, prefix, "keys")
  }

  /** Keys and values, page by page. What is removed meanwhile is left out. */
  entries(prefix = ""): Stream.Stream<readonly [key: string, value: A], ClusterError> {
    const values = (keys: ReadonlyArray<string>) => Effect.provideService(this.mGet(keys), Way, { peek: true })
    return this.keys(prefix).pipe(
      Stream.grouped(1_000),
      Stream.mapEffect((keys) => Effect.map(values(keys), (found) => [...found])),
      Stream.flatMap(Stream.fromIterable)
    )
  }

  /** Everything as it is kept, the least recently used first. */
  readonly dump: Effect.Effect<ReadonlyArray<Dumped>, ClusterError> = Effect.suspend(() => {
    const all = ClusterAdapter.pages<readonly [string, Uint8Array, number, number]>(this.backend, "", "entries")
    return Effect.map(Stream.runCollect(all), (rows) =>
      [...rows].reverse().flatMap(([key, bytes, ttl, size]) => (ttl > 0 ? [{ key, bytes, ttl, size }] : []))
    )
  })

  /** Keeps what a `dump` gave, in its order. */
  load(dumped: ReadonlyArray<Dumped>): Effect.Effect<void, ClusterError> {
    const parts: Array<ReadonlyArray<Dumped>> = []
    for (let i = 0; i < dumped.length; i += loadAtOnce) parts.push(dumped.slice(i, i + loadAtOnce))
    const send = (part: ReadonlyArray<Dumped>) =>
      this.call("setMany", [part.map(({ bytes, key, size, ttl }) => [key, bytes, ttl, size])])
    return Effect.forEach(parts, send, { discard: true })
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
    return Effect.suspend(() => this.bound<number>("ttl", wayOf({ ttl: next }).ttl))
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
    return new ClusterCache<B>({ ...place, near, codec }, this.backend)
  }

  /** Ends this cache's own work. The values stay in the primary. */
  readonly destroy: Effect.Effect<void> = Effect.suspend(() => Effect.orDie(this.cache.close as Effect.Effect<void>))
}

let learnt: Uint8Array | undefined

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
