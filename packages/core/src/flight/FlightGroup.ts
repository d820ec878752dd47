/**
 * The flights of one process over one store, by key, and one timer for all who wait for them.
 */
import type * as Clock from "effect/Clock"
import { Alarm } from "./Alarm.ts"
import { CrossRequestWaiter } from "./CrossRequestWaiter.ts"
import { Flight, type FlightOptions, type Keeper } from "./Flight.ts"
import type { Waiter } from "./FlightEvent.ts"

export class FlightGroup implements Keeper {
  private readonly byKey = new Map<string, Flight>()
  /** Those under way, the detached too. */
  private readonly all = new Set<Flight>()
  private readonly alarm = new Alarm((clock) => this.expire(clock))

  get(key: string): Flight | undefined {
    return this.byKey.get(key)
  }

  /** Makes a flight, which every caller from now on joins; the first of them launches it. */
  begin(departure: FlightOptions): Flight {
    const flight = new Flight(this, departure)
    this.byKey.set(departure.key, flight)
    this.all.add(flight)
    return flight
  }

  /** Lets nobody else join the flight of a key, which goes on for those who wait for it: its value is overtaken. */
  detach(key: string): void {
    this.byKey.delete(key)
  }

  /** The same for every key. */
  detachAll(): void {
    this.byKey.clear()
  }

  forget(key: string, flight: Flight): void {
    if (this.byKey.get(key) === flight) this.byKey.delete(key)
    this.all.delete(flight)
    if (this.all.size === 0) this.alarm.stop()
  }

  /** How many are under way. */
  get size(): number {
    return this.all.size
  }

  arm(flight: Flight, waiter: Waiter): void {
    // Who waits in another request has a timer of its own.
    if (!(waiter instanceof CrossRequestWaiter)) this.alarm.set(flight.next(waiter), flight.clock)
  }

  private expire(clock: Clock.Clock): number {
    const now = clock.currentTimeMillisUnsafe()
    let next = Infinity
    for (const flight of [...this.all]) {
      if (flight.clock === clock) next = Math.min(next, flight.expireAll(now))
    }
    return next
  }
}
