/**
 * A lease that a load holds: renewed while it runs, ended by its value or without one, and never held by nobody.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import type { Tag } from "../codec/Envelope.ts"
import type { AcquireOptions, Adapter, AdapterError, Held, Lifetime, Token, Value } from "../contract/Adapter.ts"
import { type CacheLockingError, CacheSetFailed, LeaseFailed } from "../contract/CacheLockingError.ts"
import * as Monotonic from "../contract/Monotonic.ts"
import * as Tags from "../tags/Tags.ts"
import type { LoadContext } from "./LoadContext.ts"

export class HeldLease {
  private until: number
  /** True when the store said that the lease is gone. */
  lost = false
  /** The last instant at which it was known to be ours: by a renewal, or by its grant. */
  heldAt: number
  private hasReported = false
  private readonly load: LoadContext
  private readonly replaces: boolean
  private readonly token: Token
  private readonly clock: Clock.Clock
  /** The tags of the value, where they are known before the load. */
  tags: ReadonlyArray<Tag> = []

  /**
   * @param askedAt the instant before the store was asked
   * @param replaces true when the store has an older value
   */
  constructor(load: LoadContext, token: Token, clock: Clock.Clock, askedAt: number, replaces: boolean) {
    this.load = load
    this.replaces = replaces
    this.token = token
    this.clock = clock
    this.heldAt = askedAt
    this.until = Monotonic.now(clock) + load.policy.leaseTtl
  }

  /** When the lease ends unless it is renewed, in epoch milliseconds. */
  get endsAt(): number {
    return Math.round(this.clock.currentTimeMillisUnsafe() + this.until - Monotonic.now(this.clock))
  }

  /** Notes that the lease is gone. Callers that arrive from now on must not join the load. */
  lose(): void {
    if (this.lost) return
    this.lost = true
    this.load.counters.leaseLost++
    this.load.events.leaseLost()
  }

  /**
   * Renews after each third of the lease's length, for ever. Ends by an interruption, which also ends the fetcher, if the
   * lease is lost and the policy says so.
   */
  get untilLost(): Effect.Effect<never> {
    return Effect.flatMap(this.clock.sleep(Duration.millis(this.load.policy.leaseTtl / 3)), () => this.renewed)
  }

  private get renewed(): Effect.Effect<never> {
    const { adapter, events, key, policy } = this.load
    events.heartbeat()
    const asked = Monotonic.now(this.clock)
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
   * Ends the lease with a value, or with a new lifetime of the stored one. After a failure it goes on to end the lease, with
   * the value if the store takes it then and else without; no caller waits for that.
   */
  fill(value: Value | undefined, lifetime: Lifetime): Effect.Effect<Held, AdapterError> {
    const { adapter, key } = this.load
    const filled = adapter.fill(key, { token: this.token, value, lifetime })
    if (value === undefined) return filled
    const again = Effect.catch(Effect.asVoid(filled), () => this.forgone)
    return Effect.tapError(filled, (error) => (error.retryable ? this.later(again) : this.forgo))
  }

  /** Gives the lease back; after a failed load with a cooldown, and with the failure for all other callers. */
  abandon(cooldown?: number, cause?: Value | undefined): Effect.Effect<void> {
    return this.orLater(this.abandoned(cooldown, cause))
  }

  /**
   * Gives the lease back after an answer that is not kept. An older value in the store ends: it must not outlive a newer
   * answer.
   */
  get forgo(): Effect.Effect<void> {
    return this.orLater(this.forgone)
  }

  /** A fill without a value ends the older one and the lease, and only under the token: a value set meanwhile stays. */
  private get forgone(): Effect.Effect<void, AdapterError> {
    if (!this.replaces) return this.abandoned()
    const { adapter, key } = this.load
    const ended = Effect.tapError(adapter.fill(key, { token: this.token, lifetime: nothing }), (error) =>
      this.reportOnce(() => setFailed(this.load, error))
    )
    return Effect.matchEffect(ended, {
      onFailure: () => this.abandoned(),
      // Otherwise the lease is lost, or the older value ended by itself and the lease is still ours.
      onSuccess: (done) => (done ? Effect.void : this.abandoned())
    })
  }

  private abandoned(cooldown?: number, cause?: Value | undefined): Effect.Effect<void, AdapterError> {
    const { adapter, key } = this.load
    const abandoned = Effect.asVoid(adapter.abandon(key, { token: this.token, cooldown, cause }))
    return Effect.tapError(abandoned, (error) => this.reportOnce(() => this.leaseFailed("abandon", error)))
  }

  /** Only the first failure to end the lease is reported. */
  private reportOnce(error: () => CacheLockingError): Effect.Effect<void> {
    if (this.hasReported) return Effect.void
    this.hasReported = true
    return this.load.report(error())
  }

  private orLater(attempt: Effect.Effect<void, AdapterError>): Effect.Effect<void> {
    return Effect.catch(attempt, (error) => (error.retryable ? this.later(attempt) : Effect.void))
  }

  private later(attempt: Effect.Effect<unknown, AdapterError>): Effect.Effect<void> {
    return Effect.contextWith((context: Context.Context<never>) => {
      const lasts = Math.max(0, this.until - Monotonic.now(this.clock))
      this.load.returns.add(attempt, lasts, context)
      return Effect.void
    })
  }

  /** The lease could not be renewed or given back. It fails no caller. */
  private leaseFailed(phase: "renew" | "abandon", cause: AdapterError): LeaseFailed {
    const { adapter, counters, key } = this.load
    const context = { key, phase, adapter: adapter.name }
    return counters.adapterErred(new LeaseFailed({ context, message: cause.message, cause }))
  }
}

const nothing: Lifetime = { fresh: 0, stale: 0 }

/** The error of a fill that failed. */
export const setFailed = ({ adapter, counters, key }: LoadContext, cause: AdapterError): CacheSetFailed =>
  counters.adapterErred(
    new CacheSetFailed({ context: { key, phase: "fill", adapter: adapter.name }, message: cause.message, cause })
  )

/** Milliseconds between attempts while the store is silent: they double, and half of each is random. */
const firstPause = 50
const longestPause = 1_000

/** Leases that are remembered at once. Beyond it the oldest is left to end by itself. */
const mostPending = 1_000

/** Attempts under way at once when the store answers. */
const concurrency = 16

/** Milliseconds for which a store that does not answer is asked if it granted a lease. */
const unsettledFor = 60_000

/** Milliseconds between looks for a lease where the store answers: a request may arrive late. */
const looks: ReadonlyArray<number> = [50, 200, 1_000, 4_000]

interface Return {
  /** Answers true when nothing is left to be done. */
  readonly attempt: Effect.Effect<boolean, AdapterError>
  /** When the lease is over. */
  readonly until: number
  dueAt: number
  looked: number
}

/**
 * Leases under which nobody works and of which the store could not be told, or that it may have granted unheard. It is asked
 * again until it answers or the leases are over: one attempt at a time while it is silent, so that a store in trouble is not
 * troubled more, and all that are due when it has answered.
 */
export class LeaseReturns {
  private readonly pending = new Set<Return>()
  private running: Fiber.Fiber<void> | undefined
  /** When it looks at the leases again; `Infinity` when there are none. */
  private wakesAt = Infinity
  /** Milliseconds between attempts; 0 while the store answers. */
  private pause = 0
  private ended = false
  private readonly keepAlive: (fiber: Fiber.Fiber<unknown, unknown>) => void

  /** @param keepAlive keeps the attempts alive where they belong to a request */
  constructor(keepAlive: (fiber: Fiber.Fiber<unknown, unknown>) => void) {
    this.keepAlive = keepAlive
  }

  /**
   * Repeats an attempt to end a lease.
   *
   * @param lasts milliseconds until the lease is over
   */
  add(attempt: Effect.Effect<unknown, AdapterError>, lasts: number, context: Context.Context<never>): void {
    this.begin(Effect.as(attempt, true), lasts, 0, context)
  }

  /** Looks for a lease that an `acquire` without an answer was granted, or will be, and gives it back. */
  addUnsettled(adapter: Adapter, key: string, options: AcquireOptions, context: Context.Context<never>): void {
    const attempt = Effect.flatMap(adapter.read(key), ({ lease }) => {
      if (lease?.owner !== options.owner) return Effect.succeed(false)
      // The owner's own lease is granted again, also beside a fresh value.
      const again = adapter.acquire(key, { ...options, force: false, refreshWithin: Infinity })
      return Effect.flatMap(again, (found) =>
        found._tag === "Leader" ? Effect.as(adapter.abandon(key, { token: found.token }), true) : Effect.succeed(false)
      )
    })
    this.begin(attempt, unsettledFor, looks[0]!, context)
  }

  private begin(attempt: Return["attempt"], lasts: number, after: number, context: Context.Context<never>): void {
    const clock = Context.get(context, Clock.Clock)
    const now = Monotonic.now(clock)
    const provided = Effect.provideContext(attempt, context)
    const one: Return = { attempt: provided, until: now + lasts, dueAt: now + after, looked: 0 }
    this.pending.add(one)
    const [oldest] = this.pending
    if (this.pending.size > mostPending) this.pending.delete(oldest!)
    if (this.ended) this.keepAlive(Effect.runForkWith(context)(this.end))
    if (this.ended || this.wakesAt <= one.dueAt) return
    // It sleeps, or does nothing yet.
    this.running?.interruptUnsafe()
    this.running = Effect.runForkWith(context)(this.repeat(clock))
    this.keepAlive(this.running)
  }

  /** The number of leases that are still to be given back. */
  get size(): number {
    return this.pending.size
  }

  /** Asks a last time for each lease, and ends. */
  readonly end: Effect.Effect<void> = Effect.suspend(() => {
    this.ended = true
    this.running?.interruptUnsafe()
    this.running = undefined
    const left = [...this.pending]
    this.pending.clear()
    return Effect.forEach(left, ({ attempt }) => Effect.exit(attempt), { concurrency, discard: true })
  })

  private readonly repeat = Effect.fnUntraced(function* (this: LeaseReturns, clock: Clock.Clock) {
    for (;;) {
      const earliest = Monotonic.now(clock) + this.pause * (0.5 + (yield* Random.next) / 2)
      this.wakesAt = Array.from(this.pending).reduce((next, { dueAt }) => Math.min(next, dueAt), Infinity)
      this.wakesAt = Math.max(this.wakesAt, earliest)
      const wait = this.wakesAt - Monotonic.now(clock)
      if (wait > 0) yield* clock.sleep(Duration.millis(Math.ceil(wait)))
      const now = Monotonic.now(clock)
      this.wakesAt = now
      for (const lease of this.pending) if (lease.until <= now) this.pending.delete(lease)
      const [first, ...rest] = [...this.pending].filter(({ dueAt }) => dueAt <= now)
      if (first !== undefined) {
        const answered = yield* this.try(first, now)
        this.pause = answered ? 0 : Math.min(Math.max(firstPause, 2 * this.pause), longestPause)
        if (answered) yield* Effect.forEach(rest, (one) => this.try(one, now), { concurrency, discard: true })
      }
      if (this.pending.size === 0) break
    }
    this.running = undefined
    this.wakesAt = Infinity
    this.pause = 0
  })

  /** True when the store answered. */
  private try(lease: Return, now: number): Effect.Effect<boolean> {
    return Effect.matchCause(lease.attempt, {
      onSuccess: (done) => {
        const next = looks[++lease.looked]
        if (done || next === undefined) this.pending.delete(lease)
        else lease.dueAt = now + next
        return true
      },
      onFailure: (cause) => {
        const { retryable } = Cause.squash(cause) as { readonly retryable?: boolean }
        // The next one is asked first: one key's trouble must not hold up the others.
        if (this.pending.delete(lease) && retryable === true) this.pending.add(lease)
        return retryable !== true
      }
    })
  }
}
