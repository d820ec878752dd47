/**
 * The leader's side of a load: fetch under the lease, then fill or abandon.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import type { Tag } from "../codec/Envelope.ts"
import type { Lifetime, Token } from "../contract/Adapter.ts"
import { CacheGetFailed, FetchTimeout, hasTag, InvalidOption, RefreshFailed } from "../contract/CacheLockingError.ts"
import * as Check from "../contract/Check.ts"
import * as Monotonic from "../contract/Monotonic.ts"
import * as Policy from "../options/Policy.ts"
import { onWorkers } from "../options/RequestScope.ts"
import { millisBetween } from "../stats/Stats.ts"
import * as Tags from "../tags/Tags.ts"
import { isMissing } from "./FetchBatch.ts"
import { type StaleValue, unchanged } from "./Fetcher.ts"
import { HeldLease, setFailed } from "./HeldLease.ts"
import { type LoadContext, type LoadResult, loaded, type Restore, skipped } from "./LoadContext.ts"

/**
 * Runs the load, and returns its result. Returns `undefined` when the lease was lost and the fetcher was stopped: the
 * caller then acquires again.
 */
export const lead = Effect.fnUntraced(function* (
  load: LoadContext,
  token: Token,
  stale: StaleValue<unknown> | undefined,
  isMarked: boolean,
  askedAt: number,
  clock: Clock.Clock,
  restore: Restore,
  withoutStore: (load: LoadContext, error: CacheGetFailed, restore: Restore) => Effect.Effect<LoadResult, unknown>
) {
  load.events.leading()
  if (stale !== undefined) {
    load.events.stale(stale)
    // Callers that take the stale value are answered before the fetcher's first step.
    yield* Effect.yieldNow
  }
  const lease = new HeldLease(load, token, clock, askedAt, isMarked ? "mark" : stale && "value")
  if (load.events.isBackground && !load.acquireSlot()) {
    yield* lease.abandon()
    return skipped
  }
  let tags: TagsBefore | undefined
  if (Tags.areAny(load.policy.tags)) {
    const read = yield* Effect.exit(restore(Effect.raceFirst(tagsBefore(load), lease.untilLost)))
    if (Exit.isFailure(read)) {
      if (lease.stopped(read)) return undefined
      yield* lease.abandon()
      return yield* Effect.catch(Effect.failCause(read.cause), (error) => withoutStore(load, error, restore))
    }
    tags = read.value
    lease.tags = tags.start.given ?? []
  }
  const began = Monotonic.now(clock)
  const fetched = yield* Effect.exit(restore(Effect.raceFirst(runFetcher(load, stale), lease.untilLost)))
  if (Exit.isFailure(fetched)) {
    return lease.stopped(fetched) ? undefined : yield* fail(load, lease, fetched.cause)
  }
  load.failuresInARow(false)
  if (stale === undefined && fetched.value === unchanged) {
    return yield* fail(
      load,
      lease,
      Cause.die(new Error("the fetcher returned `unchanged`, but there is no previous value"))
    )
  }
  const same = fetched.value === unchanged
  const value = same ? stale!.value : fetched.value
  const took = Monotonic.now(clock) - began
  return yield* Effect.onError(keep(load, lease, value, same, took, tags), () => lease.abandon())
})

/** Runs the fetcher in its span, for no longer than `hardTimeout`. */
export const runFetcher = (
  load: LoadContext,
  stale: StaleValue<unknown> | undefined
): Effect.Effect<unknown, unknown> => {
  const { adapter, key, policy } = load
  const fetched = Effect.withSpan(
    Effect.withFiber((fiber) => {
      load.counters.loads++
      const clock = fiber.getRef(Clock.Clock)
      const began = clock.monotonicTimeNanosUnsafe()
      return Effect.map(load.fetcher({ key, stale: stale && { ...stale, unchanged } }), (value) => {
        load.counters.loaded(millisBetween(began, clock.monotonicTimeNanosUnsafe()))
        return value
      })
    }),
    "cache-locking.load",
    { attributes: { "cache_locking.key": key, "cache_locking.adapter": adapter.name }, captureStackTrace: false }
  )
  if (policy.hardTimeout === Infinity) return fetched
  return Effect.raceFirst(
    fetched,
    Effect.andThen(load.events.sleep(policy.hardTimeout), () =>
      Effect.fail(
        new FetchTimeout({
          context: { key, phase: "fetch", adapter: adapter.name },
          message: `the fetcher took longer than ${policy.hardTimeout} ms`,
          timeout: policy.hardTimeout
        })
      )
    )
  )
}

/** Abandons the lease after a load that failed, or that was ended because every caller left. */
const fail = Effect.fnUntraced(function* (load: LoadContext, lease: HeldLease, cause: Cause.Cause<unknown>) {
  const { counters, key, events, policy, valueCodec } = load
  if (events.ended || isMissing(cause)) {
    // A missing value is an answer too, but it is not kept.
    yield* events.ended ? lease.abandon() : lease.forgo
    return yield* Effect.failCause(cause)
  }
  counters.loadFailed(cause, events.isBackground)
  const cooldown = Policy.cooldownOf(policy, load.failuresInARow(true))
  yield* lease.abandon(cooldown, yield* valueCodec.encodeFailure(cause))
  if (events.isBackground) {
    yield* load.report(
      new RefreshFailed({
        context: { key, phase: "fetch", adapter: load.adapter.name },
        message: "a load in the background failed",
        cause: Cause.squash(cause)
      })
    )
  }
  // Nothing interrupted it from outside, and an interruption is no answer for the callers that wait.
  if (Cause.hasInterruptsOnly(cause)) return yield* Effect.die(new Error("the fetcher interrupted itself"))
  return yield* Effect.failCause(cause)
})

/** Fills the value; or ends the lease without it, and returns the reason. */
const keep = Effect.fnUntraced(function* (
  load: LoadContext,
  lease: HeldLease,
  value: unknown,
  same: boolean,
  took: number,
  before: TagsBefore | undefined
) {
  const { adapter, counters, key, valueCodec, report } = load
  const decided = decide(load, value, yield* Random.next)
  if (decided === undefined || decided instanceof InvalidOption) {
    const held = yield* lease.forgo
    if (decided !== undefined) yield* report(counters.erred(decided))
    return loaded(value, "declined", lease.endsAt, held ? Infinity : lease.heldAt)
  }
  const { lifetime } = decided
  const tags = before === undefined ? [] : yield* settled(load, decided.tags, before.start)
  if (typeof tags === "string") {
    yield* lease.abandon()
    return loaded(value, tags, lease.endsAt, before!.readAt)
  }
  if (same && tags.length === 0) {
    // If the store still has the bytes, it only begins their lifetime anew.
    const renewed = yield* Effect.result(lease.fill(undefined, lifetime))
    if (Result.isSuccess(renewed) && renewed.success) return loaded(value, undefined, lease.endsAt)
  }
  const encoded = yield* Effect.result(valueCodec.encode(key, value, { cost: took, tags }))
  if (Result.isFailure(encoded)) {
    const held = yield* lease.forgo
    yield* report(encoded.failure)
    return loaded(value, "encode-failed", lease.endsAt, held ? Infinity : lease.heldAt)
  }
  const { value: kept } = encoded.success
  // An invalidation of given tags makes the filled value invalid by itself. The second look only detects it. If that
  // look fails, nothing is known, so later callers ask again.
  const given = before?.start.given !== undefined && tags.length > 0
  const look: Effect.Effect<boolean | undefined> = given
    ? Effect.orElseSucceed(Tags.valid(adapter, tags), () => undefined)
    : Effect.succeed(true)
  const [filled, valid] = yield* Effect.all([Effect.result(lease.fill(encoded.success, lifetime)), look], {
    concurrency: 2
  })
  const validUntil = valid === true ? Infinity : before!.readAt
  if (Result.isFailure(filled)) {
    yield* report(setFailed(load, filled.failure))
    return loaded(kept, "set-failed", lease.endsAt, validUntil)
  }
  if (!filled.success) {
    lease.lose()
    return loaded(kept, "lost", lease.endsAt, Math.min(lease.heldAt, validUntil))
  }
  return loaded(kept, valid === false ? "invalidated" : undefined, lease.endsAt, validUntil)
})

interface Decision {
  readonly lifetime: Lifetime
  readonly tags: ReadonlyArray<string>
}

/** Decides how to keep the value; `undefined` when it is not kept. A callback that throws loses no value. */
const decide = ({ key, policy }: LoadContext, value: unknown, random: number): Decision | InvalidOption | undefined => {
  let option = "shouldCache"
  try {
    if (!Check.settledAnswer(option, policy.shouldCache(value))) return undefined
    option = "cacheTtl"
    const lifetime = Policy.lifetimeOf(policy, value, key, random)
    if (lifetime.fresh + lifetime.stale <= 0) return undefined
    option = "tags"
    const tags = Tags.of(policy, policy.tags, key, value)
    return { lifetime: tags.length === 0 ? lifetime : Tags.bounded(lifetime), tags }
  } catch (cause) {
    if (hasTag(cause, "INVALID_OPTION")) return cause
    return new InvalidOption({
      context: { key, phase: "fill" },
      message: `the function ${option} threw`,
      option,
      value: undefined,
      accepted: "a function that does not throw",
      cause
    })
  }
}

/** A load's knowledge of its tags at its beginning. */
interface TagsBefore {
  readonly start: Tags.LoadStart
  /** The instant just before they were read. */
  readonly readAt: number
}

/** Reads the state of the tags before the load. The load must not begin without it. */
const tagsBefore = ({ adapter, counters, key, policy }: LoadContext): Effect.Effect<TagsBefore, CacheGetFailed> =>
  Effect.clockWith((clock) => {
    const readAt = Monotonic.now(clock)
    return Effect.mapBoth(Tags.start(adapter, policy.tags ?? [], onWorkers()), {
      onFailure: (cause) => {
        const context = { key, phase: "read", adapter: adapter.name } as const
        return counters.adapterErred(new CacheGetFailed({ context, message: cause.message, cause }))
      },
      onSuccess: (start) => ({ start, readAt })
    })
  })

/** The tags with their versions, or the reason why nothing can be kept. */
const settled = (
  load: LoadContext,
  names: ReadonlyArray<string>,
  start: Tags.LoadStart
): Effect.Effect<ReadonlyArray<Tag> | "invalidated" | "set-failed"> =>
  Effect.matchEffect(Tags.settle(load.adapter, names, start), {
    onFailure: (cause) => Effect.as(load.report(setFailed(load, cause)), "set-failed" as const),
    onSuccess: (tags) => Effect.succeed(tags ?? "invalidated")
  })
