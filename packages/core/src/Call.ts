/**
 * One caller's way through a miss: join the key's flight, or begin it; wait with a deadline and
 * a signal of its own; take what its policy allows.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type { Value } from "./Adapter.ts"
import { Aborted, LimitExceeded, ReentrantLoad, WaitTimeout } from "./CacheLockingError.ts"
import type { Engine, Fetcher, Plan } from "./Engine.ts"
import { type Flight, type News, type Wish, Within } from "./Flight.ts"
import type { HookContext } from "./Hooks.ts"
import type { Answer, Meta } from "./Outcome.ts"
import type { Policy } from "./Policy.ts"
import type { Landing, StaleValue } from "./Turn.ts"

const never = (): boolean => false

/** How long ago a stale value ceased to be fresh, now. */
const staleFor = (stale: StaleValue<unknown>, now: number): number => stale.staleFor + Math.max(0, now - stale.at)

/** Whether the windows of a policy allow a stale value, while a load runs or because one failed. */
const allows = (policy: Policy, stale: StaleValue<unknown>, failing: boolean, now: number): boolean => {
  const age = staleFor(stale, now)
  // A value that is still fresh beside its early refresh is never too old.
  return age <= policy.staleWhileRevalidate || (failing && age <= policy.staleIfError)
}

/** Answers a call that found no fresh value in this process. */
export const answer = Effect.fnUntraced(function* (
  engine: Engine<any>,
  key: string,
  fetcher: Fetcher<any, any, any>,
  plan: Plan,
  force: boolean,
  fiber: Fiber.Fiber<unknown, unknown>
) {
  const { flights } = engine
  const { hooks, policy, signal } = plan
  const clock = fiber.getRef(Clock.Clock)
  const within = fiber.getRef(Within)
  const began = clock.currentTimeMillisUnsafe()
  if (signal?.aborted) return yield* aborted(engine, key, signal)
  const tooLong = checkKey(engine, key)
  if (tooLong !== undefined) return yield* tooLong
  const windows = !force && (policy.staleWhileRevalidate > 0 || policy.staleIfError > 0)
  let wantsFollowing = hooks?.onFollowerWait !== undefined
  let flight = flights.get(key)
  if (force && flight?.forced === false) flight = undefined
  let mine = flight === undefined
  flight ??= engine.fly(key, fetcher, plan, fiber.context, force)
  while (true) {
    if (!mine && within !== undefined && flight.awaits(within)) return yield* reentrant(engine, key)
    const news: News = yield* follow(within, flight, {
      deadline: began + policy.waitMax,
      evenLeading: !mine && policy.onWaitTimeout !== "fetch",
      wantsFollowing,
      takes: windows
        ? (stale, failing) => allows(policy, stale, failing, clock.currentTimeMillisUnsafe())
        : never,
      signal
    })
    const now = clock.currentTimeMillisUnsafe()
    switch (news._tag) {
      case "Following": {
        wantsFollowing = false
        yield* hooks!.onFollowerWait!({ key, waitMax: policy.waitMax })
        const current = flights.get(key)
        mine = current === undefined
        flight = current ?? engine.fly(key, fetcher, plan, fiber.context, force)
        continue
      }
      case "Stale":
        return yield* serveStale(engine, plan, key, news.stale, now)
      case "Aborted":
        return yield* aborted(engine, key, signal!)
      case "TimedOut": {
        const stale = flight.besides
        if (policy.onWaitTimeout === "stale" && stale !== undefined && allows(policy, stale, true, now)) {
          return yield* serveStale(engine, plan, key, stale, now)
        }
        if (policy.onWaitTimeout !== "fetch") return yield* timedOut(engine, key, now - began)
        return yield* fallBack(engine, key, fetcher, plan, began, clock, within, fiber)
      }
      case "Landed": {
        if (Exit.isSuccess(news.exit)) {
          return yield* landed(engine, plan, key, news.exit.value, mine, now - began)
        }
        const { cause } = news.exit
        if (Cause.hasInterruptsOnly(cause) && !mine) {
          // The flight was ended, not failed: this caller is not to suffer for it.
          const current = flights.get(key)
          mine = current === undefined
          flight = current ?? engine.fly(key, fetcher, plan, fiber.context, force)
          continue
        }
        const stale = flight.besides
        if (windows && stale !== undefined && Cause.hasFails(cause) && allows(policy, stale, true, now)) {
          return yield* serveStale(engine, plan, key, stale, now, Cause.squash(cause))
        }
        return yield* Effect.failCause(cause)
      }
    }
  }
})

/** Joins, and notes it where the caller is itself inside a fetcher. */
const follow = (within: Flight | undefined, flight: Flight, wish: Wish): Effect.Effect<News> =>
  within === undefined ? flight.join(wish) : within.waiting(flight, flight.join(wish))

const landed = (
  { counters }: Engine<any>,
  { hooks }: Plan,
  key: string,
  landing: Landing<any>,
  mine: boolean,
  waited: number
): Effect.Effect<Answer<any>, any, any> => {
  const { value } = landing
  if (landing._tag === "Found") {
    const { age, freshFor } = landing
    if (!landing.followed) {
      counters.hits++
      return hit(hooks, key, { value, meta: { cache: "HIT", age, freshFor } })
    }
    counters.misses++
    counters.stampedePrevented++
    return hit(hooks, key, { value, meta: { cache: "MISS-FOLLOWER-HIT", age, freshFor, waited } })
  }
  const { leaseUntil, uncached } = landing
  counters.misses++
  if (!mine) {
    counters.stampedePrevented++
    return hit(hooks, key, { value, meta: { cache: "MISS-FOLLOWER-HIT", waited, leaseUntil, uncached } })
  }
  const meta: Meta =
    uncached === undefined
      ? { cache: "MISS-LEADER", leaseUntil }
      : { cache: "MISS-LEADER-NOCACHE", leaseUntil, uncached }
  return hooked(hooks?.onLeader, key, { value, meta })
}

/** Answers with a value that came out of the cache, or from another's load. */
export const hit = (hooks: Plan["hooks"], key: string, answer: Answer<any>): Effect.Effect<Answer<any>, any, any> =>
  hooked(hooks?.onHit, key, answer)

const hooked = (
  hook: ((value: any, context: HookContext) => Effect.Effect<unknown, any, any>) | undefined,
  key: string,
  answer: Answer<any>
): Effect.Effect<Answer<any>, any, any> =>
  hook === undefined
    ? Effect.succeed(answer)
    : Effect.as(
        hook(answer.value, {
          ...answer.meta,
          key,
          cached: answer.meta.uncached === undefined && answer.meta.cache !== "MISS-FOLLOWER-FALLBACK"
        }),
        answer
      )

const serveStale = (
  { counters }: Engine<any>,
  { hooks }: Plan,
  key: string,
  stale: StaleValue<any>,
  now: number,
  error?: unknown
): Effect.Effect<Answer<any>, any, any> => {
  counters.staleServed++
  return hit(hooks, key, {
    value: stale.value,
    meta: {
      cache: "STALE",
      age: stale.age + Math.max(0, now - stale.at),
      staleFor: staleFor(stale, now),
      ...(error === undefined ? undefined : { error })
    }
  })
}

/** Fetches beside another's load; once per process, however many give up waiting. */
const fallBack = Effect.fnUntraced(function* (
  engine: Engine<any>,
  key: string,
  fetcher: Fetcher<any, any, any>,
  plan: Plan,
  began: number,
  clock: Clock.Clock,
  within: Flight | undefined,
  fiber: Fiber.Fiber<unknown, unknown>
) {
  const { fallbacks } = engine
  while (true) {
    const current = fallbacks.get(key)
    const flight = current ?? engine.fallBack(key, fetcher, plan, fiber.context)
    if (current !== undefined && within !== undefined && flight.awaits(within)) return yield* reentrant(engine, key)
    const news: News = yield* follow(within, flight, {
      deadline: Infinity,
      evenLeading: false,
      wantsFollowing: false,
      takes: never,
      signal: plan.signal
    })
    if (news._tag === "Aborted") return yield* aborted(engine, key, plan.signal!)
    if (news._tag !== "Landed") continue
    if (Exit.isFailure(news.exit)) {
      if (current !== undefined && Cause.hasInterruptsOnly(news.exit.cause)) continue
      return yield* Effect.failCause(news.exit.cause)
    }
    engine.counters.misses++
    engine.counters.fallbacks++
    const meta: Meta = {
      cache: "MISS-FOLLOWER-FALLBACK",
      waited: clock.currentTimeMillisUnsafe() - began,
      uncached: "bypassed"
    }
    return yield* hooked(plan.hooks?.onFallback, key, { value: news.exit.value.value, meta })
  }
})

const aborted = ({ adapter }: Engine<any>, key: string, signal: AbortSignal): Effect.Effect<never, Aborted> =>
  Effect.fail(
    new Aborted({
      context: { key, phase: "wait", adapter: adapter.name },
      message: "the caller's signal was aborted",
      cause: signal.reason
    })
  )

const timedOut = ({ adapter }: Engine<any>, key: string, waited: number): Effect.Effect<never, WaitTimeout> =>
  Effect.fail(
    new WaitTimeout({
      context: { key, phase: "wait", adapter: adapter.name },
      message: `another's load took longer than waitMax; waited ${waited} ms`,
      waited
    })
  )

const reentrant = ({ adapter }: Engine<any>, key: string): Effect.Effect<never, ReentrantLoad> =>
  Effect.fail(
    new ReentrantLoad({
      context: { key, phase: "fetch", adapter: adapter.name },
      message: "a fetcher asks for a key whose load waits for this fetcher"
    })
  )

const encoder = new TextEncoder()

/** A key that the adapter would refuse. UTF-8 takes at most three bytes for a UTF-16 unit, so most keys are not measured. */
export const checkKey = ({ adapter }: Engine<any>, key: string): Effect.Effect<never, LimitExceeded> | undefined => {
  const max = adapter.limits.keyBytes
  if (key.length * 3 <= max) return undefined
  const size = encoder.encode(key).byteLength
  if (size <= max) return undefined
  return Effect.fail(
    new LimitExceeded({
      context: { key: key.slice(0, 64), phase: "options", adapter: adapter.name },
      message: `the key has ${size} bytes; ${adapter.name} takes ${max}`,
      limit: "keyBytes",
      size,
      max
    })
  )
}

/** A fresh value that is in this process, if there is one that needs no decoding. */
export const localHit = (engine: Engine<any>, key: string, now: number): Answer<any> | undefined => {
  const hit = engine.adapter.hitUnsafe?.(key, now)
  if (hit === undefined) return undefined
  const opened = engine.sealer.unsealUnsafe(hit.value as Value)
  if (opened === undefined) return undefined
  engine.counters.hits++
  return { value: opened.value, meta: { cache: "HIT", age: hit.age, freshFor: hit.freshFor } }
}
