/**
 * What tells a near tier of changes, and whether it can be believed now.
 *
 * The subscription begins with the first use and lasts until `close`. While it is not live, or was lost, the near tier
 * is distrusted: it answers nothing and keeps nothing. With a heartbeat it is trusted only as long as its own beats,
 * which take the way that changes take, come back: what was told before a beat was sent has arrived when the
 * beat does, so no change stays unseen for longer than two beats, even if nobody says that a connection is gone.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import type { AdapterError } from "../../contract/Adapter.ts"
import { type NearTier, steady } from "./NearTier.ts"

/** What is heard. */
export interface ChangeListener {
  readonly changed: (key: string) => void
  /** The n-th beat of this process came back. */
  readonly heartbeat: (n: number) => void
  readonly lost: () => void
  readonly restored: () => void
}

/** Where changes are told. */
export interface Source {
  /** Completes once it is live, which lasts as long as the scope. */
  readonly listen: (ear: ChangeListener) => Effect.Effect<void, AdapterError, Scope.Scope>
  /** Sends the n-th beat. */
  readonly beat: (n: number) => Effect.Effect<unknown, AdapterError>
}

/** A subscription that does not come back by itself is made anew after so many milliseconds, at the next use. */
const patience = 5_000

/** Beats that have not come back and may still. */
const mostBeats = 16

export class Feed {
  private readonly near: NearTier
  private readonly source: Source
  /** Milliseconds from beat to beat. */
  private readonly heartbeat: number | undefined
  private fiber: Fiber.Fiber<void, AdapterError> | undefined
  /** Counts the subscriptions: what an old one says of itself is nobody's business. */
  private round = 0
  /** When a subscription that is not trusted is given up. */
  private giveUpAt: number | undefined
  private down = false
  private sent = 0
  private heard = 0
  private readonly sentAt = new Map<number, number>()

  constructor(near: NearTier, source: Source, heartbeat: number | undefined) {
    this.near = near
    this.source = source
    this.heartbeat = heartbeat
  }

  /** Called before every asking: sees to it that there is a subscription. Costs nothing while it is trusted. */
  use(fiber: Fiber.Fiber<unknown, unknown>): void {
    if (this.near.trusted) return
    const now = steady(fiber.getRef(Clock.Clock))
    if (this.fiber !== undefined && this.giveUpAt === undefined) this.giveUpAt = now + patience
    if (this.giveUpAt !== undefined && now < this.giveUpAt) return
    this.fiber?.interruptUnsafe()
    this.giveUpAt = now + patience
    this.begin(fiber)
  }

  /** Ends the subscription. A later use begins another. */
  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    const { fiber } = this
    this.round++
    this.fiber = undefined
    this.giveUpAt = undefined
    this.near.distrust()
    return fiber === undefined ? Effect.void : Effect.asVoid(Fiber.interrupt(fiber))
  })

  private begin(user: Fiber.Fiber<unknown, unknown>): void {
    const round = ++this.round
    const clock = user.getRef(Clock.Clock)
    this.down = false
    const mine = (f: () => void) => () => {
      if (round === this.round) f()
    }
    const ear: ChangeListener = {
      changed: (key) => this.near.changed(key),
      heartbeat: (n) => mine(() => this.hear(n, clock))(),
      lost: mine(() => this.lose()),
      restored: mine(() => this.live(clock))
    }
    const listen = Effect.andThen(
      this.source.listen(ear),
      Effect.suspend(() => {
        if (!this.down) this.live(clock)
        return this.heartbeat === undefined ? Effect.never : this.beat(clock, this.heartbeat)
      })
    )
    this.fiber = Effect.runForkWith(user.context)(Effect.scoped(listen))
    this.fiber.addObserver(
      mine(() => {
        this.lose()
        this.fiber = undefined
      })
    )
  }

  private live(clock: Clock.Clock): void {
    this.down = false
    this.giveUpAt = undefined
    // What was asked before may have been changed unheard.
    this.near.clear()
    this.heard = this.sent
    this.trustFrom(this.near.now(clock))
  }

  private lose(): void {
    this.down = true
    this.near.distrust()
  }

  /** All that was told before this instant has been heard. */
  private trustFrom(instant: number): void {
    this.near.trust(this.heartbeat === undefined ? Infinity : instant + 2 * this.heartbeat)
  }

  private hear(n: number, clock: Clock.Clock): void {
    const at = this.sentAt.get(n)
    if (at === undefined || n <= this.heard || this.down) return
    this.sentAt.delete(n)
    // A beat that is missing was not alone.
    if (n !== this.heard + 1 || this.near.isOverdue(clock)) this.near.clear()
    this.heard = n
    this.giveUpAt = undefined
    // A clock that was set back meanwhile makes no beat of the future.
    this.trustFrom(Math.min(at, this.near.now(clock)))
  }

  private beat(clock: Clock.Clock, every: number): Effect.Effect<never> {
    const send = Effect.suspend(() => {
      const n = ++this.sent
      this.sentAt.set(n, this.near.now(clock))
      this.sentAt.delete(n - mostBeats)
      return Effect.ignore(this.source.beat(n))
    })
    return Effect.forever(Effect.andThen(send, pause(clock, every)))
  }
}

/** Waits without keeping the process alive, if time is real. */
const pause = (clock: Clock.Clock, millis: number): Effect.Effect<void> =>
  clock !== Clock.Clock.defaultValue()
    ? Effect.sleep(millis)
    : Effect.callback((resume) => {
        const timer: unknown = setTimeout(() => resume(Effect.void), millis)
        if (typeof timer === "object") (timer as { readonly unref?: () => void } | null)?.unref?.()
        return Effect.sync(() => clearTimeout(timer as number))
      })
