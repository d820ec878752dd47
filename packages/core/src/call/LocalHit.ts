/**
 * Fresh values that are in this process and need no decoding: a hit that costs no effect and no promise.
 */
import * as Clock from "effect/Clock"
import type * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import type { EncodedValue } from "../codec/EncodedValue.ts"
import type { LocalClock, LocalHit } from "../contract/Adapter.ts"
import type { Engine, Request } from "../flight/Engine.ts"
import type { Answer, Meta } from "../options/Answer.ts"
import * as Policy from "../options/Policy.ts"

/** A fresh value that is in this process, if there is one that needs no decoding. */
export const find = (engine: Engine<any>, key: string, clock: LocalClock): Answer<any> | undefined => {
  const hit = engine.adapter.hitUnsafe?.(key, clock)
  const opened = hit && engine.valueCodec.decodeUnsafe(hit.value)
  return opened && countHit(engine, opened, hit)
}

/** The same, for those who want nothing but the value. */
export const findValue = (engine: Engine<any>, key: string, clock: LocalClock): EncodedValue<any> | undefined => {
  const value = engine.adapter.valueUnsafe?.(key, clock)
  const opened = value && engine.valueCodec.decodeUnsafe(value)
  if (opened === undefined) return undefined
  engine.counters.hits++
  engine.answered()
  return opened
}

/** The value for a call with whatever options, and what a hit entails. */
export const ofCall = (request: Request, fiber: Fiber.Fiber<unknown, unknown>): Answer<any> | undefined => {
  const { engine, force, key, plan } = request
  if (force || plan.signal?.aborted === true) return undefined
  const hit = engine.adapter.hitUnsafe?.(key, fiber.getRef(Clock.Clock))
  const opened = hit && engine.valueCodec.decodeUnsafe(hit.value)
  if (opened === undefined) return undefined
  if (Policy.followsHits(plan.policy)) afterHit(request, fiber, opened.cost, hit!)
  return countHit(engine, opened, hit!)
}

const countHit = (engine: Engine<any>, { value }: EncodedValue<any>, { age, freshFor }: LocalHit): Answer<any> => {
  engine.counters.hits++
  engine.answered()
  return { value, meta: { cache: "HIT", age, freshFor } }
}

/**
 * What a hit entails, for which nobody waits. A sliding value becomes fresh anew. And XFetch may say that it is time to
 * refresh behind it: the sooner it expires and the longer its load took, the likelier; many callers decide so
 * independently, and the lease lets one of them load.
 */
export const afterHit = (
  { engine, ...load }: Request,
  fiber: Fiber.Fiber<unknown, unknown>,
  cost: number,
  { age = 0, freshFor = Infinity }: Pick<Meta, "age" | "freshFor">
): void => {
  const { policy } = load.plan
  const slid = Policy.slideOf(policy, age, freshFor)
  if (slid !== undefined) engine.touch(load, slid, fiber.context)
  if (policy.earlyRefresh === 0 || freshFor === Infinity) return
  const random = fiber.getRef(Random.Random).nextDoubleUnsafe()
  const early = cost * policy.earlyRefresh * -Math.log(1 - random)
  if (early >= freshFor) engine.loadBehind(load, fiber.context, { early: Math.ceil(early), placed: false })
}
