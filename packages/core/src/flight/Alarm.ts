/**
 * The timer of waiters with a deadline. It runs only while there are some, because it would keep the process alive for
 * nobody.
 */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Monotonic from "../contract/Monotonic.ts"

export class Alarm {
  /** The number of waiters that have a deadline. */
  private deadlines = 0
  /** When it rings; `Infinity` while no timer runs. */
  private until = Infinity
  private timer: Fiber.Fiber<void> | undefined
  private readonly clock: Clock.Clock
  private readonly ring: (now: number) => number

  /** @param ring called at the instant; returns the instant of the next call, `Infinity` for none */
  constructor(clock: Clock.Clock, ring: (now: number) => number) {
    this.clock = clock
    this.ring = ring
  }

  /** Makes it ring at this instant at the latest. */
  set(until: number): void {
    if (until >= this.until) return
    this.timer?.interruptUnsafe()
    this.until = until
    // Whole milliseconds: a sleep of a fraction may end before the instant, and would then begin again without end.
    const wait = Duration.millis(Math.max(0, Math.ceil(until - Monotonic.now(this.clock))))
    this.timer = Effect.runFork(
      Effect.andThen(
        this.clock.sleep(wait),
        Effect.sync(() => {
          this.forget()
          this.set(this.ring(Monotonic.now(this.clock)))
        })
      )
    )
  }

  /** Changes the number of waiters that have a deadline by `more`, which may be negative. */
  count(more: number): void {
    this.deadlines += more
    if (this.deadlines === 0) this.stop()
  }

  /** Stops it until it is set again. */
  stop(): void {
    this.timer?.interruptUnsafe()
    this.forget()
  }

  private forget(): void {
    this.timer = undefined
    this.until = Infinity
  }
}
