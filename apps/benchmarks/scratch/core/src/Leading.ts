/**
 * The leader's side of a turn: load under a lease that is renewed, then fill or give it back.
 */
import * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import type { AdapterError, Token, Value } from "./Adapter.ts"
import { CacheSetFailed, InvalidOption, LeaseFailed } from "./CacheLockingError.ts"
import * as Policy from "./Policy.ts"
import { loaded, type Restore, type StaleValue, type Turn } from "./Turn.ts"

/** Loads under the lease, renewing it; fills or gives it back. `undefined`: the lease was lost, ask again. */
export const lead = Effect.fnUntraced(function* (
  turn: Turn<any, any, any>,
  token: Token,
  stale: StaleValue<any> | undefined,
  clock: Clock.Clock,
  restore: Restore
) {
  const { adapter, counters, key, phases, policy, sealer, trouble } = turn
  phases.leading()
  if (stale !== undefined) {
    phases.stale(stale, false)
    // Whoever takes the stale value answers before the fetcher's first step.
    yield* Effect.yieldNow
  }
  const began = clock.currentTimeMillisUnsafe()
  const renewal = new Renewal(turn, token, clock)
  counters.loads++
  const fetched = yield* Effect.exit(restore(Effect.raceFirst(fetch(turn, stale), renewal.untilLost)))
  const took = clock.currentTimeMillisUnsafe() - began
  if (Exit.isFailure(fetched)) {
    if (renewal.interrupted(fetched)) return undefined
    const left = Cause.hasInterruptsOnly(fetched.cause)
    if (!left) counters.loadFailures++
    if (left) yield* abandon(turn, token)
    else yield* abandon(turn, token, policy.cooldown, yield* sealer.sealFailure(fetched.cause))
    return yield* fetched
  }
  const value = fetched.value
  counters.loadMillis += took
  const lifetime = yield* Effect.onError(lifetimeOf(turn, value), () => abandon(turn, token))
  if (lifetime === undefined) {
    yield* abandon(turn, token)
    return loaded(value, "declined", renewal.until)
  }
  const sealed = yield* Effect.result(sealer.seal(key, value, took))
  if (Result.isFailure(sealed)) {
    yield* abandon(turn, token)
    yield* trouble(sealed.failure)
    return loaded(value, "encode-failed", renewal.until)
  }
  const fill = adapter.fill(key, { token, value: sealed.success, lifetime })
  const filled = yield* Effect.result(fill)
  if (Result.isFailure(filled)) {
    counters.adapterErrors++
    yield* trouble(setFailed(turn, filled.failure))
    // Once more for those who wait elsewhere; the callers here are not to wait for it.
    if (filled.failure.retryable) yield* Effect.forkDetach(Effect.ignore(fill))
    return loaded(sealed.success.value, "set-failed", renewal.until)
  }
  if (!filled.success) counters.leaseLost++
  return loaded(sealed.success.value, filled.success ? undefined : "lost", renewal.until)
})

const fetch = ({ adapter, fetcher, key }: Turn<any, any, any>, stale: StaleValue<any> | undefined) =>
  Effect.withSpan(
    Effect.suspend(() => fetcher({ key, stale })),
    "cache-locking.load",
    { attributes: { "cache_locking.key": key, "cache_locking.adapter": adapter.name } }
  )

/** How long the value is kept; `undefined` when it is not to be. */
const lifetimeOf = ({ key, policy }: Turn<any, any, any>, value: unknown) =>
  Effect.suspend(() => {
    if (!policy.shouldCache(value)) return Effect.undefined
    try {
      const lifetime = Policy.lifetimeOf(policy, value, key)
      return Effect.succeed(lifetime.fresh + lifetime.stale > 0 ? lifetime : undefined)
    } catch (error) {
      return error instanceof InvalidOption ? Effect.fail(error) : Effect.die(error)
    }
  })

const setFailed = (turn: Turn<any, any, any>, cause: AdapterError): CacheSetFailed =>
  new CacheSetFailed({
    context: { key: turn.key, phase: "fill", adapter: turn.adapter.name },
    message: cause.message,
    cause
  })

const leaseFailed = (
  turn: Turn<any, any, any>,
  phase: "renew" | "abandon",
  cause: AdapterError
): Effect.Effect<void> => {
  turn.counters.adapterErrors++
  return turn.trouble(
    new LeaseFailed({
      context: { key: turn.key, phase, adapter: turn.adapter.name },
      message: cause.message,
      cause
    })
  )
}

const abandon = (
  turn: Turn<any, any, any>,
  token: Token,
  cooldown?: number,
  cause?: Value | undefined
): Effect.Effect<void> =>
  Effect.matchEffect(turn.adapter.abandon(turn.key, { token, cooldown, cause }), {
    onFailure: (error) => leaseFailed(turn, "abandon", error),
    onSuccess: () => Effect.void
  })

/** Keeps a lease alive at a third of its length, and knows until when it lives. */
class Renewal {
  until: number
  private lost = false
  private readonly turn: Turn<any, any, any>
  private readonly token: Token
  private readonly clock: Clock.Clock

  constructor(turn: Turn<any, any, any>, token: Token, clock: Clock.Clock) {
    this.turn = turn
    this.token = token
    this.clock = clock
    this.until = clock.currentTimeMillisUnsafe() + turn.policy.leaseTtl
  }

  /** Never succeeds; is interrupted, so as to interrupt the fetcher, when the lease is lost and that is the policy. */
  get untilLost(): Effect.Effect<never> {
    return Effect.flatMap(this.clock.sleep(Duration.millis(this.turn.policy.leaseTtl / 3)), () => this.again)
  }

  private get again(): Effect.Effect<never> {
    const { adapter, key, policy } = this.turn
    const asked = this.clock.currentTimeMillisUnsafe()
    return Effect.matchEffect(adapter.renew(key, { token: this.token, leaseFor: policy.leaseTtl }), {
      onFailure: (error) => Effect.andThen(leaseFailed(this.turn, "renew", error), this.untilLost),
      onSuccess: (held) => {
        if (held) {
          this.until = asked + policy.leaseTtl
          return this.untilLost
        }
        this.lost = true
        this.turn.counters.leaseLost++
        return policy.onLeaseLost === "interrupt" ? Effect.interrupt : Effect.never
      }
    })
  }

  /** Whether it was the renewal that stopped the fetcher. */
  interrupted(exit: Exit.Exit<unknown, unknown>): boolean {
    return this.lost && this.turn.policy.onLeaseLost === "interrupt" && Exit.hasInterrupts(exit)
  }
}
