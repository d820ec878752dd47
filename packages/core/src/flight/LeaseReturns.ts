/**
 * Leases under which nobody works. Either the store did not answer when one was given back, or it may have granted one
 * although its answer never arrived. The store is asked again until it answers or the leases are over. While it does
 * not answer, there is one attempt at a time, which spares a store in trouble. Once it has answered, all attempts that
 * are due are made.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import type { AcquireOptions, Adapter, AdapterError } from "../contract/Adapter.ts"
import * as Monotonic from "../contract/Monotonic.ts"

/**
 * The pauses between attempts while the store does not answer, in milliseconds. They double, and half of each is
 * random.
 */
const firstPause = 50
const longestPause = 1_000

/** The number of leases that are remembered at once. Beyond it, the oldest is left to end by itself. */
const mostPending = 1_000

/** The number of attempts under way at once when the store answers. */
const concurrency = 16

/** Milliseconds for which a store that does not answer is asked whether it granted a lease. */
const unsettledFor = 60_000

/** The pauses between looks for a lease while the store answers, in milliseconds. A request may arrive late. */
const looks: ReadonlyArray<number> = [50, 200, 500, 1_000, 1_000, 1_000, 1_000]

interface Return {
  /** Answers true when nothing is left to be done. */
  readonly attempt: Effect.Effect<boolean, AdapterError>
  /** When the lease is over. */
  readonly until: number
  dueAt: number
  looked: number
}

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
   * @param after the pause that the store asked for, in milliseconds
   */
  add(attempt: Effect.Effect<unknown, AdapterError>, lasts: number, context: Context.Context<never>, after = 0): void {
    this.begin(Effect.as(attempt, true), lasts, after, context)
  }

  /** Looks for a lease that an `acquire` without an answer was granted, or will be, and gives it back. */
  addUnsettled(adapter: Adapter, key: string, options: AcquireOptions, context: Context.Context<never>): void {
    const attempt = Effect.flatMap(adapter.read(key), ({ lease }) => {
      if (lease?.owner !== options.owner) return Effect.succeed(false)
      // The owner's own lease is granted again, also beside a fresh value.
      const again = adapter.acquire(key, { ...options, force: false, refreshWithin: Infinity })
      // Not the end: another request of this owner may still be under way.
      return Effect.flatMap(again, (found) =>
        found._tag === "Leader" ? Effect.as(adapter.abandon(key, { token: found.token }), false) : Effect.succeed(false)
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
    // While the store does not answer, new leases must not begin its pause anew, or it would never be asked again.
    const isSilent = this.running !== undefined && this.pause > 0
    if (this.ended || isSilent || this.wakesAt <= one.dueAt) return
    this.running?.interruptUnsafe()
    this.running = Effect.runForkWith(context)(this.repeat(clock))
    this.keepAlive(this.running)
  }

  /** The number of leases that are still to be given back. */
  get size(): number {
    return this.pending.size
  }

  /** Makes a last attempt for each lease, and ends. */
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
      if (wait > 0) yield* Monotonic.pause(clock, Math.ceil(wait))
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

  /** Makes one attempt. Answers true when the store answered. */
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
        // It moves behind the others, which trouble with its key must not hold up.
        if (this.pending.delete(lease) && retryable === true) this.pending.add(lease)
        return retryable !== true
      }
    })
  }
}
