/**
 * A cache that loads each key once, whoever asks, in however many processes.
 *
 * `getOrSet` is one call; `make` gives an instance whose options are checked once.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { Adapter, AdapterError, LocalClock, Snapshot } from "./Adapter.ts"
import * as AdapterCheck from "./AdapterCheck.ts"
import { hooked } from "./Answering.ts"
import {
  CacheClosed,
  CacheDeleteFailed,
  CacheGetFailed,
  type CacheLockingError,
  CacheSetFailed,
  InvalidOption
} from "./CacheLockingError.ts"
import * as Call from "./Call.ts"
import * as Check from "./Check.ts"
import type * as Codec from "./Codec.ts"
import { Engine, type Fetcher, getOrMake, type Plan } from "./Engine.ts"
import type { Flight } from "./Flight.ts"
import * as Hooks from "./Hooks.ts"
import type { Joiner } from "./Joiner.ts"
import * as MemoryAdapter from "./MemoryAdapter.ts"
import type { Answer } from "./Outcome.ts"
import * as Policy from "./Policy.ts"
import type { Stats } from "./Stats.ts"

/** What one call may decide for itself: any policy, hooks of its own, and a signal. */
export interface CallOptions<in out A, out HE = never, out HR = never> extends Policy.Options<A> {
  readonly hooks?: Hooks.Hooks<A, HE, HR> | undefined
  /** When it fires the caller is answered at once with `ABORTED`, whose `cause` is the signal's `reason`. */
  readonly signal?: AbortSignal | undefined
}

/** How values are written and read. */
interface Formats<in out A> {
  /**
   * How values become bytes. `Codec.default` unless given; in this process's memory, values are kept by
   * reference unless a codec is given.
   */
  readonly codec?: Codec.Codec<NoInfer<A>> | undefined
  /** How a leader's typed failure reaches the processes that waited for it. Keeps tagged errors' fields by default. */
  readonly failureCodec?: Codec.Codec<any> | undefined
}

/** What a cache is made of. */
export interface Options<in out A, out HE = never, out HR = never, out AE = never, out AR = never>
  extends Policy.Options<A>,
    Formats<A> {
  /** An adapter; `"memory"`, the one memory cache of this process; or an effect that gives an adapter, such as its tag. */
  readonly adapter: Adapter | "memory" | Effect.Effect<Adapter, AE, AR>
  readonly hooks?: Hooks.Hooks<A, HE, HR> | undefined
  /** Names the cache in metrics. Default `"cache"`. */
  readonly name?: string | undefined
}

/** Everything known of a key. Times are in milliseconds. */
export interface Explanation {
  readonly key: string
  readonly state: "fresh" | "stale" | "absent"
  /** Since the value was filled. */
  readonly age: number | undefined
  readonly freshFor: number
  /** Until the value is gone altogether. */
  readonly keptFor: number
  /** Who loads it, by the name of its flight; it begins with the leader's `ownerId`. */
  readonly holder: string | undefined
  readonly leaseEndsIn: number | undefined
  /** Until a load may be tried again after a failed one. */
  readonly coolingFor: number | undefined
  /** Callers of this process who wait for it now. */
  readonly waitersHere: number
}

/** A cache of values of one type. */
export interface Cache<in out A, in out HE = never, in out HR = never> {
  /** The fresh value, if there is one. Never waits for a load. */
  readonly get: (key: string) => Effect.Effect<Option.Option<A>, CacheLockingError>
  /** The value: from the cache, or loaded by exactly one caller of all. */
  readonly getOrSet: <E = never, R = never, E2 = never, R2 = never>(
    key: string,
    fetcher: Fetcher<A, E, R>,
    options?: CallOptions<A, E2, R2>
  ) => Effect.Effect<Answer<A>, CacheLockingError | E | HE | E2, R | HR | R2>
  /** Writes a value. A load that began before it can no longer fill. */
  readonly set: (
    key: string,
    value: A,
    options?: Pick<Policy.Options<A>, "cacheTtl" | "staleWhileRevalidate" | "staleIfError">
  ) => Effect.Effect<void, CacheLockingError>
  /** Removes a value, and answers whether there was one. A load that began before it can no longer fill. */
  readonly delete: (key: string) => Effect.Effect<boolean, CacheLockingError>
  /** Whether there is a fresh value. */
  readonly has: (key: string) => Effect.Effect<boolean, CacheLockingError>
  /**
   * Loads now, though the value may be fresh, and answers with the new one. Calls that come while it loads
   * join it, and a load that began before it can no longer fill.
   */
  readonly refresh: <E = never, R = never, E2 = never, R2 = never>(
    key: string,
    fetcher: Fetcher<A, E, R>,
    options?: CallOptions<A, E2, R2>
  ) => Effect.Effect<Answer<A>, CacheLockingError | E | HE | E2, R | HR | R2>
  /** What this cache has done in this process. */
  readonly stats: () => Stats
  /** What is known of a key, for people. Changes nothing. */
  readonly explain: (key: string) => Effect.Effect<Explanation, CacheLockingError>
}

const callNames: ReadonlySet<string> = new Set([...Policy.names, "hooks", "signal"])
const makeNames: ReadonlySet<string> = new Set([...Policy.names, "hooks", "adapter", "codec", "failureCodec", "name"])
const onceNames: ReadonlySet<string> = new Set([...makeNames, "signal", "key", "fetcher"])
const setNames: ReadonlySet<string> = new Set(["cacheTtl", "staleWhileRevalidate", "staleIfError"])

const planOf = (base: Policy.Policy, options: CallOptions<any, any, any>, names: ReadonlySet<string>): Plan => {
  Check.known(options, names)
  const { hooks, signal } = options
  if (hooks !== undefined) Check.known(hooks, Hooks.names, "hooks.")
  if (signal !== undefined && typeof signal?.addEventListener !== "function") {
    throw Check.invalid("signal", signal, "an AbortSignal")
  }
  return { policy: Policy.make(options, base), hooks, signal }
}

/** Runs what may throw `InvalidOption`, and nothing else, as an effect. */
const checked = <A, E, R>(f: () => Effect.Effect<A, E, R>): Effect.Effect<A, E | InvalidOption, R> => {
  try {
    return f()
  } catch (error) {
    return error instanceof InvalidOption ? Effect.fail(error) : Effect.die(error)
  }
}

class Instance<A> implements Cache<A, any, any> {
  private closed = false
  private readonly engine: Engine<A>
  private readonly plan: Plan

  constructor(engine: Engine<A>, plan: Plan) {
    this.engine = engine
    this.plan = plan
  }

  readonly getOrSet = (
    key: string,
    fetcher: Fetcher<A, any, any>,
    options?: CallOptions<A, any, any>
  ): Effect.Effect<Answer<A>, any, any> =>
    Effect.withFiber((fiber) => {
      if (options === undefined) {
        const hit = this.hitUnsafe(key, fiber.getRef(Clock.Clock))
        if (hit !== undefined) return Effect.succeed(hit)
      }
      return checked(() => this.miss(key, fetcher, options, false, fiber))
    })

  readonly refresh = (
    key: string,
    fetcher: Fetcher<A, any, any>,
    options?: CallOptions<A, any, any>
  ): Effect.Effect<Answer<A>, any, any> =>
    Effect.withFiber((fiber) => checked(() => this.miss(key, fetcher, options, true, fiber)))

  /** A fresh value that is in this process, unless somebody wants to hear of it: no Effect, no promise. */
  hitUnsafe(key: string, clock: LocalClock): Answer<A> | undefined {
    return this.closed || this.plan.hooks !== undefined ? undefined : Call.localHit(this.engine, key, clock)
  }

  /** Joins the load of a key that is under way, if a caller without options may: no Effect, no fiber. */
  joinUnsafe(key: string, join: (engine: Engine<any>, plan: Plan, flight: Flight) => Joiner): boolean {
    const flight = this.closed ? undefined : Call.joinable(this.engine, key, this.plan)
    if (flight === undefined) return false
    join(this.engine, this.plan, flight).join()
    return true
  }

  /** Waits on as one who began to wait at `since`, whom joining gave no answer. */
  readonly waitOn = (key: string, fetcher: Fetcher<A, any, any>, since: number): Effect.Effect<Answer<A>, any, any> =>
    Effect.withFiber((fiber) =>
      Call.arrange({ engine: this.engine, key, fetcher, plan: this.plan, force: false }, fiber, since)
    )

  private miss(
    key: string,
    fetcher: Fetcher<A, any, any>,
    options: CallOptions<A, any, any> | undefined,
    force: boolean,
    fiber: Fiber.Fiber<unknown, unknown>
  ): Effect.Effect<Answer<A>, any, any> {
    if (this.closed) return closed(key)
    Check.key(key)
    Check.fn("fetcher", fetcher, fetcher)
    const plan = options === undefined ? this.plan : this.planOf(options)
    return resolve({ engine: this.engine, key, fetcher, plan, force }, fiber)
  }

  private planOf(options: CallOptions<A, any, any>): Plan {
    const plan = planOf(this.plan.policy, options, callNames)
    return plan.hooks === undefined || this.plan.hooks === undefined
      ? { ...plan, hooks: plan.hooks ?? this.plan.hooks }
      : { ...plan, hooks: { ...this.plan.hooks, ...plan.hooks } }
  }

  readonly get = (key: string): Effect.Effect<Option.Option<A>, CacheLockingError> =>
    Effect.withFiber((fiber) => {
      const hit = this.hitUnsafe(key, fiber.getRef(Clock.Clock))
      if (hit !== undefined) return Effect.succeedSome(hit.value)
      return Effect.flatMap(this.snapshot(key), ({ freshFor, value }) => {
        if (value === undefined || freshFor <= 0) return this.absent
        return Effect.flatMap(this.engine.sealer.unseal(key, value), (opened) => {
          if (opened === undefined) return this.absent
          this.engine.counters.hits++
          return Effect.succeedSome(opened.value)
        })
      })
    })

  private readonly absent = Effect.sync(() => {
    this.engine.counters.misses++
    return Option.none<A>()
  })

  readonly has = (key: string): Effect.Effect<boolean, CacheLockingError> =>
    Effect.map(this.snapshot(key), ({ freshFor, value }) => value !== undefined && freshFor > 0)

  /** Reads what is there; `get` and `has` count nothing of it by themselves. */
  private snapshot(key: string): Effect.Effect<Snapshot, CacheLockingError> {
    return this.asking(key, "read", CacheGetFailed, (adapter) => adapter.read(key))
  }

  readonly set: Cache<A>["set"] = (key, value, options) =>
    this.guard(key, () => {
      const { engine } = this
      if (options !== undefined) Check.known(options, setNames)
      const policy = options === undefined ? this.plan.policy : Policy.make(options, this.plan.policy)
      const lifetime = Policy.lifetimeOf(policy, value, key)
      return Effect.flatMap(engine.sealer.seal(key, value, 0), (sealed) => {
        engine.counters.sets++
        return this.asking(key, "put", CacheSetFailed, (adapter) => adapter.put(key, { value: sealed, lifetime }))
      })
    })

  readonly delete = (key: string): Effect.Effect<boolean, CacheLockingError> =>
    this.guard(key, () => {
      this.engine.counters.deletes++
      return this.asking(key, "delete", CacheDeleteFailed, (adapter) => adapter.delete(key))
    })

  readonly stats = (): Stats => {
    this.engine.carry()
    return this.engine.counters.stats()
  }

  readonly explain = (key: string): Effect.Effect<Explanation, CacheLockingError> =>
    Effect.map(this.snapshot(key), (found) => ({
      key,
      state: found.value === undefined ? "absent" : found.freshFor > 0 ? "fresh" : "stale",
      age: found.value === undefined ? undefined : found.age,
      freshFor: found.freshFor,
      keptFor: found.keptFor,
      holder: found.lease?.owner,
      leaseEndsIn: found.lease?.endsIn,
      coolingFor: found.cooling?.retryIn,
      waitersHere: this.engine.flights.get(key)?.size ?? 0
    }))

  /** Refuses what is not a key before anything is done. */
  private guard<B, E, R>(key: string, f: () => Effect.Effect<B, E, R>): Effect.Effect<B, E | CacheLockingError, R> {
    return Effect.suspend(() =>
      checked((): Effect.Effect<B, E | CacheLockingError, R> => {
        if (this.closed) return closed(key)
        Check.key(key)
        return Call.checkKey(this.engine, key) ?? f()
      })
    )
  }

  private asking<B>(
    key: string,
    phase: "read" | "put" | "delete",
    Failed: typeof CacheGetFailed | typeof CacheSetFailed | typeof CacheDeleteFailed,
    ask: (adapter: Adapter) => Effect.Effect<B, AdapterError>
  ): Effect.Effect<B, CacheLockingError> {
    const { adapter, counters } = this.engine
    return this.guard(key, () =>
      Effect.mapError(ask(adapter), (cause) => {
        counters.adapterErrors++
        return new Failed({ context: { key, phase, adapter: adapter.name }, message: cause.message, cause })
      })
    )
  }

  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    if (this.closed) return Effect.void
    this.closed = true
    return this.engine.close
  })
}

const closed = (key: string): Effect.Effect<never, CacheClosed> =>
  Effect.fail(new CacheClosed({ context: { key, phase: "close" }, message: "the cache was closed" }))

/** Answers a call that was checked. */
const resolve = (request: Call.Request, fiber: Fiber.Fiber<unknown, unknown>): Effect.Effect<Answer<any>, any, any> => {
  const { engine, force, key, plan } = request
  if (!force && plan.signal?.aborted !== true) {
    const hit = Call.localHit(engine, key, fiber.getRef(Clock.Clock))
    if (hit !== undefined) return hooked(plan.hooks, key, hit)
  }
  return Call.answer(request, fiber)
}

/** The adapter that an option means. */
const adapterOf = <AE, AR>(
  given: Adapter | "memory" | Effect.Effect<Adapter, AE, AR>
): Effect.Effect<Adapter, AE | InvalidOption, AR> =>
  given === "memory"
    ? Effect.sync(MemoryAdapter.processWide)
    : Effect.isEffect(given)
      ? Effect.flatMap(given, (adapter) => checked(() => Effect.succeed(AdapterCheck.checkAdapter(adapter))))
      : checked(() => Effect.succeed(AdapterCheck.checkAdapter(given)))

/** An instance without a scope, which somebody must close. */
export const makeUnsafe = <A>(
  options: Options<A, any, any> & { readonly adapter: Adapter | "memory" },
  context: Context.Context<never> = Context.empty()
): Instance<A> => {
  Check.known(options, makeNames)
  const adapter =
    options.adapter === "memory" ? MemoryAdapter.processWide() : AdapterCheck.checkAdapter(options.adapter)
  const { adapter: _, codec, failureCodec, name, ...rest } = options
  const plan = planOf(Policy.defaults, rest, callNames)
  const engine = new Engine(adapter, codec, failureCodec, Check.text("name", name, "cache"), context)
  engine.retain()
  return new Instance(engine, plan)
}

/**
 * Makes a cache. When its scope closes, so does the cache, its background loads, and what its adapter
 * opened, unless another cache still uses the adapter.
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
export const make = <A, HE = never, HR = never, AE = never, AR = never>(
  options: Options<A, HE, HR, AE, AR>
): Effect.Effect<Cache<A, HE, HR>, InvalidOption | AE, Scope.Scope | AR> =>
  Effect.flatMap(adapterOf(options?.adapter), (adapter) =>
    Effect.acquireRelease(
      Effect.withFiber((fiber) => checked(() => Effect.succeed(makeUnsafe<A>({ ...options, adapter }, fiber.context)))),
      (cache) => cache.close
    )
  )

/**
 * A cache as a layer of a service of yours.
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
export const layer = <I, A, HE = never, HR = never, AE = never, AR = never>(
  tag: Context.Key<I, Cache<A, HE, HR>>,
  options: Options<A, HE, HR, AE, AR>
): Layer.Layer<I, InvalidOption | AE, AR> => Layer.effect(tag, make(options))

/** What the one call takes. */
export interface OnceOptions<in out A, out E, out R, out HE = never, out HR = never>
  extends CallOptions<A, HE, HR>,
    Formats<A> {
  /** An adapter, or `"memory"`, the one memory cache of this process. */
  readonly adapter: Adapter | "memory"
  /** Not empty. */
  readonly key: string
  readonly fetcher: Fetcher<A, E, R>
}

const engines = new WeakMap<Adapter, Map<Codec.Codec<any> | undefined, Engine<any>>>()

/** One engine per adapter and codec, so that repeated calls share everything but their options. */
const engineOf = (
  adapter: Adapter,
  codec: Codec.Codec<any> | undefined,
  failures: Codec.Codec<any> | undefined
): Engine<any> => {
  const make = () => new Engine(adapter, codec, failures, "cache", Context.empty())
  if (failures !== undefined) return make()
  const byCodec = getOrMake(engines, adapter, () => new Map<Codec.Codec<any> | undefined, Engine<any>>())
  return getOrMake(byCodec, codec, make)
}

/**
 * Gives the value of a key: from the cache, or loaded by exactly one caller of all processes.
 *
 * Calls over the same adapter share flights as callers of one cache do. Fails with
 * `CacheLockingError`, or with what the fetcher or a hook failed with.
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
      const { adapter, codec, failureCodec, fetcher, key } = options
      Check.key(key)
      Check.fn("fetcher", fetcher, fetcher)
      const engine = engineOf(
        adapter === "memory" ? MemoryAdapter.processWide() : AdapterCheck.checkAdapter(adapter),
        codec,
        failureCodec
      )
      return resolve({ engine, key, fetcher, plan: planOf(Policy.defaults, options, onceNames), force: false }, fiber)
    })
  )
