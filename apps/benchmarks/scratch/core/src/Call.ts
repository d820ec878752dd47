/**
 * One caller's way through a miss: join the key's flight, or begin it; wait with a deadline and
 * a signal of its own; take what its policy allows.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type { LocalClock } from "./Adapter.ts"
import { allows, hooked, ofFailure, ofFallback, ofLanding, ofStale } from "./Answering.ts"
import { Aborted, LimitExceeded, ReentrantLoad, WaitTimeout } from "./CacheLockingError.ts"
import type { Engine, Fetcher, Plan } from "./Engine.ts"
import { type Flight, type News, type Waiter, Within } from "./Flight.ts"
import { Joiner } from "./Joiner.ts"
import type { Answer } from "./Outcome.ts"

/** A caller's request: everything that its options say. */
export interface Request {
  readonly engine: Engine<any>
  readonly key: string
  readonly fetcher: Fetcher<any, any, any>
  readonly plan: Plan
  /** Load whatever is there. */
  readonly force: boolean
}

/** A fresh value that is in this process, if there is one that needs no decoding. */
export const localHit = (engine: Engine<any>, key: string, clock: LocalClock): Answer<any> | undefined => {
  const hit = engine.adapter.hitUnsafe?.(key, clock)
  if (hit === undefined) return undefined
  const opened = engine.sealer.unsealUnsafe(hit.value)
  if (opened === undefined) return undefined
  engine.counters.hits++
  engine.answered()
  return { value: opened.value, meta: { cache: "HIT", age: hit.age, freshFor: hit.freshFor } }
}

/** The load of a key that a caller may simply join, if there is one. */
export const joinable = ({ flights }: Engine<any>, key: string, plan: Plan): Flight | undefined =>
  Joiner.suits(plan) ? flights.get(key) : undefined

/** Answers a call that found no fresh value in this process. */
export const answer = (
  request: Request,
  fiber: Fiber.Fiber<unknown, unknown>
): Effect.Effect<Answer<any>, any, any> => {
  const { engine, force, key, plan } = request
  const flight = force || fiber.getRef(Within) !== undefined ? undefined : joinable(engine, key, plan)
  if (flight === undefined) return arrange(request, fiber, undefined)
  return Effect.callback((resume) => {
    const joiner = new FiberJoiner(request, flight, fiber, resume)
    joiner.join()
    return Effect.sync(() => joiner.leave())
  })
}

class FiberJoiner extends Joiner {
  private readonly request: Request
  private readonly fiber: Fiber.Fiber<unknown, unknown>
  private readonly resume: (answer: Effect.Effect<Answer<any>, any, any>) => void

  constructor(request: Request, flight: Flight, fiber: Fiber.Fiber<unknown, unknown>, resume: FiberJoiner["resume"]) {
    super(request.engine, request.plan, flight)
    this.request = request
    this.fiber = fiber
    this.resume = resume
  }

  protected override end(exit: Exit.Exit<Answer<any>, any> | undefined): void {
    this.resume(exit ?? arrange(this.request, this.fiber, this.began))
  }
}

/** The long way. `since`: when the caller began to wait, if it already has. */
export const arrange = Effect.fnUntraced(function* (
  request: Request,
  fiber: Fiber.Fiber<unknown, unknown>,
  since: number | undefined
) {
  const { engine, fetcher, force, key, plan } = request
  const { hooks, policy, signal } = plan
  const clock = fiber.getRef(Clock.Clock)
  const within = fiber.getRef(Within)
  const began = since ?? clock.currentTimeMillisUnsafe()
  if (signal?.aborted) return yield* aborted(engine, key, signal)
  const tooLong = checkKey(engine, key)
  if (tooLong !== undefined) return yield* tooLong
  let wantsFollowing = hooks?.onFollowerWait !== undefined
  while (true) {
    const current = engine.flights.get(key)
    const mine = current === undefined || (force && !current.forced)
    const flight = mine ? engine.fly(key, fetcher, plan, fiber.context, force) : current
    if (!mine && within !== undefined && flight.awaits(within)) return yield* reentrant(engine, key)
    const news = yield* wait(flight, within, signal, {
      deadline: began + policy.waitMax,
      evenLeading: !mine && policy.onWaitTimeout !== "fetch",
      wantsFollowing,
      takes: (stale, failing) => !force && allows(policy, stale, failing, clock.currentTimeMillisUnsafe())
    })
    const now = clock.currentTimeMillisUnsafe()
    switch (news._tag) {
      case "Following":
        wantsFollowing = false
        yield* hooks!.onFollowerWait!({ key, waitMax: policy.waitMax })
        continue
      case "Stale":
        return yield* hooked(hooks, key, ofStale(engine, news.stale, now))
      case "Aborted":
        return yield* aborted(engine, key, signal!)
      case "TimedOut": {
        if (policy.onWaitTimeout === "fetch") return yield* fallBack(request, fiber, began)
        const stale = flight.besides
        if (policy.onWaitTimeout === "stale" && stale !== undefined && allows(policy, stale, true, now)) {
          return yield* hooked(hooks, key, ofStale(engine, stale, now))
        }
        return yield* timedOut(engine, key, now - began)
      }
      case "Landed": {
        const { exit } = news
        if (Exit.isSuccess(exit)) return yield* hooked(hooks, key, ofLanding(engine, exit.value, mine, now - began))
        // A flight that was ended, not failed, is no answer for those who did not begin it.
        if (!mine && Cause.hasInterruptsOnly(exit.cause)) continue
        const failure = ofFailure(engine, plan, exit.cause, force ? undefined : flight.besides, now)
        if (Exit.isSuccess(failure)) return yield* hooked(hooks, key, failure.value)
        return yield* failure
      }
    }
  }
})

/** Fetches beside another's load; once per process, however many give up waiting. */
const fallBack = Effect.fnUntraced(function* (
  { engine, fetcher, key, plan }: Request,
  fiber: Fiber.Fiber<unknown, unknown>,
  began: number
) {
  const within = fiber.getRef(Within)
  while (true) {
    const current = engine.fallbacks.get(key)
    const flight = current ?? engine.fallBack(key, fetcher, plan, fiber.context)
    if (current !== undefined && within !== undefined && flight.awaits(within)) return yield* reentrant(engine, key)
    const news = yield* wait(flight, within, plan.signal, patient)
    if (news._tag === "Aborted") return yield* aborted(engine, key, plan.signal!)
    if (news._tag !== "Landed") continue
    if (Exit.isSuccess(news.exit)) {
      const waited = fiber.getRef(Clock.Clock).currentTimeMillisUnsafe() - began
      return yield* hooked(plan.hooks, key, ofFallback(engine, news.exit.value.value, waited))
    }
    if (current !== undefined && Cause.hasInterruptsOnly(news.exit.cause)) continue
    return yield* Effect.failCause(news.exit.cause)
  }
})

const never = (): boolean => false

type Wish = Omit<Waiter, "tell">

/** Waits for as long as it takes. */
const patient: Wish = { deadline: Infinity, evenLeading: false, wantsFollowing: false, takes: never }

/** Waits for news of a flight. Leaving, by interruption or signal, is prompt, and noted where a fetcher waits. */
const wait = (
  flight: Flight,
  within: Flight | undefined,
  signal: AbortSignal | undefined,
  wish: Wish
): Effect.Effect<News | { readonly _tag: "Aborted" }> => {
  const waiting = Effect.callback<News | { readonly _tag: "Aborted" }>((resume) => {
    const end = (news: News | { readonly _tag: "Aborted" }) => {
      signal?.removeEventListener("abort", abort)
      resume(Effect.succeed(news))
    }
    const waiter: Waiter = { ...wish, tell: end }
    const abort = () => {
      end({ _tag: "Aborted" })
      flight.leave(waiter)
    }
    signal?.addEventListener("abort", abort, { once: true })
    const news = flight.join(waiter)
    if (news !== undefined) end(news)
    return Effect.sync(() => {
      signal?.removeEventListener("abort", abort)
      flight.leave(waiter)
    })
  })
  return within === undefined ? waiting : within.waiting(flight, waiting)
}

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
