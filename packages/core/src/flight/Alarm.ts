/**
 * One timer, however many wait: it rings at the earliest instant that somebody asked for.
 */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"

interface Sleeper {
  readonly until: number
  readonly fiber: Fiber.Fiber<void>
}

/** One timer for each clock; only tests have several. */
export class Alarm {
  private readonly sleepers = new Map<Clock.Clock, Sleeper>()
  private readonly ring: (clock: Clock.Clock) => number

  /** @param ring called in time; answers when it is to be called next, `Infinity` for not at all */
  constructor(ring: (clock: Clock.Clock) => number) {
    this.ring = ring
  }

  /** Sees to it that it rings at an instant, in epoch milliseconds, if not before. */
  set(until: number, clock: Clock.Clock): void {
    const sleeper = this.sleepers.get(clock)
    if (until === Infinity || (sleeper !== undefined && sleeper.until <= until)) return
    sleeper?.fiber.interruptUnsafe()
    // Whole milliseconds: a sleep of a part of one may end before the instant, and begin again without end.
    const wait = Duration.millis(Math.max(0, Math.ceil(until - clock.currentTimeMillisUnsafe())))
    const fiber = Effect.runFork(
      Effect.andThen(
        clock.sleep(wait),
        Effect.sync(() => {
          this.sleepers.delete(clock)
          this.set(this.ring(clock), clock)
        })
      )
    )
    this.sleepers.set(clock, { until, fiber })
  }

  /** Rings no more, until it is set again. */
  stop(): void {
    for (const { fiber } of this.sleepers.values()) fiber.interruptUnsafe()
    this.sleepers.clear()
  }
}
