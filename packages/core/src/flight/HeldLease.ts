/**
 * A lease that a load holds. It is renewed while the load runs, and ended with a value or without one. It does not stay
 * behind when nobody works under it.
 */
import type * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { mark } from "../codec/EncodedValue.ts"
import type { Tag } from "../codec/Envelope.ts"
import type { AdapterError, Held, Lifetime, Token, Value } from "../contract/Adapter.ts"
import { type CacheLockingError, CacheSetFailed, LeaseFailed } from "../contract/CacheLockingError.ts"
import * as Monotonic from "../contract/Monotonic.ts"
import * as Tags from "../tags/Tags.ts"
import type { LoadContext } from "./LoadContext.ts"

export class HeldLease {
  private until: number
  /** True when the store answered that the lease is gone. */
  lost = false
  /**
   * The instant just before the last request for the lease or for its renewal. Renewals count from it, so a slow store
   * does not make them rarer.
   */
  private askedAt: number
  /** The last instant at which it was known to be ours, by a renewal or by its grant. */
  heldAt: number
  private readonly grantedAt: number
  private hasReported = false
  /** True when the store refused the value. The caller of `fill` reports that. */
  private isRefused = false
  private readonly load: LoadContext
  private readonly replaces: "value" | "mark" | undefined
  private readonly token: Token
  private readonly clock: Clock.Clock
  /** The tags of the value, where they are known before the load. */
  tags: ReadonlyArray<Tag> = []

  /**
   * @param askedAt the instant before the store was asked
   * @param replaces what the store has: an older value, or a mark
   */
  constructor(
    load: LoadContext,
    token: Token,
    clock: Clock.Clock,
    askedAt: number,
    replaces: "value" | "mark" | undefined
  ) {
    this.load = load
    this.replaces = replaces
    this.token = token
    this.clock = clock
    this.grantedAt = askedAt
    this.heldAt = askedAt
    this.askedAt = askedAt
    this.until = Monotonic.now(clock) + load.policy.leaseTtl
  }

  /** When the lease ends unless it is renewed, in epoch milliseconds. */
  get endsAt(): number {
    return Math.round(this.clock.currentTimeMillisUnsafe() + this.until - Monotonic.now(this.clock))
  }

  /** Records that the lease is gone. Callers that arrive from now on must not join the load. */
  lose(): void {
    if (this.lost) return
    this.lost = true
    this.load.counters.leaseLost++
    this.load.events.leaseLost()
  }

  /**
   * Renews the lease after each third of its length, without end. If the lease is lost and the policy says so, it ends
   * by an interruption, which also ends the fetcher.
   */
  get untilLost(): Effect.Effect<never> {
    return Effect.suspend(() => {
      const pause = this.askedAt + this.load.policy.leaseTtl / 3 - Monotonic.now(this.clock)
      return Effect.flatMap(Monotonic.pause(this.clock, Math.max(0, pause)), () => this.renewed)
    })
  }

  private get renewed(): Effect.Effect<never> {
    const { adapter, events, key, policy } = this.load
    events.heartbeat()
    const asked = Monotonic.now(this.clock)
    this.askedAt = asked
    const renewed = Effect.matchEffect(adapter.renew(key, { token: this.token, leaseFor: policy.leaseTtl }), {
      onFailure: (error) => Effect.as(this.load.report(this.leaseFailed("renew", error)), true),
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
      if (held) return Effect.flatMap(this.lookAtTags, () => this.untilLost)
      return policy.onLeaseLost === "interrupt" ? Effect.interrupt : Effect.never
    })
  }

  /** A tag that was invalidated voids the load for callers that arrive from now on, as a lost lease does. */
  private get lookAtTags(): Effect.Effect<void> {
    const { adapter, events } = this.load
    if (this.tags.length === 0) return Effect.void
    return Effect.matchCause(Tags.valid(adapter, this.tags), {
      onSuccess: (valid) => {
        if (!valid) events.leaseLost()
      },
      // The next renewal looks again.
      onFailure: () => {}
    })
  }

  /** True when it was the renewal that stopped the fetcher. */
  stopped(exit: Exit.Exit<unknown, unknown>): boolean {
    return this.lost && this.load.policy.onLeaseLost === "interrupt" && Exit.hasInterrupts(exit)
  }

  /**
   * Ends the lease with a value, or with a new lifetime of the stored one. After a temporary failure it tries again,
   * while no caller waits for it: with the value, or without it if the store still does not take it. A value that the
   * store refuses for good leaves a mark.
   */
  fill(value: Value | undefined, lifetime: Lifetime): Effect.Effect<Held, AdapterError> {
    const { adapter, key } = this.load
    const filled = adapter.fill(key, { token: this.token, value, lifetime })
    if (value === undefined) return filled
    const askedAt = Monotonic.now(this.clock)
    const again = Effect.suspend(() => {
      // The wait is a part of the value's lifetime.
      const rest = restOf(lifetime, Monotonic.now(this.clock) - askedAt)
      if (rest.fresh + rest.stale <= 0) return this.withoutValue
      return Effect.catch(adapter.fill(key, { token: this.token, value, lifetime: rest }), () => this.withoutValue)
    })
    return Effect.tapError(filled, (error) => {
      if (error.retryable) return this.later(again, error.retryAfter)
      this.isRefused = true
      return this.forgo
    })
  }

  /** Gives the lease back. After a failed load this begins a cooldown, and leaves the failure for all other callers. */
  abandon(cooldown?: number, cause?: Value | undefined): Effect.Effect<void> {
    return Effect.asVoid(this.orLater(this.abandoned(cooldown, cause)))
  }

  /**
   * Ends the lease after an answer that is not kept, and leaves a mark, so that callers that waited for that answer
   * need not wait for the next one. An older value in the store ends too, because it must not outlive a newer answer.
   * Answers false when the lease was lost. Where a mark is there already, nobody waits for the new one, not even the
   * load's own callers. The answer is then true, although the outcome is not known.
   */
  get forgo(): Effect.Effect<Held> {
    if (this.replaces === "mark" && this.load.allowsBackground) return Effect.as(this.later(this.marked), true)
    return Effect.map(this.orLater(this.marked), (held) => {
      if (!held) this.lose()
      return held
    })
  }

  /** Fills with a mark, and only under the token: a value set meanwhile stays. Without a mark the lease ends all the same. */
  private get marked(): Effect.Effect<Held, AdapterError> {
    const { adapter, key, policy } = this.load
    if (policy.bypassFor === 0) return this.withoutValue
    return Effect.suspend(() => {
      // The next load is about as long, and the mark must outlive it.
      const stale = Math.ceil(policy.bypassFor + Monotonic.now(this.clock) - this.grantedAt)
      const filled = adapter.fill(key, { token: this.token, value: mark, lifetime: { fresh: 0, stale } })
      return Effect.catch(filled, (error) =>
        Effect.andThen(
          this.isRefused ? Effect.void : this.reportOnce(() => setFailed(this.load, error)),
          this.withoutValue
        )
      )
    })
  }

  /** A fill without a value ends the older one and the lease. */
  private get withoutValue(): Effect.Effect<Held, AdapterError> {
    if (this.replaces !== "value") return this.abandoned()
    const { adapter, key } = this.load
    const ended = Effect.tapError(adapter.fill(key, { token: this.token, lifetime: nothing }), (error) =>
      this.reportOnce(() => setFailed(this.load, error))
    )
    return Effect.matchEffect(ended, {
      onFailure: () => this.abandoned(),
      // Otherwise the lease is lost, or the older value ended by itself and the lease is still ours.
      onSuccess: (done) => (done ? Effect.succeed(true) : this.abandoned())
    })
  }

  private abandoned(cooldown?: number, cause?: Value | undefined): Effect.Effect<Held, AdapterError> {
    const { adapter, key } = this.load
    const abandoned = adapter.abandon(key, { token: this.token, cooldown, cause })
    return Effect.tapError(abandoned, (error) => this.reportOnce(() => this.leaseFailed("abandon", error)))
  }

  /** Reports an error, unless a failure to end the lease was already reported. */
  private reportOnce(error: () => CacheLockingError): Effect.Effect<void> {
    if (this.hasReported) return Effect.void
    this.hasReported = true
    return this.load.report(error())
  }

  /**
   * Tries to end the lease, and tries again later after a temporary failure. Answers true where the outcome is not
   * known.
   */
  private orLater(attempt: Effect.Effect<Held, AdapterError>): Effect.Effect<Held> {
    return Effect.catch(attempt, (error) =>
      Effect.as(error.retryable ? this.later(attempt, error.retryAfter) : Effect.void, true)
    )
  }

  private later(attempt: Effect.Effect<unknown, AdapterError>, after?: number): Effect.Effect<void> {
    return Effect.contextWith((context: Context.Context<never>) => {
      const lasts = Math.max(0, this.until - Monotonic.now(this.clock))
      this.load.returns.add(attempt, lasts, context, after)
      return Effect.void
    })
  }

  /** The error of a lease that could not be renewed or given back. It fails no caller. */
  private leaseFailed(phase: "renew" | "abandon", cause: AdapterError): LeaseFailed {
    const { adapter, counters, key } = this.load
    const context = { key, phase, adapter: adapter.name }
    return counters.adapterErred(new LeaseFailed({ context, message: cause.message, cause }))
  }
}

const nothing: Lifetime = { fresh: 0, stale: 0 }

/** The rest of a lifetime, when this many milliseconds of it are over. */
const restOf = ({ fresh, stale }: Lifetime, over: number): Lifetime => ({
  fresh: Math.max(0, fresh - over),
  stale: Math.max(0, stale - Math.max(0, over - fresh))
})

/** The error of a fill that failed. */
export const setFailed = ({ adapter, counters, key }: LoadContext, cause: AdapterError): CacheSetFailed =>
  counters.adapterErred(
    new CacheSetFailed({ context: { key, phase: "fill", adapter: adapter.name }, message: cause.message, cause })
  )
