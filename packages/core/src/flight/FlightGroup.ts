/**
 * The flights of one process over one store, by key.
 */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Codec from "../codec/Codec.ts"
import type { Adapter } from "../contract/Adapter.ts"
import * as Identity from "../contract/Identity.ts"
import { Alarm } from "./Alarm.ts"
import { dropCutOff, Flight, type FlightOptions, type Group } from "./Flight.ts"

/** Flights that callers of one kind join, at most one for each key; named after Go's `singleflight.Group`. */
export class FlightGroup implements Group {
  private readonly byKey = new Map<string, Flight>()
  /** The flights under way, including those that are closed to new callers. */
  private readonly all = new Set<Flight>()
  /** One alarm for each clock, however many callers wait. Only tests have several clocks. */
  private readonly alarms = new WeakMap<Clock.Clock, Alarm>()
  /** Called when waiters have left, for caches that close. */
  readonly listeners = new Set<() => void>()

  get(key: string): Flight | undefined {
    return this.byKey.get(key)
  }

  /** Makes a flight, which every caller of its key joins from now on. */
  open(options: FlightOptions): Flight {
    if (options.scope.isRequest) dropCutOff(this.all, (flight) => this.drop(flight))
    const flight = new Flight(this, options)
    this.byKey.set(options.key, flight)
    this.all.add(flight)
    return flight
  }

  /**
   * Closes a key's flight to new callers; with `flight`, only if it is that one. It goes on for those that wait for it.
   */
  detach(key: string, flight = this.byKey.get(key)): void {
    if (this.byKey.get(key) === flight) this.byKey.delete(key)
  }

  /** Does the same for every key. */
  detachAll(): void {
    this.byKey.clear()
  }

  forget(key: string, flight: Flight): void {
    this.detach(key, flight)
    this.all.delete(flight)
  }

  private drop(flight: Flight): void {
    this.forget(flight.key, flight)
    flight.deadlines.stop()
  }

  /** The number of flights under way. */
  get size(): number {
    return this.all.size
  }

  alarmOf(flight: Flight): Alarm {
    const { clock, scope } = flight
    // A timer ends with the request that began it, and must not answer the callers of another one.
    if (scope.isRequest) return new Alarm(clock, (now) => flight.expireAll(now))
    return Identity.getOrMake(this.alarms, clock, () => new Alarm(clock, (now) => this.expire(clock, now)))
  }

  left(): void {
    for (const listener of this.listeners) listener()
  }

  /** The flights under way. */
  get underWay(): Iterable<Flight> {
    return this.all
  }

  private expire(clock: Clock.Clock, now: number): number {
    let next = Infinity
    for (const flight of [...this.all]) {
      if (flight.clock === clock) next = Math.min(next, flight.expireAll(now))
    }
    return next
  }
}

const byIdentity = new WeakMap<object, WeakMap<object, FlightGroups>>()

/**
 * The flights over one store, shared by all callers that would get the same value: the same store, the same codec.
 * `docs/decisions/flight-groups.md` says why there are four groups.
 */
export class FlightGroups {
  /** Loads under leases. */
  readonly flights = new FlightGroup()
  /** Forced refreshes. Only other forced refreshes join them; any other caller may find a fresh value in the store. */
  readonly refreshes = new FlightGroup()
  /** Background loads: early refreshes, and loads that waited for a slot. */
  readonly background = new FlightGroup()
  /** Loads without a lease, beside another process's load. */
  readonly fallbacks = new FlightGroup()

  static of(adapter: Adapter, codec: Codec.Codec<any>): FlightGroups {
    const byCodec = Identity.getOrMake(byIdentity, Identity.of(adapter), () => new WeakMap<object, FlightGroups>())
    return Identity.getOrMake(byCodec, codec, () => new FlightGroups())
  }

  private get all(): ReadonlyArray<FlightGroup> {
    return [this.flights, this.refreshes, this.background, this.fallbacks]
  }

  /** Closes a key's flights to new callers: a caller that comes after a write joins no load that began before it. */
  detachInFlight(key: string): void {
    for (const group of this.all) group.detach(key)
  }

  /** Does the same for every key. */
  detachAllInFlight(): void {
    for (const group of this.all) group.detachAll()
  }

  /** Waits until no caller of a cache waits for a load. A caller may leave one flight only to join another. */
  readonly leftBy = Effect.fnUntraced(function* (this: FlightGroups, owner: object) {
    while (this.underWay.some((flight) => flight.isAwaitedBy(owner))) {
      yield* this.someoneLeft
      yield* Effect.yieldNow
    }
  })

  private get someoneLeft(): Effect.Effect<void> {
    return Effect.callback((resume) => {
      const stop = () => {
        for (const group of this.all) group.listeners.delete(left)
      }
      const left = () => {
        stop()
        resume(Effect.void)
      }
      for (const group of this.all) group.listeners.add(left)
      return Effect.sync(stop)
    })
  }

  /** Dismisses the callers of a cache that was closed. Flights that others wait for go on. */
  close(owner: object): void {
    for (const flight of this.underWay) flight.close(owner)
  }

  private get underWay(): Array<Flight> {
    return this.all.flatMap((group) => [...group.underWay])
  }

  /** The number of callers that wait for a key now. */
  waiters(key: string): number {
    return this.all.reduce((sum, group) => sum + (group.get(key)?.size ?? 0), 0)
  }

  /** The number of flights under way. */
  get size(): number {
    return this.all.reduce((sum, group) => sum + group.size, 0)
  }
}
