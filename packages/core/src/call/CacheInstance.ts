/**
 * An open cache: its methods, over one engine.
 *
 * Types end here: see `LoadRequest`.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { EncodedValue } from "../codec/EncodedValue.ts"
import type { LocalClock } from "../contract/Adapter.ts"
import type { CacheLockingError, InvalidOption } from "../contract/CacheLockingError.ts"
import * as Check from "../contract/Check.ts"
import { withinNow } from "../flight/AsyncContext.ts"
import type { Engine } from "../flight/Engine.ts"
import type { FetchMany } from "../flight/FetchBatch.ts"
import type { Fetcher } from "../flight/Fetcher.ts"
import { type CallPlan, type LoadRequest, requestOf } from "../flight/LoadRequest.ts"
import * as Guard from "../guard/Guard.ts"
import type { Answer } from "../options/Answer.ts"
import * as Policy from "../options/Policy.ts"
import type { Stats } from "../stats/Stats.ts"
import * as Tags from "../tags/Tags.ts"
import { answerMany } from "./CallMany.ts"
import { type CallOptions, type CloseOptions, callNames, closingOf, planOf } from "./CallOptions.ts"
import * as Hit from "./Hit.ts"
import * as Invalidation from "./Invalidation.ts"
import { admit, admitOpen, checked, validated } from "./Preconditions.ts"
import type { Explanation } from "./Read.ts"
import * as Read from "./Read.ts"
import { answerInFiber, type Waiter } from "./Waiter.ts"
import type { SetOptions } from "./Write.ts"
import * as Write from "./Write.ts"

/** See `Cache.Cache` for the meaning of the methods. */
export class CacheInstance<A> {
  private readonly engine: Engine
  private readonly plan: CallPlan
  /** True when a hit needs nothing but its answer: no hook, no slide, no early refresh. */
  private readonly plain: boolean
  private readonly context: Context.Context<never>

  constructor(engine: Engine, plan: CallPlan, context: Context.Context<never>) {
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
      return this.load(key, fetcher, options, false, fiber.context)
    })

  readonly refresh = (
    key: string,
    fetcher: Fetcher<A, any, any>,
    options?: CallOptions<A, any, any>
  ): Effect.Effect<Answer<A>, any, any> =>
    Effect.withFiber((fiber) => this.load(key, fetcher, options, true, fiber.context))

  /**
   * A fresh value that is in this process, without an Effect or a promise. Always `undefined` if a hook or an option
   * needs each hit.
   */
  hitUnsafe(key: string, clock: LocalClock): Answer<A> | undefined {
    return this.engine.closed || !this.plain ? undefined : (Hit.find(this.engine, key, clock) as Answer<A> | undefined)
  }

  /** The same, for callers that need only the value. */
  valueUnsafe(key: string, clock: LocalClock): EncodedValue<A> | undefined {
    return this.engine.closed || !this.plain
      ? undefined
      : (Hit.findValue(this.engine, key, clock) as EncodedValue<A> | undefined)
  }

  /** Answers a waiter, without a fiber unless a hook runs. The fetcher is of the kind that the plan's face takes. */
  getOrSetUnsafe(
    key: string,
    fetcher: unknown,
    options: CallOptions<A, any, any> | undefined,
    force: boolean,
    waiter: Waiter
  ): void {
    let request: LoadRequest
    try {
      request = this.request(key, fetcher, options, force)
    } catch (error) {
      waiter.answer(Exit.fail(error))
      return
    }
    // In a plain cache the face has looked for a hit already, unless the call has options.
    if (options === undefined && this.plain) waiter.wait(request, this.context, withinNow())
    else waiter.begin(request, this.context, withinNow())
  }

  private load(
    key: string,
    fetcher: Fetcher<A, any, any>,
    options: CallOptions<A, any, any> | undefined,
    force: boolean,
    context: Context.Context<never>
  ): Effect.Effect<Answer<A>, any, any> {
    return checked(() => answerInFiber(this.request(key, fetcher, options, force), context)) as Effect.Effect<
      Answer<A>,
      unknown
    >
  }

  /** @throws CacheLockingError */
  private request(
    key: string,
    fetcher: unknown,
    options: CallOptions<A, any, any> | undefined,
    force: boolean
  ): LoadRequest {
    admit(this.engine, key)
    Check.required("fetcher", fetcher)
    const plan = this.planOf(options)
    return requestOf(this.engine, key, fetcher as Fetcher<A, any, any>, force ? { ...plan, force } : plan)
  }

  private planOf(options: CallOptions<A, any, any> | undefined): CallPlan {
    return options === undefined ? this.plan : planOf(this.plan, options, callNames)
  }

  readonly get = (key: string): Effect.Effect<Option.Option<A>, CacheLockingError> =>
    Effect.withFiber((fiber) => {
      const hit = this.engine.closed ? undefined : Hit.find(this.engine, key, fiber.getRef(Clock.Clock))
      return hit === undefined ? Read.get<A>(this.engine, key) : Effect.succeedSome(hit.value as A)
    })

  readonly has = (key: string): Effect.Effect<boolean, CacheLockingError> =>
    Effect.map(Read.peek(this.engine, key), (found) => found.fresh !== undefined)

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
    Effect.withFiber(
      ({ context }) =>
        checked(() =>
          answerMany(this.engine, this.planOf(options), keys, fetchMany as FetchMany<A, unknown, never>, context)
        ) as Effect.Effect<ReadonlyMap<string, A>, unknown>
    )

  readonly set = (key: string, value: A, options?: SetOptions<A, any, any>): Effect.Effect<void, any, any> =>
    Write.set(this.engine, this.plan.policy, key, value, options)

  readonly delete = (key: string): Effect.Effect<boolean, CacheLockingError> => Write.remove(this.engine, key)

  readonly deleteMany = (keys: Iterable<string>): Effect.Effect<number, CacheLockingError> =>
    this.sweeping((): Effect.Effect<number, CacheLockingError> => {
      const all = [...new Set(keys)]
      for (const key of all) admit(this.engine, key)
      return Invalidation.deleteMany(this.engine, all)
    })

  readonly invalidateTags = (tags: Iterable<string>): Effect.Effect<void, CacheLockingError> =>
    this.sweeping(() => {
      const { limits } = this.engine.adapter
      const all = Array.from(new Set(tags), (tag) => Tags.check(limits, tag))
      return Invalidation.invalidateTags(this.engine, all)
    })

  readonly invalidateTag = (tag: string): Effect.Effect<void, CacheLockingError> => this.invalidateTags([tag])

  readonly invalidateWhere = (
    pattern: string | { readonly prefix: string }
  ): Effect.Effect<number, CacheLockingError> =>
    this.sweeping(() => {
      const prefix = typeof pattern === "object" ? pattern?.prefix : undefined
      const given = typeof pattern === "string" && pattern !== "" ? Invalidation.parsePattern(pattern) : undefined
      const parsed = given ?? (typeof prefix === "string" ? Invalidation.startingWith(prefix) : undefined)
      if (parsed === undefined)
        throw Check.invalid("pattern", pattern, 'a pattern such as "user:*", or { prefix: "user:" }')
      return Invalidation.deleteWhere(this.engine, parsed)
    })

  readonly clear = (prefix = ""): Effect.Effect<number, CacheLockingError> => this.invalidateWhere({ prefix })

  /** Runs an invalidation of many keys. A caller that arrives after it joins no load that began before it. */
  private sweeping<B>(f: () => Effect.Effect<B, CacheLockingError>): Effect.Effect<B, CacheLockingError> {
    return Effect.ensuring(
      Effect.suspend(() =>
        checked(() => {
          admitOpen(this.engine)
          return f()
        })
      ),
      Effect.sync(() => this.engine.groups.detachAllInFlight())
    )
  }

  readonly stats = (): Stats => {
    const { adapter, counters, reporter } = this.engine
    reporter.carry()
    return counters.stats(adapter, Guard.health(adapter)?.downFor(Context.get(this.context, Clock.Clock)) ?? 0)
  }

  readonly explain = (key: string): Effect.Effect<Explanation, CacheLockingError> => Read.explain(this.engine, key)

  readonly close = (options?: CloseOptions): Effect.Effect<void, InvalidOption> =>
    Effect.suspend(() => validated(() => this.engine.close(closingOf(options))))

  /** Closes as `close` does without options. */
  get end(): Effect.Effect<void> {
    return this.engine.close(closingOf())
  }
}
