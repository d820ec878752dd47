/**
 * Real time for cases, measured and never trusted.
 *
 * An end is checked late enough to be certain, however the backend rounds. A state that must still hold is judged only
 * if the answer certainly came in time. Otherwise the case is inconclusive, and is repeated with longer times. So a
 * loaded machine makes the kit slower, not wrong.
 */
import * as Effect from "effect/Effect"
import { Inconclusive } from "./Verdict.ts"

/** Milliseconds of a clock that never jumps, and that the cases about clocks do not touch. */
export const now = (): number => performance.now()

/** The shortest unit: below it a garbage collection looks like an expiry. */
const shortest = 20

export class Time {
  /** The finest time of the backend, in milliseconds. */
  readonly tick: number
  /** Milliseconds of one step in a case. */
  readonly unit: number
  /** The longest request that was measured in this case, in milliseconds. */
  private slowest = 0

  constructor(tick: number, stretch: number) {
    this.tick = tick
    this.unit = Math.max(tick, shortest) * stretch
  }

  /**
   * The allowed error of a number that the backend reports. A copy, or an estimate of the backend's clock, errs by as much
   * as its request took: nobody knows when within it the backend answered.
   */
  get tolerance(): number {
    return this.tick + 5 + this.slowest
  }

  /** Measures a request. */
  measured<A, E, R>(request: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.suspend(() => {
      const asked = now()
      return Effect.tap(request, () => {
        this.slowest = Math.max(this.slowest, now() - asked)
        return Effect.void
      })
    })
  }

  /** A duration longer than any case. */
  readonly long = 120_000

  units(n: number): number {
    return this.unit * n
  }

  /** Sleeps at least this long, by measurement. */
  sleep(millis: number): Effect.Effect<void> {
    const until = now() + millis
    const rest = (): Effect.Effect<void> =>
      Effect.suspend(() => {
        const left = until - now()
        return left <= 0 ? Effect.void : Effect.flatMap(Effect.sleep(Math.ceil(left)), rest)
      })
    return rest()
  }

  /** Sleeps until a duration that began before now is surely over, by any rounding of the backend. */
  past(millis: number): Effect.Effect<void> {
    return this.sleep(millis + this.tick + this.unit)
  }

  /**
   * The answer, if it came while a duration begun at `start` surely still ran.
   *
   * @param start taken before the request that began the duration was sent
   */
  inTime<A, E, R>(start: number, millis: number, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.map(this.measured(effect), (answer) => {
      const took = now() - start
      if (took >= millis - this.tick) {
        throw new Inconclusive(`${Math.round(took)} ms passed where fewer than ${millis - this.tick} were to`)
      }
      return answer
    })
  }
}
