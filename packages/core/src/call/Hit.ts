/**
 * Hits: fresh values that are in this process and need no decoding, found without an effect or a promise. And the work
 * after any hit, in this process or in the store.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type { EncodedValue } from "../codec/EncodedValue.ts"
import type { LocalClock, LocalHit } from "../contract/Adapter.ts"
import type { Engine } from "../flight/Engine.ts"
import { startInBackground } from "../flight/FlightStart.ts"
import type { LoadRequest } from "../flight/LoadRequest.ts"
import type { Answer, Meta } from "../options/Answer.ts"
import * as Policy from "../options/Policy.ts"

/** The answer of a hit, if there is one. */
export const find = (engine: Engine, key: string, clock: LocalClock): Answer<unknown> | undefined => {
  const hit = engine.adapter.hitUnsafe?.(key, clock)
  const decoded = hit && engine.valueCodec.decodeUnsafe(hit.value)
  return decoded && countHit(engine, decoded, hit)
}

/** The value of a hit, for callers that need nothing else. */
export const findValue = (engine: Engine, key: string, clock: LocalClock): EncodedValue<unknown> | undefined => {
  const value = engine.adapter.valueUnsafe?.(key, clock)
  const decoded = value && engine.valueCodec.decodeUnsafe(value)
  if (decoded === undefined) return undefined
  engine.counters.hits++
  engine.reporter.counted()
  return decoded
}

/** The answer of a hit for a call with any options. */
export const ofCall = (request: LoadRequest, context: Context.Context<never>): Answer<unknown> | undefined => {
  const { engine, key, plan } = request
  if (plan.force || plan.signal?.aborted === true) return undefined
  const hit = engine.adapter.hitUnsafe?.(key, Context.get(context, Clock.Clock))
  const decoded = hit && engine.valueCodec.decodeUnsafe(hit.value)
  if (decoded === undefined) return undefined
  if (Policy.followsHits(plan.policy)) afterHit(request, context, decoded.cost, hit!)
  return countHit(engine, decoded, hit!)
}

const countHit = (engine: Engine, { value }: EncodedValue<unknown>, { age, freshFor }: LocalHit): Answer<unknown> => {
  engine.counters.hits++
  engine.reporter.counted()
  return { value, meta: { cache: "HIT", age, freshFor } }
}

/**
 * The work after a hit, for which nobody waits. A sliding value becomes fresh anew. XFetch may refresh a value early:
 * more likely the closer it is to expiry and the more expensive its last load was. Many callers decide independently,
 * and the lease lets one of them load.
 */
export const afterHit = (
  request: LoadRequest,
  context: Context.Context<never>,
  cost: number,
  { age = 0, freshFor = Infinity }: Pick<Meta, "age" | "freshFor">
): void => {
  const { policy } = request.plan
  const slid = Policy.slideOf(policy, age, freshFor)
  if (slid !== undefined) touch(request, slid, context)
  if (policy.earlyRefresh === 0 || freshFor === Infinity) return
  const random = Context.get(context, Random.Random).nextDoubleUnsafe()
  const early = cost * policy.earlyRefresh * -Math.log(1 - random)
  if (early >= freshFor) startInBackground(request, context, { early: Math.ceil(early), hasSlot: false })
}

/** Renews the freshness of a value. */
const touch = ({ engine, key, plan }: LoadRequest, freshFor: number, context: Context.Context<never>): void => {
  if (!plan.scope.allowsBackground) return
  const { adapter, counters } = engine
  const touched = Effect.matchEffect(adapter.touch(key, { freshFor }), {
    onFailure: (error) => {
      counters.adapterErrors++
      counters.count("CACHE_SET_FAILED")
      return Effect.logWarning(`cache-locking: a sliding value could not be touched: ${error.message}`)
    },
    onSuccess: () => Effect.void
  })
  plan.scope.waitUntil(Effect.runForkWith(context)(touched))
}
