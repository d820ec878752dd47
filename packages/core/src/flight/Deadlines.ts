/**
 * The deadlines of a flight's waiters: the instant of each, and the alarm that rings at the next one.
 */
import type { Alarm } from "./Alarm.ts"
import type { FlightWaiter, Phase } from "./FlightWaiter.ts"

/** Milliseconds that a store may take to answer before a shorter `waitMax` counts. */
export const acquireAllowance = 1_000

/** A flight, as its deadlines see it. */
interface TimedFlight {
  readonly phase: Phase
  readonly startedAt: number
  readonly now: number
}

export class Deadlines {
  /** The number of waiters that have a deadline. */
  private timed = 0
  private readonly flight: TimedFlight
  private readonly alarm: Alarm

  constructor(flight: TimedFlight, alarm: Alarm) {
    this.flight = flight
    this.alarm = alarm
  }

  /** Adds a waiter that joined. */
  add(waiter: FlightWaiter): void {
    this.count(waiter, 1)
    // A waiter of another request has a timer of its own.
    if (!waiter.inOtherRequest) this.alarm.set(this.next(waiter))
  }

  /** Removes a waiter that left. */
  remove(waiter: FlightWaiter): void {
    this.count(waiter, -1)
  }

  /** Begins anew with these waiters. Each phase has other deadlines, and a flight that is over has no waiters. */
  reset(waiters: Iterable<FlightWaiter>): void {
    const before = this.timed
    this.timed = 0
    for (const waiter of waiters) this.add(waiter)
    // Only now, so that an alarm that goes on is not stopped in between.
    if (before > 0) this.alarm.count(-before)
  }

  /** Stops the alarm of a flight that was cut off. */
  stop(): void {
    this.alarm.stop()
  }

  /**
   * The instant of a waiter's next deadline. A load of this very process is worth waiting for, so `waitMax` mostly does
   * not count while it runs.
   */
  next(waiter: FlightWaiter): number {
    const { flight } = this
    // Most waiters have no soft deadline, and reading the clock costs as much as all the rest.
    const soft = waiter.softDeadline === Infinity || waiter.softDeadline <= flight.now ? Infinity : waiter.softDeadline
    return Math.min(soft, flight.phase === "leading" && !waiter.timesOutWhileLoading ? Infinity : this.own(waiter))
  }

  /**
   * The waiter's own deadline. Until the store has answered, nobody is known to load, so the deadline leaves time for
   * the answer. Only a store that hangs takes longer.
   */
  private own(waiter: FlightWaiter): number {
    const { phase, startedAt } = this.flight
    return phase === "asking" ? Math.max(waiter.deadline, startedAt + acquireAllowance) : waiter.deadline
  }

  private count(waiter: FlightWaiter, more: 1 | -1): void {
    if (this.timed + more < 0 || !this.mayTimeOut(waiter)) return
    this.timed += more
    this.alarm.count(more)
  }

  /** True when time alone may end the waiter's wait. Only then does a timer have to run for it. */
  private mayTimeOut(waiter: FlightWaiter): boolean {
    if (waiter.inOtherRequest) return false
    if (waiter.softDeadline !== Infinity) return true
    return waiter.deadline !== Infinity && (this.flight.phase !== "leading" || waiter.timesOutWhileLoading)
  }
}
