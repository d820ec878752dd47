/**
 * Turns what a flight tells into what a caller is answered, and counts it.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { LocalClock } from "../contract/Adapter.ts"
import type { Engine } from "../flight/Engine.ts"
import type { LoadResult, StaleValue } from "../flight/LoadContext.ts"
import type { CallPlan } from "../flight/LoadRequest.ts"
import type { Answer, Meta } from "../options/Answer.ts"
import type { HookContext } from "../options/Hooks.ts"
import type { Policy } from "../options/Policy.ts"

/** How long ago a stale value ceased to be fresh, now. */
const staleFor = (stale: StaleValue<unknown>, now: number): number => stale.staleFor + Math.max(0, now - stale.at)

/** Whether the windows of a policy allow a stale value now: while a load runs, or because one failed. */
export const allows = (policy: Policy, stale: StaleValue<unknown>, failed: boolean, now: number): boolean => {
  const failing = failed || stale.failure !== undefined
  const window = failing ? Math.max(policy.staleWhileRevalidate, policy.staleIfError) : policy.staleWhileRevalidate
  return window > 0 && staleFor(stale, now) <= window
}

/** The answer of a load. `mine`: this caller began it. `began`: when this caller did. */
export const ofLanding = (
  { counters }: Engine<any>,
  landing: Exclude<LoadResult<any>, { readonly _tag: "Idle" }>,
  mine: boolean,
  began: number,
  clock: LocalClock
): Answer<any> => {
  const { value } = landing
  if (landing._tag === "Found") {
    const { age, followed, freshFor } = landing
    if (!followed) {
      counters.hits++
      return { value, meta: { cache: "HIT", age, freshFor } }
    }
    counters.misses++
    counters.stampedePrevented++
    return { value, meta: { cache: "MISS-FOLLOWER-HIT", age, freshFor, waited: since(began, clock) } }
  }
  counters.misses++
  const { leaseUntil, uncached } = landing
  const outcome = !mine ? "MISS-FOLLOWER-HIT" : uncached === undefined ? "MISS-LEADER" : "MISS-LEADER-NOCACHE"
  if (!mine) counters.stampedePrevented++
  return {
    value,
    meta: {
      cache: outcome,
      ...(mine ? undefined : { waited: since(began, clock) }),
      ...(leaseUntil === undefined ? undefined : { leaseUntil }),
      ...(uncached === undefined ? undefined : { uncached })
    }
  }
}

const since = (began: number, clock: LocalClock): number => Math.max(0, clock.currentTimeMillisUnsafe() - began)

/** The answer of a load beside another's. */
export const ofFallback = ({ counters }: Engine<any>, value: unknown, waited: number): Answer<any> => {
  counters.misses++
  counters.fallbacks++
  return { value, meta: { cache: "MISS-FOLLOWER-FALLBACK", waited, uncached: "bypassed" } }
}

/** The answer with an expired value. */
export const ofStale = (
  { counters }: Engine<any>,
  stale: StaleValue<any>,
  now: number,
  failure = stale.failure
): Answer<any> => {
  counters.staleServed++
  const meta: Meta = { cache: "STALE", age: stale.age + Math.max(0, now - stale.at), staleFor: staleFor(stale, now) }
  return { value: stale.value, meta: failure === undefined ? meta : { ...meta, error: failure.error } }
}

/** What a failed load means to a caller: an expired value, if its windows allow one, or the failure. */
export const ofFailure = (
  engine: Engine<any>,
  { policy }: CallPlan,
  cause: Cause.Cause<unknown>,
  stale: StaleValue<any> | undefined,
  now: number
): Exit.Exit<Answer<any>, any> =>
  stale !== undefined && Cause.hasFails(cause) && allows(policy, stale, true, now)
    ? Exit.succeed(ofStale(engine, stale, now, { error: Cause.squash(cause) }))
    : Exit.failCause(cause)

/** Runs the hook that an answer calls for, then answers. */
export const hooked = (
  hooks: CallPlan["hooks"],
  key: string,
  answer: Answer<any>
): Effect.Effect<Answer<any>, any, any> => {
  if (hooks === undefined) return Effect.succeed(answer)
  const { meta, value } = answer
  const hook = hookOf(hooks, meta)
  if (hook === undefined) return Effect.succeed(answer)
  return Effect.as(
    Effect.suspend(() => hook(value, { ...meta, key, cached: meta.uncached === undefined })),
    answer
  )
}

const hookOf = (
  hooks: NonNullable<CallPlan["hooks"]>,
  { cache }: Meta
): ((value: any, context: HookContext) => Effect.Effect<unknown, any, any>) | undefined => {
  switch (cache) {
    case "MISS-LEADER":
    case "MISS-LEADER-NOCACHE":
      return hooks.onLeader
    case "MISS-FOLLOWER-FALLBACK":
      return hooks.onFallback
    default:
      return hooks.onHit
  }
}
