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
import { Batch, type FetchMany, isMissing } from "./Batch.ts"
import { BatchJoiners } from "./BatchJoiners.ts"
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
import * as Invalidation from "./Invalidation.ts"
import { Joiner } from "./Joiner.ts"
import * as KeyPattern from "./KeyPattern.ts"
import { withinOf } from "./Nesting.ts"
import type { Answer } from "./Outcome.ts"
import * as Policy from "./Policy.ts"
import type { Sealed } from "./Sealed.ts"
import type { Stats } from "./Stats.ts"
import * as Tags from "./Tags.ts"

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

const setNames: ReadonlySet<string> = new Set(["cacheTtl", "staleWhileRevalidate", "staleIfError", "tags", "origin"])

/** What `set` may decide for itself. */
export interface SetOptions<in out A, out E = never, out R = never>
  extends Pick<Policy.Options<A>, "cacheTtl" | "staleWhileRevalidate" | "staleIfError" | "tags"> {
  /** Writes the value where it comes from, first: the cache changes only if that succeeds. */
  readonly origin?: ((key: string, value: A) => Effect.Effect<unknown, E, R>) | undefined
}

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
    const current = engine.registry.flights.get(key)
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
    if (this.closed) return closed(this.engine, key)
    Check.key(key)
    Check.required("fetcher", fetcher)
    const plan = options === undefined ? this.plan : this.planOf(options)
    return resolve({ engine: this.engine, key, fetcher, plan, force }, fiber)
  }

  private planOf(options: CallOptions<A, any, any>): Plan {
    const plan = planOf(this.plan, options, callNames)
    return plan.hooks === undefined || this.plan.hooks === undefined
      ? { ...plan, hooks: plan.hooks ?? this.plan.hooks }
      : { ...plan, hooks: { ...this.plan.hooks, ...plan.hooks } }
  }

  readonly get = (key: string): Effect.Effect<Option.Option<A>, CacheLockingError> =>
    Effect.withFiber((fiber) => {
      const hit = this.closed ? undefined : Call.localHit(this.engine, key, fiber.getRef(Clock.Clock))
      if (hit !== undefined) return Effect.succeedSome(hit.value)
      return Effect.map(this.peek(key), (found) => {
        const { counters } = this.engine
        if (found?.fresh !== undefined) counters.hits++
        else counters.misses++
        return found?.fresh === undefined ? Option.none<A>() : Option.some(found.fresh.value)
      })
    })

  readonly has = (key: string): Effect.Effect<boolean, CacheLockingError> =>
    Effect.map(this.peek(key), (found) => found.fresh !== undefined)

  /** What is there, with its fresh value opened, if there is one and no tag of it was invalidated. */
  private peek(key: string): Effect.Effect<Snapshot & { readonly fresh?: Sealed<A> | undefined }, CacheLockingError> {
    const { sealer } = this.engine
    return Effect.flatMap(
      this.asking(key, "read", CacheGetFailed, (adapter) => adapter.read(key)),
      (found) => {
        if (found.value === undefined) return Effect.succeed(found)
        return Effect.flatMap(sealer.unseal(key, found.value), (opened) => {
          const tags = opened?.tags ?? []
          const valid = this.asking(key, "read", CacheGetFailed, (adapter) => Tags.valid(adapter, tags))
          return Effect.map(tags.length === 0 ? Effect.succeed(true) : valid, (yes) => {
            if (!yes) return { ...found, value: undefined, freshFor: 0, keptFor: 0, age: 0, took: 0 }
            return found.freshFor > 0 ? { ...found, fresh: opened } : found
          })
        })
      }
    )
  }

  readonly getMany = (keys: Iterable<string>): Effect.Effect<ReadonlyMap<string, A>, CacheLockingError> =>
    Effect.suspend(() =>
      Effect.map(
        Effect.forEach(new Set(keys), (key) => Effect.map(this.get(key), (value) => [key, value] as const), {
          concurrency: "unbounded"
        }),
        (found) => new Map(found.flatMap(([key, value]) => (Option.isSome(value) ? [[key, value.value] as const] : [])))
      )
    )

  readonly getOrSetMany = (
    keys: Iterable<string>,
    fetchMany: FetchMany<A, any, any>,
    options?: CallOptions<A, any, any>
  ): Effect.Effect<ReadonlyMap<string, A>, any, any> =>
    Effect.withFiber((fiber) =>
      checked(() => {
        Check.required("fetchMany", fetchMany)
        const wanted = [...new Set(keys)]
        const batch = new Batch<A, any, any>(wanted, fetchMany, fiber.context)
        const own = options === undefined ? this.plan : this.planOf(options)
        const plan = { ...own, batch, inquiry: this.engine.inquire(wanted, own, fiber.context) }
        if (wanted.length > 0 && Joiner.suits(own) && withinOf(fiber) === undefined) {
          if (this.closed) return closed(this.engine, wanted[0])
          for (const key of wanted) {
            Check.key(key)
            const tooLong = Call.checkKey(this.engine, key)
            if (tooLong !== undefined) return tooLong
          }
          const requests = wanted.map((key) => {
            const fetcher = () => batch.load(key)
            return { engine: this.engine, key, fetcher, plan, force: false }
          })
          return new BatchJoiners(batch, requests, fiber).all
        }
        const one = (key: string) => {
          const settle = () => batch.settle(key)
          const request = {
            engine: this.engine,
            key,
            fetcher: () => batch.load(key),
            plan: { ...plan, batch, others: settle }
          }
          const answered = this.guard(key, () => resolve({ ...request, force: false }, fiber))
          return Effect.ensuring(
            Effect.catchCause(
              Effect.map(answered, ({ value }) => [[key, value as A] as const]),
              // The others are told of a failed fetch before this failure ends them.
              (cause) =>
                isMissing(cause) ? Effect.succeed([]) : Effect.andThen(Effect.yieldNow, Effect.failCause(cause))
            ),
            Effect.sync(() => batch.answered(key))
          )
        }
        return Effect.map(
          Effect.forEach(wanted, one, { concurrency: "unbounded" }),
          (found) => new Map<string, A>(found.flat())
        )
      })
    )

  readonly set = (key: string, value: A, options?: SetOptions<A, any, any>): Effect.Effect<void, any, any> =>
    this.guard(key, (): Effect.Effect<void, any, any> => {
      const { adapter, sealer } = this.engine
      if (options !== undefined) Check.known(options, setNames)
      const { origin, ...own } = options ?? {}
      const write = Check.fn("origin", origin, undefined)
      const policy = options === undefined ? this.plan.policy : Policy.make(own, this.plan.policy)
      const names = Tags.of(policy.tags, key, value)
      const whole = Policy.lifetimeOf(policy, value, key, Math.random())
      const lifetime = names.length === 0 ? whole : Tags.bounded(whole)
      // Nothing to keep: what was there goes, as it would have been replaced.
      const kept = lifetime.fresh + lifetime.stale > 0
      const tags = this.asking(key, "read", CacheSetFailed, () => Tags.current(adapter, names))
      const sealed = Effect.flatMap(kept ? tags : Effect.succeed([]), (tags) =>
        sealer.seal(key, value, { cost: 0, tags })
      )
      return Effect.flatMap(sealed, (sealed) => {
        const put = kept
          ? this.asking(key, "put", CacheSetFailed, (adapter) => adapter.put(key, { value: sealed, lifetime }))
          : Effect.asVoid(this.delete(key))
        this.engine.counters.sets++
        return write === undefined
          ? put
          : Effect.andThen(
              Effect.suspend(() => write(key, value)),
              put
            )
      })
    })

  readonly delete = (key: string): Effect.Effect<boolean, CacheLockingError> =>
    this.guard(key, () => {
      this.engine.counters.deletes++
      return this.asking(key, "delete", CacheDeleteFailed, (adapter) => adapter.delete(key))
    })

  readonly deleteMany = (keys: Iterable<string>): Effect.Effect<number, CacheLockingError> =>
    this.sweeping((): Effect.Effect<number, CacheLockingError> => {
      const all = [...new Set(keys)].map(Check.key)
      const tooLong = all.map((key) => Call.checkKey(this.engine, key)).find((refused) => refused !== undefined)
      return tooLong ?? Invalidation.deleteMany(this.engine, all)
    })

  readonly invalidateTags = (tags: Iterable<string>): Effect.Effect<void, CacheLockingError> =>
    this.sweeping(() => Invalidation.invalidateTags(this.engine, [...new Set(tags)].map(Tags.check)))

  readonly invalidateTag = (tag: string): Effect.Effect<void, CacheLockingError> => this.invalidateTags([tag])

  readonly invalidateWhere = (
    pattern: string | { readonly prefix: string }
  ): Effect.Effect<number, CacheLockingError> =>
    this.sweeping(() => {
      const prefix = typeof pattern === "object" ? pattern?.prefix : undefined
      const given = typeof pattern === "string" && pattern !== "" ? KeyPattern.parse(pattern) : undefined
      const meant = given ?? (typeof prefix === "string" ? KeyPattern.startingWith(prefix) : undefined)
      if (meant === undefined)
        throw Check.invalid("pattern", pattern, 'a pattern such as "user:*", or { prefix: "user:" }')
      return Invalidation.deleteWhere(this.engine, meant)
    })

  readonly clear = (prefix = ""): Effect.Effect<number, CacheLockingError> => this.invalidateWhere({ prefix })

  /** Runs what invalidates many keys; callers who come after it join no load that began before it. */
  private sweeping<B>(f: () => Effect.Effect<B, CacheLockingError>): Effect.Effect<B, CacheLockingError> {
    return Effect.ensuring(
      Effect.suspend(() => (this.closed ? closed(this.engine, undefined) : checked(f))),
      Effect.sync(() => this.engine.registry.overtakeAll())
    )
  }

  readonly stats = (): Stats => {
    this.engine.carry()
    return this.engine.counters.stats(this.engine.adapter)
  }

  readonly explain = (key: string): Effect.Effect<Explanation, CacheLockingError> =>
    Effect.map(this.peek(key), (found) => ({
      key,
      state: found.value === undefined ? "absent" : found.freshFor > 0 ? "fresh" : "stale",
      age: found.value === undefined ? undefined : found.age,
      freshFor: found.freshFor,
      keptFor: found.keptFor,
      holder: found.lease?.owner,
      leaseEndsIn: found.lease?.endsIn,
      coolingFor: found.cooling?.retryIn,
      waitersHere: this.engine.registry.waiters(key)
    }))

  /** Refuses what is not a key before anything is done. */
  private guard<B, E, R>(key: string, f: () => Effect.Effect<B, E, R>): Effect.Effect<B, E | CacheLockingError, R> {
    return Effect.suspend(() =>
      checked((): Effect.Effect<B, E | CacheLockingError, R> => {
        if (this.closed) return closed(this.engine, key)
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
    return this.guard(key, () => {
      this.engine.answered()
      return Effect.mapError(phase === "read" ? ask(adapter) : this.overtaking(key, ask(adapter)), (cause) => {
        const context = { key, phase, adapter: adapter.name }
        return counters.adapterErred<CacheLockingError>(new Failed({ context, message: cause.message, cause }))
      })
    })
  }

  private overtaking<B, E>(key: string, write: Effect.Effect<B, E>): Effect.Effect<B, E> {
    return Effect.ensuring(
      write,
      Effect.sync(() => this.engine.registry.overtake(key))
    )
  }

  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    if (this.closed) return Effect.void
    this.closed = true
    return this.engine.close
  })
}

const closed = ({ counters }: Engine<any>, key: string | undefined): Effect.Effect<never, CacheClosed> =>
  Effect.failSync(() =>
    counters.erred(new CacheClosed({ context: { key, phase: "close" }, message: "the cache was closed" }))
  )

/** Answers a call that was checked. */
export const resolve = (
  request: Call.Request,
  fiber: Fiber.Fiber<unknown, unknown>
): Effect.Effect<Answer<any>, any, any> => {
  const hit = Call.ownHit(request, fiber)
  return hit === undefined ? Call.answer(request, fiber) : hooked(request.plan.hooks, request.key, hit)
}
