/**
 * One caller's way through a miss: join the key's flight, or begin it; wait with a deadline and
 * a signal of its own; take what its policy allows.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { Aborted, LimitExceeded, ReentrantLoad, WaitTimeout } from "../contract/CacheLockingError.ts"
import type { Engine, Request } from "../flight/Engine.ts"
import { isMissing } from "../flight/FetchBatch.ts"
import type { Flight } from "../flight/Flight.ts"
import type { Restore } from "../flight/LoadContext.ts"
import { withinOf } from "../flight/Reentrancy.ts"
import type { Answer } from "../options/Answer.ts"
import { inDifferentRequests } from "../options/RequestScope.ts"
import { allows, hooked, ofFailure, ofFallback, ofLanding, ofStale } from "./Answers.ts"
import { Inbox, patient } from "./Inbox.ts"
import { Joiner } from "./Joiner.ts"
import * as LocalHit from "./LocalHit.ts"

/** Answers a call that was checked. */
export const resolve = (
  request: Request,
  fiber: Fiber.Fiber<unknown, unknown>
): Effect.Effect<Answer<any>, any, any> => {
  const hit = LocalHit.ofCall(request, fiber)
  return hit === undefined ? answer(request, fiber) : hooked(request.plan.hooks, request.key, hit)
}

/** Answers a call that found no fresh value in this process. */
export const answer = (
  request: Request,
  fiber: Fiber.Fiber<unknown, unknown>
): Effect.Effect<Answer<any>, any, any> => {
  const { engine, force, key, plan } = request
  if (force || !Joiner.suits(plan) || withinOf(fiber) !== undefined) return arrange(request, fiber, undefined)
  const tooLong = checkKey(engine, key)
  if (tooLong !== undefined) return tooLong
  return Effect.callback((resume) => {
    const current = engine.groups.flights.get(key)
    const flight = current ?? engine.fly(request, fiber.context)
    const joiner = new FiberJoiner(request, flight, current === undefined, fiber, resume)
    joiner.join()
    return Effect.sync(() => joiner.leave())
  })
}

class FiberJoiner extends Joiner {
  private readonly request: Request
  private readonly fiber: Fiber.Fiber<unknown, unknown>
  private readonly resume: (answer: Effect.Effect<Answer<any>, any, any>) => void

  constructor(
    request: Request,
    flight: Flight,
    mine: boolean,
    fiber: Fiber.Fiber<unknown, unknown>,
    resume: FiberJoiner["resume"]
  ) {
    super(request.engine, request.plan, flight, mine)
    this.request = request
    this.fiber = fiber
    this.resume = resume
  }

  protected override end(exit: Exit.Exit<Answer<any>, any> | undefined, late: boolean): void {
    this.resume(exit ?? waitOn(this.request, this.fiber, this.began, late ? this.flight : undefined))
  }
}

/** The long way of a caller who began to wait at `since`; its time is over if it comes with the flight it left. */
export const waitOn = (
  request: Request,
  fiber: Fiber.Fiber<unknown, unknown>,
  since: number,
  left: Flight | undefined
): Effect.Effect<Answer<any>, any, any> =>
  left === undefined ? arrange(request, fiber, since) : outOfTime(request, fiber, since, left)

/** The long way. `since`: when the caller began to wait, if it already has. */
const arrange = (
  request: Request,
  fiber: Fiber.Fiber<unknown, unknown>,
  since: number | undefined
): Effect.Effect<Answer<any>, any, any> =>
  // Whoever makes a flight must join it, and whoever joins one must leave it: interruption comes only while it waits.
  Effect.flatten(Effect.uninterruptibleMask((restore) => arranging(request, fiber, since, restore)))

const arranging = Effect.fnUntraced(function* (
  request: Request,
  fiber: Fiber.Fiber<unknown, unknown>,
  since: number | undefined,
  restore: Restore
) {
  const { engine, force, key, plan } = request
  const { hooks, others, policy, signal } = plan
  const clock = fiber.getRef(Clock.Clock)
  const within = withinOf(fiber)
  const began = since ?? clock.currentTimeMillisUnsafe()
  const tooLong = checkKey(engine, key)
  if (tooLong !== undefined) return tooLong
  const { groups } = engine
  const flights = force ? groups.refreshes : groups.flights
  while (true) {
    if (signal?.aborted) return aborted(engine, key, signal)
    const current = flights.get(key)
    const mine = current === undefined
    const flight = current ?? engine.fly(request, fiber.context)
    if (within !== undefined && !mine && flight.awaits(within)) return reentrant(engine, key)
    const inbox = new Inbox(flight, within, signal, {
      scope: plan.scope,
      deadline: began + policy.waitMax,
      isInitiator: mine,
      timesOutWhileLoading: !mine && policy.onWaitTimeout !== "fetch",
      softDeadline: began + policy.softTimeout,
      others,
      takes: (stale) => {
        const now = clock.currentTimeMillisUnsafe()
        return !force && allows(policy, stale, now >= began + policy.softTimeout, now)
      }
    })
    // A refresh of this process may be what is waited for, and what waits.
    const onFollowing =
      within !== undefined && groups.refreshes.get(key)?.awaits(within)
        ? reentrant(engine, key)
        : hooks?.onFollowerWait && Effect.suspend(() => hooks.onFollowerWait!({ key, waitMax: policy.waitMax }))
    const news = yield* Effect.ensuring(restore(inbox.answer(onFollowing)), inbox.close)
    const now = clock.currentTimeMillisUnsafe()
    switch (news._tag) {
      case "Stale":
        return hooked(hooks, key, ofStale(engine, news.stale, now))
      case "Aborted":
        return aborted(engine, key, signal!)
      case "TimedOut":
        return outOfTime(request, fiber, began, flight)
      case "Landed": {
        const { exit } = news
        // A flight that was ended, not failed, is no answer for those who came too late to keep it.
        if (flight.ended) continue
        if (Exit.isSuccess(exit)) {
          const landing = exit.value
          if (landing._tag === "Idle") continue
          if (landing._tag === "Found") LocalHit.afterHit(request, fiber, landing.cost, landing)
          return hooked(hooks, key, ofLanding(engine, landing, mine, began, clock))
        }
        // What another's batch has no value for, this caller's fetcher may have.
        if (!mine && isMissing(exit.cause)) continue
        const failure = ofFailure(engine, plan, exit.cause, force ? undefined : flight.staleValue, now)
        if (Exit.isSuccess(failure)) return hooked(hooks, key, failure.value)
        return failure
      }
    }
  }
})

/** What the policy says when `waitMax` is over. */
const outOfTime = (
  request: Request,
  fiber: Fiber.Fiber<unknown, unknown>,
  began: number,
  { staleValue }: Flight
): Effect.Effect<Answer<any>, any, any> => {
  const { engine, key, plan } = request
  const { onWaitTimeout } = plan.policy
  if (onWaitTimeout === "fetch") return fallBack(request, fiber, began)
  const now = fiber.getRef(Clock.Clock).currentTimeMillisUnsafe()
  if (onWaitTimeout === "stale" && staleValue !== undefined && allows(plan.policy, staleValue, true, now)) {
    return hooked(plan.hooks, key, ofStale(engine, staleValue, now))
  }
  return timedOut(engine, key, now - began)
}

/** Fetches beside another's load; once per process, however many give up waiting. */
const fallBack = (
  request: Request,
  fiber: Fiber.Fiber<unknown, unknown>,
  began: number
): Effect.Effect<Answer<any>, any, any> =>
  Effect.flatten(Effect.uninterruptibleMask((restore) => fallingBack(request, fiber, began, restore)))

const fallingBack = Effect.fnUntraced(function* (
  request: Request,
  fiber: Fiber.Fiber<unknown, unknown>,
  began: number,
  restore: Restore
) {
  const { engine, key, plan } = request
  const within = withinOf(fiber)
  while (true) {
    if (plan.signal?.aborted) return aborted(engine, key, plan.signal)
    const known = engine.groups.fallbacks.get(key)
    // Nothing is heard of one that has no lease, should its request be cut off.
    const current = known !== undefined && inDifferentRequests(known.scope, plan.scope) ? undefined : known
    const flight = current ?? engine.fallBack(request, fiber.context)
    if (current !== undefined && within !== undefined && flight.awaits(within)) return reentrant(engine, key)
    const inbox = new Inbox(flight, within, plan.signal, {
      ...patient,
      scope: plan.scope,
      isInitiator: current === undefined
    })
    const news = yield* Effect.ensuring(restore(inbox.answer(undefined)), inbox.close)
    if (news._tag === "Aborted") return aborted(engine, key, plan.signal!)
    if (news._tag !== "Landed" || flight.ended) continue
    if (Exit.isSuccess(news.exit) && news.exit.value._tag !== "Idle") {
      const waited = fiber.getRef(Clock.Clock).currentTimeMillisUnsafe() - began
      return hooked(plan.hooks, key, ofFallback(engine, news.exit.value.value, waited))
    }
    if (Exit.isFailure(news.exit)) return Effect.failCause(news.exit.cause)
  }
})

const aborted = ({ adapter, counters }: Engine<any>, key: string, signal: AbortSignal): Effect.Effect<never, Aborted> =>
  Effect.failSync(() =>
    counters.erred(
      new Aborted({
        context: { key, phase: "wait", adapter: adapter.name },
        message: "the caller's signal was aborted",
        cause: signal.reason
      })
    )
  )

const timedOut = ({ adapter, counters }: Engine<any>, key: string, waited: number): Effect.Effect<never, WaitTimeout> =>
  Effect.failSync(() =>
    counters.erred(
      new WaitTimeout({
        context: { key, phase: "wait", adapter: adapter.name },
        message: `another's load took longer than waitMax; waited ${waited} ms`,
        waited
      })
    )
  )

const reentrant = ({ adapter, counters }: Engine<any>, key: string): Effect.Effect<never, ReentrantLoad> =>
  Effect.failSync(() =>
    counters.erred(
      new ReentrantLoad({
        context: { key, phase: "fetch", adapter: adapter.name },
        message: "a fetcher asks for a key whose load waits for this fetcher"
      })
    )
  )

const encoder = new TextEncoder()

/** A key that the adapter would refuse. UTF-8 takes at most three bytes for a UTF-16 unit, so most keys are not measured. */
export const checkKey = (
  { adapter, counters }: Engine<any>,
  key: string
): Effect.Effect<never, LimitExceeded> | undefined => {
  const max = adapter.limits.keyBytes
  if (key.length * 3 <= max) return undefined
  const size = encoder.encode(key).byteLength
  if (size <= max) return undefined
  return Effect.failSync(() =>
    counters.erred(
      new LimitExceeded({
        context: { key: key.slice(0, 64), phase: "options", adapter: adapter.name },
        message: `the key has ${size} bytes; ${adapter.name} takes ${max}`,
        limit: "keyBytes",
        size,
        max
      })
    )
  )
}
