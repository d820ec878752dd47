/**
 * A cache at work: its methods, over one engine.
 */
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type { LocalClock } from "../contract/Adapter.ts"
import type { CacheLockingError } from "../contract/CacheLockingError.ts"
import * as Check from "../contract/Check.ts"
import type { Engine } from "../flight/Engine.ts"
import type { FetchMany } from "../flight/FetchBatch.ts"
import type { Flight } from "../flight/Flight.ts"
import type { CallPlan, Fetcher } from "../flight/LoadRequest.ts"
import type { Answer } from "../options/Answer.ts"
import * as Policy from "../options/Policy.ts"
import type { Stats } from "../stats/Stats.ts"
import * as Tags from "../tags/Tags.ts"
import * as ManyKeys from "./CallMany.ts"
import { type CallOptions, callNames, checked, planOf } from "./CallOptions.ts"
import * as Call from "./GetOrSet.ts"
import * as Invalidation from "./Invalidation.ts"
import { Joiner } from "./Joiner.ts"
import * as KeyPattern from "./KeyPattern.ts"
import * as LocalHit from "./LocalHit.ts"
import { closed } from "./Preconditions.ts"
import type { Explanation } from "./Read.ts"
import * as Reading from "./Read.ts"
import type { SetOptions } from "./Write.ts"
import * as Writing from "./Write.ts"

/** See `Cache.Cache` for what the methods mean. */
export class CacheInstance<A> {
  private readonly engine: Engine<A>
  private readonly plan: CallPlan

  /** Whether a hit is an answer and nothing more. */
  private readonly plain: boolean

  private readonly context: Context.Context<never>

  constructor(engine: Engine<A>, plan: CallPlan, context: Context.Context<never>) {
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
    return this.engine.closed || !this.plain ? undefined : LocalHit.find(this.engine, key, clock)
  }

  /** The same, for those who want nothing but the value. */
  valueUnsafe(key: string, clock: LocalClock): { readonly value: A } | undefined {
    return this.engine.closed || !this.plain ? undefined : LocalHit.findValue(this.engine, key, clock)
  }

  /**
   * Joins or begins the load of a key, if a caller without options may: no Effect, no fiber. The others, and those who
   * are to be told of an error, take the long way.
   */
  joinUnsafe<F>(
    key: string,
    fetcher: F,
    toFetcher: (fetcher: F) => Fetcher<A, any, never>,
    join: (engine: Engine<any>, plan: CallPlan, flight: Flight, mine: boolean) => Joiner
  ): boolean {
    const { engine, plan } = this
    if (this.engine.closed || !Joiner.suits(plan) || typeof fetcher !== "function") return false
    if (typeof key !== "string" || key === "" || Call.checkKey(engine, key) !== undefined) return false
    const current = engine.groups.flights.get(key)
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
    if (this.engine.closed) return closed(this.engine, key)
    Check.key(key)
    Check.required("fetcher", fetcher)
    const plan = options === undefined ? this.plan : this.planOf(options)
    return Call.resolve({ engine: this.engine, key, fetcher, plan, force }, fiber)
  }

  private planOf(options: CallOptions<A, any, any>): CallPlan {
    const plan = planOf(this.plan, options, callNames)
    return plan.hooks === undefined || this.plan.hooks === undefined
      ? { ...plan, hooks: plan.hooks ?? this.plan.hooks }
      : { ...plan, hooks: { ...this.plan.hooks, ...plan.hooks } }
  }

  readonly get = (key: string): Effect.Effect<Option.Option<A>, CacheLockingError> =>
    Effect.withFiber((fiber) => {
      const hit = this.engine.closed ? undefined : LocalHit.find(this.engine, key, fiber.getRef(Clock.Clock))
      return hit === undefined ? Reading.get(this.engine, key) : Effect.succeedSome(hit.value)
    })

  readonly has = (key: string): Effect.Effect<boolean, CacheLockingError> =>
    Effect.map(Reading.peek(this.engine, key), (found) => found.fresh !== undefined)

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
        const plan = options === undefined ? this.plan : this.planOf(options)
        return ManyKeys.answer(this.engine, plan, keys, fetchMany, fiber)
      })
    )

  readonly set = (key: string, value: A, options?: SetOptions<A, any, any>): Effect.Effect<void, any, any> =>
    Writing.set(this.engine, this.plan.policy, key, value, options)

  readonly delete = (key: string): Effect.Effect<boolean, CacheLockingError> => Writing.remove(this.engine, key)

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
      Effect.suspend(() => (this.engine.closed ? closed(this.engine, undefined) : checked(f))),
      Effect.sync(() => this.engine.groups.detachAllInFlight())
    )
  }

  readonly stats = (): Stats => {
    this.engine.carry()
    return this.engine.counters.stats(this.engine.adapter)
  }

  readonly explain = (key: string): Effect.Effect<Explanation, CacheLockingError> => Reading.explain(this.engine, key)

  readonly close: Effect.Effect<void> = Effect.suspend(() => this.engine.close)
}
