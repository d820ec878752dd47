/**
 * A cache at work: its methods, over one engine.
 */
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type { Adapter, AdapterError, LocalClock, Snapshot } from "./Adapter.ts"
import { hooked } from "./Answering.ts"
import {
  CacheClosed,
  CacheDeleteFailed,
  CacheGetFailed,
  type CacheLockingError,
  CacheSetFailed
} from "./CacheLockingError.ts"
import * as Call from "./Call.ts"
import { type CallOptions, callNames, checked, planOf } from "./CallOptions.ts"
import * as Check from "./Check.ts"
import type { Engine, Fetcher, Plan } from "./Engine.ts"
import type { Flight } from "./Flight.ts"
import { Joiner } from "./Joiner.ts"
import type { Answer } from "./Outcome.ts"
import * as Policy from "./Policy.ts"
import type { Stats } from "./Stats.ts"

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

const setNames: ReadonlySet<string> = new Set(["cacheTtl", "staleWhileRevalidate", "staleIfError"])

/** What `set` may decide for itself. */
export type SetOptions<A> = Pick<Policy.Options<A>, "cacheTtl" | "staleWhileRevalidate" | "staleIfError">

/** See `Cache.Cache` for what the methods mean. */
export class Instance<A> {
  private closed = false
  private readonly engine: Engine<A>
  private readonly plan: Plan

  /** Whether a hit is an answer and nothing more. */
  private readonly plain: boolean

  private readonly context: Context.Context<never>

  constructor(engine: Engine<A>, plan: Plan, context: Context.Context<never>) {
    this.engine = engine
    this.plan = plan
    this.context = context
    this.plain = plan.hooks === undefined && !Policy.followsHits(plan.policy)
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
    return this.closed || !this.plain ? undefined : Call.localHit(this.engine, key, clock)
  }

  /** The same, for those who want nothing but the value. */
  valueUnsafe(key: string, clock: LocalClock): { readonly value: A } | undefined {
    return this.closed || !this.plain ? undefined : Call.localValue(this.engine, key, clock)
  }

  /**
   * Joins or begins the load of a key, if a caller without options may: no Effect, no fiber. The others, and those who
   * are to be told of an error, take the long way.
   */
  joinUnsafe<F>(
    key: string,
    fetcher: F,
    toFetcher: (fetcher: F) => Fetcher<A, any, never>,
    join: (engine: Engine<any>, plan: Plan, flight: Flight, mine: boolean) => Joiner
  ): boolean {
    const { engine, plan } = this
    if (this.closed || !Joiner.suits(plan) || typeof fetcher !== "function") return false
    if (typeof key !== "string" || key === "" || Call.checkKey(engine, key) !== undefined) return false
    const current = engine.shared.flights.get(key)
    const flight = current ?? engine.fly({ key, fetcher: toFetcher(fetcher), plan, force: false }, this.context)
    join(engine, plan, flight, current === undefined).join()
    return true
  }

  /** Waits on for one whom joining gave no answer. See `Call.waitOn`. */
  readonly waitOn = (
    key: string,
    fetcher: Fetcher<A, any, any>,
    since: number,
    left: Flight | undefined
  ): Effect.Effect<Answer<A>, any, any> =>
    Effect.withFiber((fiber) =>
      Call.waitOn({ engine: this.engine, key, fetcher, plan: this.plan, force: false }, fiber, since, left)
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
    Check.required("fetcher", fetcher)
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

  readonly set = (key: string, value: A, options?: SetOptions<A>): Effect.Effect<void, CacheLockingError> =>
    this.guard(key, () => {
      const { engine } = this
      if (options !== undefined) Check.known(options, setNames)
      const policy = options === undefined ? this.plan.policy : Policy.make(options, this.plan.policy)
      const lifetime = Policy.lifetimeOf(policy, value, key, Math.random())
      // Nothing to keep: what was there goes, as it would have been replaced.
      if (lifetime.fresh + lifetime.stale <= 0) return Effect.asVoid(this.delete(key))
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
      waitersHere: this.engine.waiters(key)
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
      Effect.mapError(phase === "read" ? ask(adapter) : this.overtaking(key, ask(adapter)), (cause) => {
        counters.adapterErrors++
        return new Failed({ context: { key, phase, adapter: adapter.name }, message: cause.message, cause })
      })
    )
  }

  private overtaking<B, E>(key: string, write: Effect.Effect<B, E>): Effect.Effect<B, E> {
    return Effect.ensuring(
      write,
      Effect.sync(() => this.engine.overtake(key))
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
export const resolve = (
  request: Call.Request,
  fiber: Fiber.Fiber<unknown, unknown>
): Effect.Effect<Answer<any>, any, any> => {
  const hit = Call.ownHit(request, fiber)
  return hit === undefined ? Call.answer(request, fiber) : hooked(request.plan.hooks, request.key, hit)
}
