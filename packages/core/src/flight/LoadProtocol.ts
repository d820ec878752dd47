/**
 * The protocol of a load: acquire, then lead or follow, and acquire again until there is an answer.
 *
 * A load runs once for all callers of this process and knows none of them; it raises `LoadEvents` before it ends. It is
 * uninterruptible except in the fetcher and in waits, so that a lease that was granted is always filled or given back.
 */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import { type EncodedValue, isMark } from "../codec/EncodedValue.ts"
import type { Acquired, AcquireOptions, AdapterError, Cooling, Hit, Stale } from "../contract/Adapter.ts"
import { CacheGetFailed, LoadCooling } from "../contract/CacheLockingError.ts"
import * as Monotonic from "../contract/Monotonic.ts"
import type { Policy } from "../options/Policy.ts"
import * as Tags from "../tags/Tags.ts"
import { isMissing } from "./FetchBatch.ts"
import type { StaleValue } from "./Fetcher.ts"
import { Follower } from "./Follower.ts"
import { lead, runFetcher } from "./Leader.ts"
import { type LoadContext, type LoadEvents, type LoadResult, loaded, type Restore, skipped } from "./LoadContext.ts"

/** The options of a load's `acquire`. */
export const acquireOptions = (
  policy: Policy,
  owner: string,
  force: boolean,
  early: number | undefined
): AcquireOptions => ({ owner, leaseFor: policy.leaseTtl, force, refreshWithin: early })

/** Runs a load to its end, from the answer to its first `acquire` on. */
export const run = (load: LoadContext, first: Exit.Exit<Acquired, AdapterError>): Effect.Effect<LoadResult, unknown> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.clockWith((clock) => {
      const follower = new Follower(load, clock)
      return Effect.ensuring(steps(load, first, follower, clock, restore), follower.end)
    })
  )

/** Loads without a lease and without the store, for a reason. */
export const fetchUnleased = (
  load: LoadContext,
  reason: "bypassed" | "unavailable" = "bypassed"
): Effect.Effect<LoadResult, unknown> =>
  Effect.suspend(() => {
    load.events.unleased()
    const fetched = Effect.onError(runFetcher(load, undefined), (cause) =>
      Effect.sync(() => {
        // A missing value is an answer, too.
        if (!load.events.ended && !isMissing(cause)) load.counters.loadFailed(cause, false)
      })
    )
    return Effect.map(fetched, (value) => loaded(value, reason))
  })

/** Goes on after the store did not answer: fails, or loads without it. */
const withoutStore = (
  load: LoadContext,
  error: CacheGetFailed,
  restore: Restore
): Effect.Effect<LoadResult, unknown> => {
  // A load for which nobody waits would keep nothing without a lease.
  if (load.early !== undefined || load.events.isBackground) return Effect.as(load.report(error), skipped)
  if (load.policy.onAdapterError === "fail") return Effect.fail(error)
  return Effect.andThen(load.report(error), restore(fetchUnleased(load, "unavailable")))
}

const steps = Effect.fnUntraced(function* (
  load: LoadContext,
  first: Exit.Exit<Acquired, AdapterError>,
  follower: Follower,
  clock: Clock.Clock,
  restore: Restore
) {
  const { counters, early, events, key, policy, valueCodec } = load
  let options = acquireOptions(policy, load.owner, load.force, early)
  let unreadable = false
  let askedAt = load.startedAt
  for (let answer: Effect.Effect<Acquired, AdapterError> = first; ; answer = acquire(load, options)) {
    if (answer !== first) askedAt = Monotonic.now(clock)
    const asked = yield* Effect.result(answer)
    if (Result.isFailure(asked)) {
      return yield* withoutStore(load, getFailed(load, asked.failure), restore)
    }
    const found: Acquired = asked.success
    if (found._tag === "Hit") {
      if (early !== undefined) return skipped
      const read = yield* Effect.result(valid(load, yield* valueCodec.decode(key, found.value, unreadable)))
      if (Result.isFailure(read)) return yield* withoutStore(load, read.failure, restore)
      const decoded = read.success
      if (decoded !== undefined) return hit(decoded, found, follower.hasFollowed)
      // A value that does not decode, or whose tag was invalidated, is as good as absent: lead beside it, or wait for
      // the flight that leads.
      const beside = options.refreshWithin === undefined
      if (!beside) yield* follower.wait(policy.leaseTtl, restore)
      options = { ...options, refreshWithin: beside ? Infinity : undefined }
      unreadable = true
      continue
    }
    const isMarked = found.stale !== undefined && isMark(found.stale.value)
    const stale =
      found.stale === undefined || isMarked ? undefined : yield* decodeStale(load, found.stale, clock, unreadable)
    // What an earlier answer had may be deleted or invalid by now.
    if (stale === undefined) events.stale(undefined)
    if (found._tag === "Leader") {
      if (follower.hasFollowed) counters.takeovers++
      const result = yield* lead(load, found.token, stale, isMarked, askedAt, clock, restore, withoutStore)
      if (result !== undefined) return result
      options = { ...options, force: false }
      continue
    }
    if (early !== undefined) return skipped
    if (found._tag === "Follower") {
      // Waiting is of no use: the last result of this key was not to be cached.
      if (isMarked && policy.bypassFor > 0) return yield* restore(fetchUnleased(load))
      if (stale !== undefined) events.stale(stale)
      yield* follower.wait(found.leaseEndsIn, restore)
      continue
    }
    const failure = yield* valueCodec.decodeFailure(found.cause)
    if (stale !== undefined) {
      events.stale({ ...stale, failure: { error: failure === undefined ? coolingError(load, found) : failure.error } })
      // Callers that take the stale value are answered before anything else is tried.
      yield* Effect.yieldNow
    }
    const onCooling = whileCooling(policy, found, follower)
    if (onCooling === "fetch") return yield* restore(fetchUnleased(load))
    if (onCooling === "fail") {
      counters.count("LOAD_COOLING")
      return yield* Effect.fail(failure === undefined ? coolingError(load, found) : failure.error)
    }
    events.following()
    events.heartbeat(found.retryIn)
    yield* restore(events.sleep(Math.ceil(found.retryIn) + 1))
  }
})

/** The result of a load that found a fresh value. */
export const hit = ({ cost, value }: EncodedValue<unknown>, { age, freshFor }: Hit, followed: boolean): LoadResult => ({
  _tag: "Found",
  value,
  cost,
  age,
  freshFor,
  followed
})

/** Asks once more after a temporary failure: the same owner still leads if only the reply was lost. */
const acquire = (
  { adapter, events, key, unanswered }: LoadContext,
  options: AcquireOptions
): Effect.Effect<Acquired, AdapterError> => {
  events.heartbeat()
  return Effect.catch(adapter.acquire(key, options), (error) => {
    if (!error.retryable || error.unsent === true) return Effect.fail(error)
    unanswered()
    return Effect.andThen(rest(error, events), adapter.acquire(key, options))
  })
}

/**
 * Pauses for as long as the store asked for, and for up to half as long more: other callers were told the same at the same
 * time.
 */
export const rest = ({ retryAfter }: AdapterError, events: Pick<LoadEvents, "sleep">): Effect.Effect<void> =>
  retryAfter === undefined
    ? Effect.void
    : Effect.flatMap(Random.next, (chance) => events.sleep(Math.ceil(retryAfter * (1 + chance / 2))))

const getFailed = ({ adapter, counters, key }: LoadContext, cause: AdapterError): CacheGetFailed =>
  counters.adapterErred(
    new CacheGetFailed({ context: { key, phase: "acquire", adapter: adapter.name }, message: cause.message, cause })
  )

/** A decoded value, unless one of its tags was invalidated. */
const valid = (
  load: LoadContext,
  decoded: EncodedValue<unknown> | undefined
): Effect.Effect<EncodedValue<unknown> | undefined, CacheGetFailed> =>
  decoded === undefined || decoded.tags.length === 0
    ? Effect.succeed(decoded)
    : Effect.mapBoth(Tags.valid(load.adapter, decoded.tags), {
        onFailure: (error) => getFailed(load, error),
        onSuccess: (yes) => (yes ? decoded : undefined)
      })

/** Decodes a stale value; `undefined` for one that does not decode, or that may not be served. */
const decodeStale = (
  load: LoadContext,
  stale: Stale,
  clock: Clock.Clock,
  reported: boolean
): Effect.Effect<StaleValue<unknown> | undefined> => {
  // Its age is that of the answer, and the tags are read after that.
  const at = Monotonic.now(clock)
  return Effect.match(
    Effect.flatMap(load.valueCodec.decode(load.key, stale.value, reported), (decoded) => valid(load, decoded)),
    {
      onFailure: () => undefined,
      onSuccess: (decoded) => decoded && { value: decoded.value, age: stale.age, staleFor: stale.staleFor, at }
    }
  )
}

/** The reaction to a key that cools down. Loads that waited for the failed one share its failure. */
const whileCooling = (policy: Policy, found: Cooling, follower: Follower): "wait" | "fail" | "fetch" =>
  policy.onCooling === "wait" && (follower.hasFollowed || found.retryIn > policy.waitMax) ? "fail" : policy.onCooling

const coolingError = ({ adapter, key }: LoadContext, found: Cooling): LoadCooling =>
  new LoadCooling({
    context: { key, phase: "acquire", adapter: adapter.name },
    message: "a load of this key failed a moment ago",
    retryIn: found.retryIn
  })
