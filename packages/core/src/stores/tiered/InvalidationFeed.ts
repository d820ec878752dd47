/**
 * Feeds the changes that other processes made into a `ChangeLog`, and suspends the log while changes may be missed.
 *
 * The subscription begins with the first use and lasts until `close`. The log is suspended until the subscription is
 * live, and whenever it is lost. With a heartbeat, the log also expires unless this process's own heartbeats come back.
 * They take the same path as the changes, so a change that was reported before a heartbeat was sent has arrived when
 * the heartbeat does. No change stays unseen for longer than two heartbeats, even if nobody notices a lost connection.
 *
 * A source may refuse for good: a server without change streams. Where the user gave the copies a time to live of their
 * own, that alone bounds them from then on, as it does where nothing reports changes. The refusal is told once.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import type { AdapterError, ChangeListener } from "../../contract/Adapter.ts"
import * as Monotonic from "../../contract/Monotonic.ts"
import type { ChangeLog } from "./ChangeLog.ts"

export interface FeedListener extends ChangeListener {
  /** The n-th heartbeat of this process came back. */
  readonly heartbeat: (n: number) => void
}

/** Reports changes and returns heartbeats. */
export interface ChangeSource {
  /** Completes once the subscription is live. It lasts as long as the scope. */
  readonly subscribe: (listener: FeedListener) => Effect.Effect<void, AdapterError, Scope.Scope>
  readonly sendHeartbeat: (n: number) => Effect.Effect<unknown, AdapterError>
}

/** A subscription that is not live after this many milliseconds is replaced at the next use. */
const resubscribeAfter = 5_000

/** The time for which a refusal holds, in milliseconds. Then the source is asked again. */
const refusedFor = 60_000

/** What is to be done where the source refuses for good. */
export interface Refusal {
  /** The name of what refuses. */
  readonly of: string
  /** True when copies may go by their time to live alone. */
  readonly keepsCopies: boolean
}

/** Heartbeats that may still come back. Older ones are forgotten. */
const maxPending = 16

const refusalIn = (exit: Exit.Exit<void, AdapterError>): AdapterError | undefined => {
  const failed = exit._tag === "Failure" ? exit.cause.reasons.find(Cause.isFailReason) : undefined
  return failed?.error.retryable === false ? failed.error : undefined
}

export class InvalidationFeed {
  private readonly log: ChangeLog
  private readonly source: ChangeSource
  /** Milliseconds from one heartbeat to the next. */
  private readonly heartbeat: number | undefined
  private fiber: Fiber.Fiber<void, AdapterError> | undefined
  /** Counts the subscriptions, so that events of an earlier one are ignored. */
  private subscriptions = 0
  /** The instant at which a subscription that is not live is replaced. */
  private replaceAt: number | undefined
  private lost = false
  /** The instant at which a source that refused is asked again, while copies go by their time to live alone. */
  private askAgainAt: number | undefined
  private hasTold = false
  private readonly refusal: Refusal
  private sent = 0
  private received = 0
  private readonly sentAt = new Map<number, number>()

  constructor(log: ChangeLog, source: ChangeSource, heartbeat: number | undefined, refusal: Refusal) {
    this.refusal = refusal
    this.log = log
    this.source = source
    this.heartbeat = heartbeat
  }

  /** Called before every request: makes sure that there is a subscription. Costs nothing while it is live. */
  use(fiber: Fiber.Fiber<unknown, unknown>): void {
    if (!this.log.suspended && this.askAgainAt === undefined) return
    const now = Monotonic.now(fiber.getRef(Clock.Clock))
    if (this.askAgainAt !== undefined && now < this.askAgainAt) return
    this.askAgainAt = undefined
    if (this.fiber !== undefined && this.replaceAt === undefined) this.replaceAt = now + resubscribeAfter
    if (this.replaceAt !== undefined && now < this.replaceAt) return
    this.fiber?.interruptUnsafe()
    this.replaceAt = now + resubscribeAfter
    this.subscribe(fiber)
  }

  /** Ends the subscription. A later use begins another. */
  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    const { fiber } = this
    this.subscriptions++
    this.fiber = undefined
    this.replaceAt = undefined
    this.askAgainAt = undefined
    this.log.suspend()
    return fiber === undefined ? Effect.void : Effect.asVoid(Fiber.interrupt(fiber))
  })

  private subscribe(user: Fiber.Fiber<unknown, unknown>): void {
    const number = ++this.subscriptions
    const clock = user.getRef(Clock.Clock)
    this.lost = false
    const ifCurrent = (f: () => void) => () => {
      if (number === this.subscriptions) f()
    }
    const listener: FeedListener = {
      changed: (key) => this.log.changed(key),
      heartbeat: (n) => ifCurrent(() => this.receive(n, clock))(),
      lost: ifCurrent(() => this.lose()),
      restored: ifCurrent(() => this.live(clock))
    }
    const subscription = Effect.andThen(
      this.source.subscribe(listener),
      Effect.suspend(() => {
        if (!this.lost) this.live(clock)
        return this.heartbeat === undefined ? Effect.never : this.send(clock, this.heartbeat)
      })
    )
    this.fiber = Effect.runForkWith(user.context)(Effect.scoped(subscription))
    this.fiber.addObserver((exit) =>
      ifCurrent(() => {
        this.fiber = undefined
        const refused = refusalIn(exit)
        if (refused === undefined || !this.refusal.keepsCopies) this.lose()
        else {
          this.log.resume(Infinity)
          this.askAgainAt = Monotonic.now(clock) + refusedFor
        }
        if (refused !== undefined) this.tell(refused, user)
      })()
    )
  }

  private tell({ message }: AdapterError, user: Fiber.Fiber<unknown, unknown>): void {
    if (this.hasTold) return
    this.hasTold = true
    const { keepsCopies, of } = this.refusal
    const therefore = keepsCopies
      ? "near copies go by the ttl of the near tier alone"
      : "no near copies are kept: give the near tier a ttl that bounds their age, or a bus"
    Effect.runForkWith(user.context)(
      Effect.logWarning(`cache-locking: ${of} reports no changes (${message}), so ${therefore}`)
    )
  }

  private live(clock: Clock.Clock): void {
    this.lost = false
    this.replaceAt = undefined
    // The answers to earlier requests may have changed without a report.
    this.log.dropAll()
    this.received = this.sent
    this.resumeFrom(Monotonic.now(clock))
  }

  private lose(): void {
    this.lost = true
    this.log.suspend()
  }

  /** Resumes the log, because every change that was reported before this instant has arrived. */
  private resumeFrom(instant: number): void {
    this.log.resume(this.heartbeat === undefined ? Infinity : instant + 2 * this.heartbeat)
  }

  private receive(n: number, clock: Clock.Clock): void {
    const sentAt = this.sentAt.get(n)
    if (sentAt === undefined || n <= this.received || this.lost) return
    this.sentAt.delete(n)
    // Where a heartbeat is missing, changes may be missing too.
    if (n !== this.received + 1 || this.log.isOverdue(clock)) this.log.dropAll()
    this.received = n
    this.replaceAt = undefined
    this.resumeFrom(sentAt)
  }

  private send(clock: Clock.Clock, every: number): Effect.Effect<never> {
    const one = Effect.suspend(() => {
      const n = ++this.sent
      this.sentAt.set(n, Monotonic.now(clock))
      this.sentAt.delete(n - maxPending)
      return Effect.ignore(this.source.sendHeartbeat(n))
    })
    return Effect.forever(Effect.andThen(one, Monotonic.pause(clock, every)))
  }
}
