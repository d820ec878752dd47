/**
 * The leader's side of a turn: load under the lease, then fill or give it back.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import type { Tag } from "../codec/Envelope.ts"
import type { AdapterError, Lifetime, Token } from "../contract/Adapter.ts"
import {
  CacheGetFailed,
  CacheSetFailed,
  FetchTimeout,
  InvalidOption,
  RefreshFailed
} from "../contract/CacheLockingError.ts"
import * as Policy from "../options/Policy.ts"
import { millisBetween } from "../stats/Histogram.ts"
import * as Tags from "../tags/Tags.ts"
import { isMissing } from "./FetchBatch.ts"
import { abandon, LeaseRenewal } from "./LeaseRenewal.ts"
import { idle, type LoadContext, loaded, type Restore, type StaleValue, unchanged } from "./LoadContext.ts"

/** Runs the load to its landing. `undefined`: the lease was lost and the fetcher stopped; ask again. */
export const lead = Effect.fnUntraced(function* (
  turn: LoadContext<any, any, any>,
  token: Token,
  stale: StaleValue<any> | undefined,
  clock: Clock.Clock,
  restore: Restore
) {
  turn.events.leading()
  if (stale !== undefined) {
    turn.events.stale(stale)
    // Whoever takes the stale value answers before the fetcher's first step.
    yield* Effect.yieldNow
  }
  if (turn.events.isBackground && !turn.mayBegin()) {
    yield* abandon(turn, token)
    return idle
  }
  const epoch = turn.policy.tags === undefined ? undefined : yield* epochBefore(turn, token)
  const began = clock.currentTimeMillisUnsafe()
  const renewal = new LeaseRenewal(turn, token, clock)
  const fetched = yield* Effect.exit(restore(Effect.raceFirst(runFetcher(turn, stale), renewal.untilLost)))
  if (renewal.lost) turn.counters.leaseLost++
  if (Exit.isFailure(fetched)) {
    return renewal.stopped(fetched) ? undefined : yield* fail(turn, token, fetched.cause)
  }
  turn.failuresInARow(false)
  if (stale === undefined && fetched.value === unchanged) {
    return yield* fail(turn, token, Cause.die(new Error("the fetcher answered unchanged, and there was nothing")))
  }
  const same = fetched.value === unchanged
  const value = same ? stale!.value : fetched.value
  return yield* Effect.onError(keep(turn, token, value, same, { began, epoch }, clock, renewal), () =>
    abandon(turn, token)
  )
})

/** The fetcher, in its span, for no longer than it may take. */
export const runFetcher = (
  turn: LoadContext<any, any, any>,
  stale: StaleValue<any> | undefined
): Effect.Effect<any, any, any> => {
  const { adapter, key, policy } = turn
  const fetched = Effect.withSpan(
    Effect.withFiber((fiber) => {
      turn.counters.loads++
      const clock = fiber.getRef(Clock.Clock)
      const began = clock.monotonicTimeNanosUnsafe()
      return Effect.map(turn.fetcher({ key, stale: stale && { ...stale, unchanged } }), (value) => {
        turn.counters.loaded(millisBetween(began, clock.monotonicTimeNanosUnsafe()))
        return value
      })
    }),
    "cache-locking.load",
    { attributes: { "cache_locking.key": key, "cache_locking.adapter": adapter.name }, captureStackTrace: false }
  )
  if (policy.hardTimeout === Infinity) return fetched
  return Effect.raceFirst(
    fetched,
    Effect.andThen(Effect.sleep(policy.hardTimeout), () =>
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

/** Gives the lease back after a load that failed, or that was ended because everybody left. */
const fail = Effect.fnUntraced(function* (turn: LoadContext<any, any, any>, token: Token, cause: Cause.Cause<unknown>) {
  const { counters, key, events, policy, valueCodec } = turn
  if (events.ended || isMissing(cause)) {
    yield* abandon(turn, token)
    return yield* Effect.failCause(cause)
  }
  counters.loadFailed(cause, events.isBackground)
  const cooldown = Policy.cooldownOf(policy, turn.failuresInARow(true))
  yield* abandon(turn, token, cooldown, yield* valueCodec.encodeFailure(cause))
  if (events.isBackground) {
    yield* turn.report(
      new RefreshFailed({
        context: { key, phase: "fetch", adapter: turn.adapter.name },
        message: "a load behind a stale value failed",
        cause: Cause.squash(cause)
      })
    )
  }
  // Nobody interrupted it from outside, and to be interrupted is no answer for those who wait.
  if (Cause.hasInterruptsOnly(cause)) return yield* Effect.die(new Error("the fetcher interrupted itself"))
  return yield* Effect.failCause(cause)
})

/** Fills, or says why not. */
const keep = Effect.fnUntraced(function* (
  turn: LoadContext<any, any, any>,
  token: Token,
  value: unknown,
  same: boolean,
  { began, epoch }: { readonly began: number; readonly epoch: string | undefined },
  clock: Clock.Clock,
  renewal: LeaseRenewal
) {
  const { adapter, counters, key, valueCodec, report } = turn
  // A clock that was set back makes no load shorter than nothing.
  const took = Math.max(0, clock.currentTimeMillisUnsafe() - began)
  const decided = decide(turn, value, yield* Random.next)
  if (decided === undefined || decided instanceof InvalidOption) {
    yield* abandon(turn, token)
    if (decided !== undefined) yield* report(counters.erred(decided))
    return loaded(value, "declined", renewal.until)
  }
  const { lifetime } = decided
  const tags = yield* tagged(turn, decided.tags, epoch, began, clock)
  if (tags === undefined) {
    yield* abandon(turn, token)
    return loaded(value, "invalidated", renewal.until)
  }
  if (same && decided.tags.length === 0) {
    // The store has the bytes: it only begins their lifetime anew, if they are there still.
    const renewed = yield* Effect.result(adapter.fill(key, { token, lifetime }))
    if (Result.isSuccess(renewed) && renewed.success) return loaded(value, undefined, renewal.until)
  }
  const sealed = yield* Effect.result(valueCodec.encode(key, value, { cost: took, tags }))
  if (Result.isFailure(sealed)) {
    yield* abandon(turn, token)
    yield* report(sealed.failure)
    return loaded(value, "encode-failed", renewal.until)
  }
  const fill = adapter.fill(key, { token, value: sealed.success, lifetime })
  const filled = yield* Effect.result(fill)
  if (Result.isFailure(filled)) {
    yield* report(setFailed(turn, filled.failure))
    const back = abandon(turn, token)
    // A store that may recover is asked once more; the callers here are not to wait for that.
    if (filled.failure.retryable)
      turn.waitUntil(yield* Effect.forkDetach(Effect.catch(Effect.asVoid(fill), () => back)))
    else yield* back
    return loaded(sealed.success.value, "set-failed", renewal.until)
  }
  if (!filled.success && !renewal.lost) counters.leaseLost++
  return loaded(sealed.success.value, filled.success ? undefined : "lost", renewal.until)
})

interface Decision {
  readonly lifetime: Lifetime
  readonly tags: ReadonlyArray<string>
}

/** How the value is kept; `undefined` when it is not to be. A callback that fails loses no value. */
const decide = (
  { key, policy }: LoadContext<any, any, any>,
  value: unknown,
  random: number
): Decision | InvalidOption | undefined => {
  let option = "shouldCache"
  try {
    if (!policy.shouldCache(value)) return undefined
    option = "cacheTtl"
    const lifetime = Policy.lifetimeOf(policy, value, key, random)
    if (lifetime.fresh + lifetime.stale <= 0) return undefined
    option = "tags"
    const tags = Tags.of(policy.tags, key, value)
    return { lifetime: tags.length === 0 ? lifetime : Tags.bounded(lifetime), tags }
  } catch (cause) {
    if (cause instanceof InvalidOption) return cause
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

/** The epoch of the tags before the load; a store that cannot tell it is not to be loaded for. */
const epochBefore = ({ adapter, key, ...turn }: LoadContext<any, any, any>, token: Token) =>
  Effect.catch(Tags.epoch(adapter), (cause) =>
    Effect.andThen(
      abandon({ adapter, key, ...turn }, token),
      Effect.fail(
        turn.counters.adapterErred(
          new CacheGetFailed({ context: { key, phase: "read", adapter: adapter.name }, message: cause.message, cause })
        )
      )
    )
  )

/** The tags with their versions. Without them nothing can be kept: a failed look is as good as an invalidation. */
const tagged = (
  turn: LoadContext<any, any, any>,
  names: ReadonlyArray<string>,
  epoch: string | undefined,
  began: number,
  clock: Clock.Clock
): Effect.Effect<ReadonlyArray<Tag> | undefined> =>
  names.length === 0 || epoch === undefined
    ? Effect.succeed([])
    : Effect.catch(Tags.settle(turn.adapter, names, { epoch, began }, clock), (cause) =>
        Effect.as(turn.report(setFailed(turn, cause)), undefined)
      )

const setFailed = (turn: LoadContext<any, any, any>, cause: AdapterError): CacheSetFailed => {
  const { adapter, counters, key } = turn
  const context = { key, phase: "fill", adapter: adapter.name } as const
  return counters.adapterErred(new CacheSetFailed({ context, message: cause.message, cause }))
}
