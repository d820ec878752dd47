/**
 * A flight's turn at a key: ask, then lead or follow, and ask again until there is an answer.
 *
 * The turn runs once for all callers of this process and knows none of them; it tells them
 * its `Phases` before it lands. It is uninterruptible but for the
 * fetcher and the waits, so that a lease that was granted is always filled or given back.
 */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import type { EncodedValue } from "../codec/EncodedValue.ts"
import type { Acquired, AcquireOptions, AdapterError, Cooling, Hit, Stale } from "../contract/Adapter.ts"
import { CacheGetFailed, type CacheLockingError, LoadCooling } from "../contract/CacheLockingError.ts"
import type { Policy } from "../options/Policy.ts"
import * as Tags from "../tags/Tags.ts"
import { Follower } from "./Follower.ts"
import { lead, runFetcher } from "./Leader.ts"
import { idle, type LoadContext, type LoadResult, loaded, type Restore, type StaleValue } from "./LoadContext.ts"

/** What a turn asks the store for. */
export const acquireOptions = (
  policy: Policy,
  owner: string,
  force: boolean,
  early: number | undefined
): AcquireOptions => ({
  owner,
  leaseFor: policy.leaseTtl,
  force,
  refreshWithin: early
})

/** Runs the turn to its landing, from the answer to its first asking on. */
export const run = <A, E, R>(
  turn: LoadContext<A, E, R>,
  first: Exit.Exit<Acquired, AdapterError>
): Effect.Effect<LoadResult<A>, E | CacheLockingError, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.clockWith((clock) => {
      const following = new Follower(turn, clock)
      return Effect.ensuring(steps(turn, first, following, clock, restore), following.end)
    })
  ) as Effect.Effect<LoadResult<A>, E | CacheLockingError, R>

/** Loads without a lease and without the store. */
export const fetchUnleased = <A, E, R>(turn: LoadContext<A, E, R>): Effect.Effect<LoadResult<A>, E, R> =>
  Effect.suspend(() => {
    turn.events.leading()
    const fetched = Effect.onError(runFetcher(turn, undefined), (cause) =>
      Effect.sync(() => {
        if (!turn.events.ended) turn.counters.loadFailed(cause, false)
      })
    )
    return Effect.map(fetched, (value) => loaded(value, "bypassed"))
  })

const steps = Effect.fnUntraced(function* (
  turn: LoadContext<any, any, any>,
  first: Exit.Exit<Acquired, AdapterError>,
  following: Follower,
  clock: Clock.Clock,
  restore: Restore
) {
  const { counters, key, events, policy, valueCodec } = turn
  let ask = acquireOptions(policy, turn.owner, turn.force, turn.early)
  let unreadable = false
  for (let answer: Effect.Effect<Acquired, AdapterError> = first; ; answer = acquire(turn, ask)) {
    const asked = yield* Effect.result(answer)
    if (Result.isFailure(asked)) {
      const error = getFailed(turn, asked.failure)
      if (turn.early !== undefined) return yield* Effect.as(turn.report(error), idle)
      if (policy.onAdapterError === "fail") return yield* Effect.fail(error)
      yield* turn.report(error)
      return yield* restore(fetchUnleased(turn))
    }
    const found: Acquired = asked.success
    if (found._tag === "Hit") {
      if (turn.early !== undefined) return idle
      const opened = yield* usable(turn, yield* valueCodec.decode(key, found.value, unreadable))
      if (opened !== undefined) return hit(opened, found, following.led)
      // What does not decode, or was invalidated by a tag, is as good as absent: lead beside it, or wait for whoever does.
      const beside = ask.refreshWithin === undefined
      if (!beside) yield* following.wait(policy.leaseTtl, restore)
      ask = { ...ask, refreshWithin: beside ? Infinity : undefined }
      unreadable = true
      continue
    }
    const stale = found.stale && (yield* open(turn, found.stale, clock, unreadable))
    if (found._tag === "Leader") {
      if (following.led) counters.takeovers++
      const landing = yield* lead(turn, found.token, stale, clock, restore)
      if (landing !== undefined) return landing
      ask = { ...ask, force: false }
      continue
    }
    if (turn.early !== undefined) return idle
    if (found._tag === "Follower") {
      if (stale !== undefined) events.stale(stale)
      yield* following.wait(found.leaseEndsIn, restore)
      continue
    }
    const failure = yield* valueCodec.decodeFailure(found.cause)
    if (stale !== undefined) {
      events.stale({ ...stale, failure: { error: failure === undefined ? coolingError(turn, found) : failure.error } })
      // Whoever takes the stale value answers before anything else is tried.
      yield* Effect.yieldNow
    }
    const verdict = cooling(policy, found, following)
    if (verdict === "fetch") return yield* restore(fetchUnleased(turn))
    if (verdict === "fail") counters.count("LOAD_COOLING")
    if (verdict === "fail") return yield* Effect.fail(failure === undefined ? coolingError(turn, found) : failure.error)
    events.following()
    yield* restore(clock.sleep(Duration.millis(Math.ceil(found.retryIn) + 1)))
  }
})

/** The landing of a fresh value. */
export const hit = (
  { cost, value }: EncodedValue<any>,
  { age, freshFor }: Hit,
  followed: boolean
): LoadResult<any> => ({
  _tag: "Found",
  value,
  cost,
  age,
  freshFor,
  followed
})

/** Asks once more after a failure that may pass: the same owner still leads if only the reply was lost. */
const acquire = (
  { adapter, key, events }: LoadContext<any, any, any>,
  ask: AcquireOptions
): Effect.Effect<Acquired, AdapterError> => {
  events.heartbeat()
  return Effect.catch(adapter.acquire(key, ask), (error) =>
    error.retryable ? adapter.acquire(key, ask) : Effect.fail(error)
  )
}

const getFailed = ({ adapter, counters, key }: LoadContext<any, any, any>, cause: AdapterError): CacheGetFailed =>
  counters.adapterErred(
    new CacheGetFailed({ context: { key, phase: "acquire", adapter: adapter.name }, message: cause.message, cause })
  )

/** A value that was opened, unless one of its tags was invalidated. */
const usable = (
  turn: LoadContext<any, any, any>,
  opened: EncodedValue<any> | undefined
): Effect.Effect<EncodedValue<any> | undefined, CacheGetFailed> =>
  opened === undefined || opened.tags.length === 0
    ? Effect.succeed(opened)
    : Effect.mapBoth(Tags.valid(turn.adapter, opened.tags), {
        onFailure: (error) => getFailed(turn, error),
        onSuccess: (valid) => (valid ? opened : undefined)
      })

/** A stale value, decoded; one that cannot be, or may not be served, is none. */
const open = (
  turn: LoadContext<any, any, any>,
  stale: Stale,
  clock: Clock.Clock,
  told: boolean
): Effect.Effect<StaleValue<any> | undefined> =>
  Effect.match(
    Effect.flatMap(turn.valueCodec.decode(turn.key, stale.value, told), (opened) => usable(turn, opened)),
    {
      onFailure: () => undefined,
      onSuccess: (opened) =>
        opened && { value: opened.value, age: stale.age, staleFor: stale.staleFor, at: clock.currentTimeMillisUnsafe() }
    }
  )

/** What to do while the key cools down: those who waited for the failed load share its failure. */
const cooling = (policy: Policy, found: Cooling, following: Follower): "wait" | "fail" | "fetch" =>
  policy.onCooling === "wait" && (following.led || found.retryIn > policy.waitMax) ? "fail" : policy.onCooling

const coolingError = ({ adapter, key }: LoadContext<any, any, any>, found: Cooling): LoadCooling =>
  new LoadCooling({
    context: { key, phase: "acquire", adapter: adapter.name },
    message: "a load of this key failed a moment ago",
    retryIn: found.retryIn
  })
