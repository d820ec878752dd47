/**
 * A caller that waits for the flight of another request.
 *
 * A notification would run inside that request, which the platform may cut off at any time, together with its timers.
 * So events are only stored here, and the caller polls for them by a timer of its own. It also checks that the flight
 * still runs.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { RequestScope } from "../options/RequestScope.ts"
import type { StaleValue } from "./Fetcher.ts"
import type { Flight } from "./Flight.ts"
import type { FlightEvent, FlightWaiter } from "./FlightWaiter.ts"

/**
 * The pauses between two polls, in milliseconds. A poll is cheap but needs a timer. The first pauses are short, because
 * a load that has just begun may end soon.
 */
const firstPause = 5
const longestPause = 50

const silent: FlightEvent = { _tag: "Silent" }

export class CrossRequestWaiter implements FlightWaiter {
  readonly inOtherRequest = true
  private readonly waiter: FlightWaiter
  private readonly flight: Flight
  private readonly events: Array<FlightEvent> = []
  private polling: Fiber.Fiber<void> | undefined

  constructor(waiter: FlightWaiter, flight: Flight) {
    this.waiter = waiter
    this.flight = flight
  }

  get scope(): RequestScope {
    return this.waiter.scope
  }

  get owner(): object {
    return this.waiter.owner
  }

  get deadline(): number {
    return this.waiter.deadline
  }

  get isInitiator(): boolean {
    return this.waiter.isInitiator
  }

  get timesOutWhileLoading(): boolean {
    return this.waiter.timesOutWhileLoading
  }

  get softDeadline(): number {
    return this.waiter.softDeadline
  }

  takes(stale: StaleValue<unknown>): boolean {
    return this.waiter.takes(stale)
  }

  /** Runs inside the other request. */
  notify(event: FlightEvent): void {
    this.events.push(event)
  }

  join(): void {
    this.flight.join(this)
    if (!this.deliver()) this.polling = Effect.runFork(this.poll(firstPause))
  }

  leave(): void {
    if (this.polling !== undefined) Effect.runFork(Fiber.interrupt(this.polling))
    this.flight.leave(this)
  }

  private poll(pause: number): Effect.Effect<void> {
    return Effect.flatMap(this.flight.clock.sleep(Duration.millis(pause)), () => {
      if (this.deliver()) return Effect.void
      // This comes first, so that the store is asked once more before the caller falls back.
      if (this.flight.giveUpIfSilent(this)) {
        this.waiter.notify(silent)
        return Effect.void
      }
      this.flight.expire(this)
      if (this.deliver()) return Effect.void
      return this.poll(Math.min(longestPause, pause * 1.5))
    })
  }

  /** Passes the stored events to the caller; true when it no longer waits. */
  private deliver(): boolean {
    for (const event of this.events.splice(0)) {
      this.waiter.notify(event)
      if (event._tag !== "Following" && event._tag !== "Joined") return true
    }
    return false
  }
}
