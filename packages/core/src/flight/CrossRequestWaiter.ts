/**
 * A caller who waits for the flight of another request.
 *
 * To be woken would be to go on inside of that request, and that request may be cut off at any time, its timers with it.
 * So such a caller is told nothing: what it was to be told is put down, and it looks for itself, by a timer of its own. It
 * also looks whether the flight still lives.
 */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type { RequestScope } from "../options/RequestScope.ts"
import type { FlightEvent, Waiter } from "./FlightEvent.ts"
import type { StaleValue } from "./LoadContext.ts"

/** What is seen of a flight from afar. */
export interface Sight {
  readonly clock: Clock.Clock
  /** Tells the caller if its time is over. */
  readonly expire: (waiter: Waiter) => void
  /** Gives the flight up if it has not been heard of for longer than its lease; answers whether it is over. */
  readonly endIfSilent: () => boolean
}

/** Looking is cheap, but a timer each time; a load that has just begun may be a short one. Milliseconds. */
const first = 5
const longest = 50

/** What ends a wait for a flight that is no more. */
const gone: FlightEvent = { _tag: "Landed", exit: Exit.interrupt() }

export class CrossRequestWaiter implements Waiter {
  private readonly waiter: Waiter
  private readonly sight: Sight
  private readonly mail: Array<FlightEvent> = []
  private looking: Fiber.Fiber<void> | undefined

  constructor(waiter: Waiter, sight: Sight) {
    this.waiter = waiter
    this.sight = sight
  }

  get scope(): RequestScope {
    return this.waiter.scope
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

  takes(stale: StaleValue<any>): boolean {
    return this.waiter.takes(stale)
  }

  /** By the flight, and so inside of another request. */
  notify(news: FlightEvent): void {
    this.mail.push(news)
  }

  /** Begins to look; to be called by the caller itself. */
  look(): void {
    if (!this.deliver()) this.looking = Effect.runFork(this.after(first))
  }

  /** The caller waits no longer. */
  stop(): void {
    if (this.looking !== undefined) Effect.runFork(Fiber.interrupt(this.looking))
  }

  private after(pause: number): Effect.Effect<void> {
    return Effect.flatMap(this.sight.clock.sleep(Duration.millis(pause)), () => {
      this.sight.expire(this)
      if (this.deliver()) return Effect.void
      if (this.sight.endIfSilent()) {
        this.waiter.notify(gone)
        return Effect.void
      }
      return this.after(Math.min(longest, pause * 1.5))
    })
  }

  /** Hands over what was put down; answers whether the caller has its answer. */
  private deliver(): boolean {
    for (const news of this.mail.splice(0)) {
      this.waiter.notify(news)
      if (news._tag !== "Following" && news._tag !== "Joined") return true
    }
    return false
  }
}
