/**
 * The answers to a caller. Each is made from an event of its flight, and counted.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Check from "../contract/Check.ts"
import type { Engine } from "../flight/Engine.ts"
import { isMissing } from "../flight/FetchBatch.ts"
import type { StaleValue } from "../flight/Fetcher.ts"
import type { Flight } from "../flight/Flight.ts"
import type { FlightEvent } from "../flight/FlightWaiter.ts"
import type { LoadResult } from "../flight/LoadContext.ts"
import type { LoadRequest } from "../flight/LoadRequest.ts"
import type { Answer, Hooks, Meta, Outcome, Uncached } from "../options/Answer.ts"
import type { Policy } from "../options/Policy.ts"
import { closedError } from "./Preconditions.ts"

/** The properties of a caller on which its answer depends. */
export interface Caller {
  /** True when it started the flight. */
  readonly isInitiator: boolean
  /** True when the flight has no lease: the caller fetches beside another's load. */
  readonly isFallback: boolean
  readonly startedAt: number
}

/** An event after which a caller no longer waits. */
export type Conclusion = Exclude<FlightEvent, { readonly _tag: "Following" | "Joined" }>

/** The meaning of an event for a caller: its answer or failure; `again` to start anew; `late` when its time is over. */
export type Verdict = Exit.Exit<Answer<unknown>, unknown> | "again" | "late"

export const verdictOf = (
  { engine, key, plan }: LoadRequest,
  flight: Flight,
  caller: Caller,
  event: Conclusion
): Verdict => {
  if (event._tag === "Stale") return Exit.succeed(ofStale(engine, event.stale, flight.now))
  if (event._tag === "TimedOut") return "late"
  if (event._tag === "Closed") return Exit.fail(closedError(engine, key))
  // The flight was ended because nobody waited. A caller that joined just then starts anew.
  if (flight.ended || event._tag === "Silent") return "again"
  const { exit } = event
  if (Exit.isSuccess(exit)) {
    const result = exit.value
    if (result._tag === "Skipped" || isVoidFor(caller, result)) return "again"
    return Exit.succeed(ofResult(engine, result, caller, flight))
  }
  // No value is no failure, for which a stale one could stand in. If it was another's batch, this caller's fetcher may have one.
  if (isMissing(exit.cause)) return caller.isInitiator ? Exit.failCause(exit.cause) : "again"
  if (caller.isFallback) return Exit.failCause(exit.cause)
  return ofFailure(engine, plan.policy, exit.cause, plan.force ? undefined : flight.staleValue, flight.now)
}

/** True for a caller that may have arrived after the invalidation that voided the load. */
const isVoidFor = ({ isInitiator, startedAt }: Caller, result: LoadResult): boolean =>
  result._tag === "Loaded" && !isInitiator && startedAt > result.validUntil

/** Milliseconds since a stale value ceased to be fresh. */
const staleFor = (stale: StaleValue<unknown>, now: number): number => stale.staleFor + now - stale.at

/** True when the windows of a policy allow a stale value now: while a load runs, or because one failed. */
export const allows = (policy: Policy, stale: StaleValue<unknown>, failed: boolean, now: number): boolean => {
  const failing = failed || stale.failure !== undefined
  const window = failing ? Math.max(policy.staleWhileRevalidate, policy.staleIfError) : policy.staleWhileRevalidate
  return window > 0 && staleFor(stale, now) <= window
}

/** The answer of a load. */
const ofResult = (
  { counters }: Engine,
  result: Exclude<LoadResult, { readonly _tag: "Skipped" }>,
  { isFallback, isInitiator, startedAt }: Caller,
  flight: Flight
): Answer<unknown> => {
  const { value } = result
  if (!isFallback && result._tag === "Found" && !result.followed) {
    counters.hits++
    return { value, meta: { cache: "HIT", age: result.age, freshFor: result.freshFor } }
  }
  counters.misses++
  if (isFallback) {
    counters.fallbacks++
    return { value, meta: { cache: "MISS-FOLLOWER-FALLBACK", waited: since(startedAt, flight), uncached: "bypassed" } }
  }
  if (result._tag === "Found" || !isInitiator) counters.stampedePrevented++
  if (result._tag === "Found") {
    const { age, freshFor } = result
    return { value, meta: { cache: "MISS-FOLLOWER-HIT", age, freshFor, waited: since(startedAt, flight) } }
  }
  const { leaseUntil, uncached } = result
  if (isInitiator && uncached === "unavailable") counters.unavailable++
  const outcome = isInitiator ? outcomeOf(uncached) : "MISS-FOLLOWER-HIT"
  // No spreads: a thousand callers of one load get a meta each.
  const meta: { -readonly [K in keyof Meta]: Meta[K] } = { cache: outcome }
  if (!isInitiator) meta.waited = since(startedAt, flight)
  if (leaseUntil !== undefined) meta.leaseUntil = leaseUntil
  if (uncached !== undefined) meta.uncached = uncached
  return { value, meta }
}

/** The outcome of the caller that started a load. */
const outcomeOf = (uncached: Uncached | undefined): Outcome =>
  uncached === undefined ? "MISS-LEADER" : uncached === "unavailable" ? "MISS-UNAVAILABLE" : "MISS-LEADER-NOCACHE"

/** Milliseconds that a caller waited. One that joined a flight that was over did not wait. */
const since = (startedAt: number, { settledAt }: Flight): number => Math.max(0, settledAt - startedAt)

/** The answer with an expired value. */
export const ofStale = (
  { counters }: Engine,
  stale: StaleValue<unknown>,
  now: number,
  failure = stale.failure
): Answer<unknown> => {
  counters.staleServed++
  const meta: Meta = { cache: "STALE", age: stale.age + now - stale.at, staleFor: staleFor(stale, now) }
  return { value: stale.value, meta: failure === undefined ? meta : { ...meta, error: failure.error } }
}

/** The answer to a failed load: an expired value, if its windows allow one, or the failure. */
const ofFailure = (
  engine: Engine,
  policy: Policy,
  cause: Cause.Cause<unknown>,
  stale: StaleValue<unknown> | undefined,
  now: number
): Exit.Exit<Answer<unknown>, unknown> =>
  stale !== undefined && Cause.hasFails(cause) && allows(policy, stale, true, now)
    ? Exit.succeed(ofStale(engine, stale, now, { error: Cause.squash(cause) }))
    : Exit.failCause(cause)

/** Runs the hook that an answer calls for, then answers. Without a hook the effect is an `Exit`. */
export const hooked = (
  hooks: Hooks<unknown, unknown> | undefined,
  key: string,
  answer: Answer<unknown>
): Effect.Effect<Answer<unknown>, unknown> => {
  if (hooks === undefined) return Exit.succeed(answer)
  const { meta, value } = answer
  const name = hookOf(meta)
  const hook = hooks[name]
  if (hook === undefined) return Exit.succeed(answer)
  return Effect.as(
    Effect.suspend(() =>
      Check.effect(`hooks.${name}`, hook(value, { ...meta, key, cached: meta.uncached === undefined }))
    ),
    answer
  )
}

const hookOf = ({ cache }: Meta): "onLeader" | "onFallback" | "onHit" => {
  switch (cache) {
    case "MISS-LEADER":
    case "MISS-LEADER-NOCACHE":
    case "MISS-UNAVAILABLE":
      return "onLeader"
    case "MISS-FOLLOWER-FALLBACK":
      return "onFallback"
    default:
      return "onHit"
  }
}
