/**
 * The leader's side of a load: fetch under the lease, then fill or abandon.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import type { Tag } from "../codec/Envelope.ts"
import type { AdapterError, Lifetime, Token, Value } from "../contract/Adapter.ts"
import {
  CacheGetFailed,
  CacheSetFailed,
  FetchTimeout,
  hasTag,
  InvalidOption,
  LeaseFailed,
  RefreshFailed
} from "../contract/CacheLockingError.ts"
import * as Check from "../contract/Check.ts"
import * as Policy from "../options/Policy.ts"
import { millisBetween } from "../stats/Stats.ts"
import * as Tags from "../tags/Tags.ts"
import { isMissing } from "./FetchBatch.ts"
import { type StaleValue, unchanged } from "./Fetcher.ts"
import { type LoadContext, loaded, type Restore, skipped } from "./LoadContext.ts"

/** Reports that the lease could not be renewed or given back: nobody's answer. */
const reportLease = (load: LoadContext, phase: "renew" | "abandon", cause: AdapterError): Effect.Effect<void> => {
  const { adapter, counters, key, report } = load
  const context = { key, phase, adapter: adapter.name }
  return report(counters.adapterErred(new LeaseFailed({ context, message: cause.message, cause })))
}

/** Gives the lease back; after a failed load with a cooldown, and with the failure for everybody else. */
const abandon = (load: LoadContext, token: Token, cooldown?: number, cause?: Value | undefined): Effect.Effect<void> =>
  Effect.matchEffect(load.adapter.abandon(load.key, { token, cooldown, cause }), {
    onFailure: (error) => reportLease(load, "abandon", error),
    onSuccess: () => Effect.void
  })

const nothing: Lifetime = { fresh: 0, stale: 0 }

/**
 * Gives the lease back after an answer that is not kept. The older value that is there ends: it must not outlive a newer
 * answer. A fill without a value does both at once, and only under the token, so that a value that was set meanwhile stays.
 */
const forgo = (load: LoadContext, token: Token, older: boolean): Effect.Effect<void> =>
  older
    ? Effect.matchEffect(load.adapter.fill(load.key, { token, lifetime: nothing }), {
        onFailure: (error) => Effect.andThen(load.report(setFailed(load, error)), abandon(load, token)),
        // Either the lease is lost, or the older value ended by itself and the lease is still ours.
        onSuccess: (ended) => (ended ? Effect.void : abandon(load, token))
      })
    : abandon(load, token)

/** Renews a lease after each third of its length, and knows until when it lives. */
class LeaseRenewal {
  until: number
  /** True when the store said that the lease is gone. */
  lost = false
  /** When it was known to be ours for the last time: by a renewal, or by its grant. */
  heldAt: number
  private readonly load: LoadContext
  private readonly token: Token
  private readonly clock: Clock.Clock

  /** @param askedAt epoch milliseconds at which the lease was asked for */
  constructor(load: LoadContext, token: Token, clock: Clock.Clock, askedAt: number) {
    this.load = load
    this.token = token
    this.clock = clock
    this.heldAt = askedAt
    this.until = clock.currentTimeMillisUnsafe() + load.policy.leaseTtl
  }

  /** Notes that the lease is gone. Callers who come from now on must not join the load. */
  lose(): void {
    if (this.lost) return
    this.lost = true
    this.load.counters.leaseLost++
    this.load.events.leaseLost()
  }

  /** Renews for ever. Ends by an interruption, which also ends the fetcher, if the lease is lost and the policy says so. */
  get untilLost(): Effect.Effect<never> {
    return Effect.flatMap(this.clock.sleep(Duration.millis(this.load.policy.leaseTtl / 3)), () => this.again)
  }

  private get again(): Effect.Effect<never> {
    const { adapter, events, key, policy } = this.load
    events.heartbeat()
    const asked = this.clock.currentTimeMillisUnsafe()
    const renewed = Effect.matchEffect(adapter.renew(key, { token: this.token, leaseFor: policy.leaseTtl }), {
      onFailure: (error) => Effect.as(reportLease(this.load, "renew", error), true),
      onSuccess: (held) => {
        if (held) {
          this.heldAt = asked
          this.until = asked + policy.leaseTtl
        } else this.lose()
        return Effect.succeed(held)
      }
    })
    // A bug of the adapter must not end a load that may well succeed.
    const survived = Effect.catchDefect(renewed, (defect) =>
      Effect.as(Effect.logWarning("cache-locking: the adapter failed to renew a lease", defect), true)
    )
    return Effect.flatMap(survived, (held) => {
      if (held) return this.untilLost
      return policy.onLeaseLost === "interrupt" ? Effect.interrupt : Effect.never
    })
  }

  /** True when it was the renewal that stopped the fetcher. */
  stopped(exit: Exit.Exit<unknown, unknown>): boolean {
    return this.lost && this.load.policy.onLeaseLost === "interrupt" && Exit.hasInterrupts(exit)
  }
}

/** Runs the load to its result; `undefined` when the lease was lost and the fetcher stopped: the caller acquires again. */
export const lead = Effect.fnUntraced(function* (
  load: LoadContext,
  token: Token,
  stale: StaleValue<unknown> | undefined,
  askedAt: number,
  clock: Clock.Clock,
  restore: Restore
) {
  load.events.leading()
  if (stale !== undefined) {
    load.events.stale(stale)
    // Callers that take the stale value are answered before the fetcher's first step.
    yield* Effect.yieldNow
  }
  if (load.events.isBackground && !load.acquireSlot()) {
    yield* abandon(load, token)
    return skipped
  }
  const epochAskedAt = clock.currentTimeMillisUnsafe()
  const epoch = load.policy.tags === undefined ? undefined : yield* epochBefore(load, token)
  const began = clock.currentTimeMillisUnsafe()
  const renewal = new LeaseRenewal(load, token, clock, askedAt)
  const fetched = yield* Effect.exit(restore(Effect.raceFirst(runFetcher(load, stale), renewal.untilLost)))
  if (Exit.isFailure(fetched)) {
    return renewal.stopped(fetched) ? undefined : yield* fail(load, token, fetched.cause, stale !== undefined)
  }
  load.failuresInARow(false)
  if (stale === undefined && fetched.value === unchanged) {
    return yield* fail(
      load,
      token,
      Cause.die(new Error("the fetcher answered unchanged, and there was nothing")),
      false
    )
  }
  const same = fetched.value === unchanged
  const value = same ? stale!.value : fetched.value
  const giveBack = forgo(load, token, stale !== undefined)
  const kept = keep(load, token, value, same, { began, epoch, epochAskedAt }, clock, renewal, giveBack)
  return yield* Effect.onError(kept, () => abandon(load, token))
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

/** Abandons the lease after a load that failed, or that was ended because everybody left. */
const fail = Effect.fnUntraced(function* (
  load: LoadContext,
  token: Token,
  cause: Cause.Cause<unknown>,
  older: boolean
) {
  const { counters, key, events, policy, valueCodec } = load
  if (events.ended || isMissing(cause)) {
    // That there is none is an answer, too.
    yield* forgo(load, token, older && !events.ended)
    return yield* Effect.failCause(cause)
  }
  counters.loadFailed(cause, events.isBackground)
  const cooldown = Policy.cooldownOf(policy, load.failuresInARow(true))
  yield* abandon(load, token, cooldown, yield* valueCodec.encodeFailure(cause))
  if (events.isBackground) {
    yield* load.report(
      new RefreshFailed({
        context: { key, phase: "fetch", adapter: load.adapter.name },
        message: "a load behind a stale value failed",
        cause: Cause.squash(cause)
      })
    )
  }
  // Nobody interrupted it from outside, and an interruption is no answer for those who wait.
  if (Cause.hasInterruptsOnly(cause)) return yield* Effect.die(new Error("the fetcher interrupted itself"))
  return yield* Effect.failCause(cause)
})

/** Fills; or abandons, and says why. */
const keep = Effect.fnUntraced(function* (
  load: LoadContext,
  token: Token,
  value: unknown,
  same: boolean,
  {
    began,
    epoch,
    epochAskedAt
  }: { readonly began: number; readonly epoch: string | undefined; readonly epochAskedAt: number },
  clock: Clock.Clock,
  renewal: LeaseRenewal,
  giveBack: Effect.Effect<void>
) {
  const { adapter, counters, key, valueCodec, report } = load
  // A clock that was set back must not make a load shorter than nothing.
  const took = Math.max(0, clock.currentTimeMillisUnsafe() - began)
  const decided = decide(load, value, yield* Random.next)
  if (decided === undefined || decided instanceof InvalidOption) {
    yield* giveBack
    if (decided !== undefined) yield* report(counters.erred(decided))
    return loaded(value, "declined", renewal.until)
  }
  const { lifetime } = decided
  const tags = yield* tagged(load, decided.tags, epoch, began, clock)
  if (tags === undefined) {
    yield* abandon(load, token)
    return loaded(value, "invalidated", renewal.until, epochAskedAt)
  }
  if (same && decided.tags.length === 0) {
    // If the store still has the bytes, it only begins their lifetime anew.
    const renewed = yield* Effect.result(adapter.fill(key, { token, lifetime }))
    if (Result.isSuccess(renewed) && renewed.success) return loaded(value, undefined, renewal.until)
  }
  const encoded = yield* Effect.result(valueCodec.encode(key, value, { cost: took, tags }))
  if (Result.isFailure(encoded)) {
    yield* giveBack
    yield* report(encoded.failure)
    return loaded(value, "encode-failed", renewal.until)
  }
  const fill = adapter.fill(key, { token, value: encoded.success, lifetime })
  const filled = yield* Effect.result(fill)
  if (Result.isFailure(filled)) {
    yield* report(setFailed(load, filled.failure))
    // A store that may recover is asked once more. The callers do not wait for that.
    if (filled.failure.retryable) {
      const again = Effect.catch(Effect.asVoid(fill), () => abandon(load, token))
      load.waitUntil(yield* Effect.forkDetach(again))
    } else yield* giveBack
    return loaded(encoded.success.value, "set-failed", renewal.until)
  }
  if (filled.success) return loaded(encoded.success.value, undefined, renewal.until)
  renewal.lose()
  return loaded(encoded.success.value, "lost", renewal.until, renewal.heldAt)
})

interface Decision {
  readonly lifetime: Lifetime
  readonly tags: ReadonlyArray<string>
}

/** Decides how to keep the value; `undefined` for not at all. A callback that throws loses no value. */
const decide = ({ key, policy }: LoadContext, value: unknown, random: number): Decision | InvalidOption | undefined => {
  let option = "shouldCache"
  try {
    if (!Check.settledAnswer(option, policy.shouldCache(value))) return undefined
    option = "cacheTtl"
    const lifetime = Policy.lifetimeOf(policy, value, key, random)
    if (lifetime.fresh + lifetime.stale <= 0) return undefined
    option = "tags"
    const tags = Tags.of(policy.tags, key, value)
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

/** The epoch of the tags before the load. Without it nothing may be loaded. */
const epochBefore = (load: LoadContext, token: Token) =>
  Effect.catch(Tags.epoch(load.adapter), (cause) => {
    const { adapter, counters, key } = load
    const context = { key, phase: "read", adapter: adapter.name } as const
    const error = counters.adapterErred(new CacheGetFailed({ context, message: cause.message, cause }))
    return Effect.andThen(abandon(load, token), Effect.fail(error))
  })

/** The tags with their versions. Without them nothing can be kept: a failed read is as good as an invalidation. */
const tagged = (
  load: LoadContext,
  names: ReadonlyArray<string>,
  epoch: string | undefined,
  began: number,
  clock: Clock.Clock
): Effect.Effect<ReadonlyArray<Tag> | undefined> =>
  names.length === 0 || epoch === undefined
    ? Effect.succeed([])
    : Effect.catch(Tags.settle(load.adapter, names, { epoch, began }, clock), (cause) =>
        Effect.as(load.report(setFailed(load, cause)), undefined)
      )

const setFailed = (load: LoadContext, cause: AdapterError): CacheSetFailed => {
  const { adapter, counters, key } = load
  const context = { key, phase: "fill", adapter: adapter.name } as const
  return counters.adapterErred(new CacheSetFailed({ context, message: cause.message, cause }))
}
