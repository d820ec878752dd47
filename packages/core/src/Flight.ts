/**
 * One load of a key, shared by the callers of this process.
 *
 * A flight is a fiber of its own: it outlives any one caller, and when the last one leaves it is
 * interrupted, unless it refreshes behind a stale value. Callers join with a deadline and a signal
 * of their own and are told what concerns them; what one does never touches another.
 */
import type * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Life from "./Life.ts"
import type { Landing, Phases, StaleValue } from "./Turn.ts"

/**
 * What a caller who waits is told. That it waits for another process (`Following`), or for another caller of this one
 * (`Joined`), is only by the way; after anything else it is no longer waiting.
 */
export type News =
  | { readonly _tag: "Landed"; readonly exit: Exit.Exit<Landing<any>, any> }
  | { readonly _tag: "Stale"; readonly stale: StaleValue<any> }
  | { readonly _tag: "TimedOut" }
  | { readonly _tag: "Following" }
  | { readonly _tag: "Joined" }

const following: News = { _tag: "Following" }
const joined: News = { _tag: "Joined" }
const timedOut: News = { _tag: "TimedOut" }

/** A caller who waits for a flight. */
export interface Waiter {
  /** Epoch milliseconds after which it is told `TimedOut`; `Infinity` for never. */
  readonly deadline: number
  /** Whether it made the flight. */
  readonly mine: boolean
  /** Whether the deadline holds while this very process loads. */
  readonly evenLeading: boolean
  /** Epoch milliseconds after which it may take a stale value that it did not take before; `Infinity` for never. */
  readonly soft: number
  /** Whether it would take this stale value now. */
  takes(stale: StaleValue<any>): boolean
  tell(news: News): void
}

/** The flight whose fetcher this fiber runs, if it runs one: to find a load that would wait for itself. */
export const Within = Context.Reference<Flight | undefined>("@cache-locking/core/Flight/Within", {
  defaultValue: () => undefined
})

/** Milliseconds that a store may take to answer before a short `waitMax` counts. */
const mostAsking = 1_000

/** A load in progress. */
export class Flight implements Phases<any> {
  /** Whether it was ended because nobody waited: no answer for a caller who came too late to keep it. */
  ended = false
  private phase: "asking" | "leading" | "following" = "asking"
  /** Loads on without callers, behind a stale value that they took, or that nobody asked for. */
  private background: boolean
  /** The stale value beside the load, if there is one. */
  besides: StaleValue<any> | undefined
  private readonly waiters = new Set<Waiter>()
  private readonly waitsFor = new Map<Flight, number>()
  /** Not there while the store is asked for the first time, nor during the load's first, synchronous steps. */
  private fiber: Fiber.Fiber<Landing<any>, any> | undefined
  private landed: Exit.Exit<Landing<any>, any> | undefined
  private begin: ((flight: Flight) => void) | undefined
  /** When it was made, in epoch milliseconds. */
  readonly born: number
  private readonly flights: Flights
  private readonly key: string
  readonly clock: Clock.Clock

  constructor(flights: Flights, key: string, clock: Clock.Clock, background: boolean, begin: (flight: Flight) => void) {
    this.flights = flights
    this.key = key
    this.clock = clock
    this.background = background
    this.begin = begin
    this.born = this.now
  }

  /**
   * Begins the load, unless it has begun. Its first steps may run at once, and may ask who waits for whom: so
   * whoever makes a flight joins it first.
   */
  launch(): void {
    const { begin } = this
    if (begin === undefined) return
    this.begin = undefined
    begin(this)
  }

  /** Goes on in a fiber of its own, to its landing. */
  run(load: Effect.Effect<Landing<any>, any, any>, context: Context.Context<never>): void {
    // The context is the caller's, who has what its fetcher needs.
    this.fiber = Effect.runForkWith(Context.add(context as Context.Context<any>, Within, this))(load)
    this.fiber.addObserver((exit) => this.land(exit))
    this.flights.life.keep(this.fiber)
    this.endIfLeft()
  }

  /** Answers all who wait. */
  land(exit: Exit.Exit<Landing<any>, any>): void {
    this.landed = exit
    this.flights.forget(this.key, this)
    const news: News = { _tag: "Landed", exit }
    const waiters = [...this.waiters]
    this.waiters.clear()
    for (const waiter of waiters) waiter.tell(news)
  }

  leading(): void {
    this.phase = "leading"
    for (const waiter of [...this.waiters]) {
      this.flights.arm(this, waiter)
      if (!waiter.mine) waiter.tell(joined)
    }
  }

  following(): void {
    if (this.phase === "following") return
    this.phase = "following"
    for (const waiter of [...this.waiters]) {
      this.flights.arm(this, waiter)
      waiter.tell(following)
    }
  }

  stale(stale: StaleValue<any>): void {
    this.besides = stale
    for (const waiter of [...this.waiters]) {
      if (this.takes(waiter, stale)) this.dismiss(waiter, this.serve(stale))
    }
  }

  /** Whether a caller takes this stale value now. A load that would end with its request is waited for. */
  private takes(waiter: Waiter, stale: StaleValue<any>): boolean {
    return (this.phase !== "leading" || this.flights.life.lingers) && waiter.takes(stale)
  }

  /** A load that this process leads goes on behind the stale value. */
  private serve(stale: StaleValue<any>): News {
    this.background ||= this.phase === "leading"
    return { _tag: "Stale", stale }
  }

  /** Whether it has landed, or was ended. */
  get done(): boolean {
    return this.landed !== undefined || this.ended
  }

  /** Whether it loads for nobody but the store. */
  get unattended(): boolean {
    return this.background && this.waiters.size === 0
  }

  /** This flight's time, in epoch milliseconds. */
  get now(): number {
    return this.clock.currentTimeMillisUnsafe()
  }

  /** How many callers wait here. */
  get size(): number {
    return this.waiters.size
  }

  /** Lets a caller wait, unless there is an answer for it already. */
  join(waiter: Waiter): void {
    const { besides, landed: exit } = this
    if (exit !== undefined) waiter.tell({ _tag: "Landed", exit })
    else if (besides !== undefined && this.takes(waiter, besides)) {
      waiter.tell(this.serve(besides))
      this.endIfLeft()
    } else {
      this.waiters.add(waiter)
      this.flights.arm(this, waiter)
      if (this.phase === "following") waiter.tell(following)
      else if (this.phase === "leading" && !waiter.mine) waiter.tell(joined)
      this.launch()
    }
  }

  /** A caller waits no longer. Safe to repeat. */
  leave(waiter: Waiter): void {
    if (this.waiters.delete(waiter)) this.endIfLeft()
  }

  private dismiss(waiter: Waiter, news: News): void {
    if (!this.waiters.delete(waiter)) return
    waiter.tell(news)
    this.endIfLeft()
  }

  /** The last one out ends the load; the key is free for a new flight at once. */
  private endIfLeft(): void {
    if (this.waiters.size > 0 || this.background || this.landed !== undefined) return
    this.ended = true
    this.flights.forget(this.key, this)
    this.fiber?.interruptUnsafe()
  }

  /** Ends a background load. */
  end(): void {
    this.background = false
    this.endIfLeft()
  }

  /** When a waiter is to be told something next. A load of this very process is worth waiting for. */
  next(waiter: Waiter): number {
    // Most have none, and the clock costs as much as all the rest.
    const soft = waiter.soft === Infinity || waiter.soft <= this.now ? Infinity : waiter.soft
    return Math.min(soft, this.phase === "leading" && !waiter.evenLeading ? Infinity : this.deadline(waiter))
  }

  /** Nobody is known to load before the store has answered, which it does in time unless it hangs. */
  private deadline(waiter: Waiter): number {
    return this.phase === "asking" ? Math.max(waiter.deadline, this.born + mostAsking) : waiter.deadline
  }

  /** Tells those whose time is over; answers when the next one's is. */
  expire(now: number): number {
    let next = Infinity
    for (const waiter of [...this.waiters]) {
      const { besides } = this
      if (besides !== undefined && waiter.soft <= now && this.takes(waiter, besides))
        this.dismiss(waiter, this.serve(besides))
      else if (this.next(waiter) <= now) this.dismiss(waiter, timedOut)
      else next = Math.min(next, this.next(waiter))
    }
    return next
  }

  /** Whether this flight waits, directly or through others of this process, for that one. */
  awaits(other: Flight, seen: Set<Flight> = new Set()): boolean {
    if (this === other) return true
    seen.add(this)
    for (const next of this.waitsFor.keys()) if (!seen.has(next) && next.awaits(other, seen)) return true
    return false
  }

  /** Notes, for `awaits`, that this flight's fetcher begins to wait for another flight, or stops. */
  waits(flight: Flight, more: 1 | -1): void {
    const count = (this.waitsFor.get(flight) ?? 0) + more
    if (count === 0) this.waitsFor.delete(flight)
    else this.waitsFor.set(flight, count)
  }
}

interface Sleeper {
  readonly until: number
  readonly fiber: Fiber.Fiber<void>
}

/** The flights of one process or request over one store, by key, and one timer for all who wait for them. */
export class Flights {
  readonly life: Life.Life
  private readonly byKey = new Map<string, Flight>()
  /** Those under way, the detached too. */
  private readonly all = new Set<Flight>()
  private readonly sleepers = new Map<Clock.Clock, Sleeper>()

  constructor(life: Life.Life = Life.ofProcess) {
    this.life = life
  }

  get(key: string): Flight | undefined {
    return this.byKey.get(key)
  }

  /** Makes a flight, which every caller from now on joins; the first of them launches it. */
  begin(key: string, clock: Clock.Clock, begin: (flight: Flight) => void, background = false): Flight {
    const flight = new Flight(this, key, clock, background, begin)
    this.byKey.set(key, flight)
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
    if (this.all.size > 0) return
    for (const sleeper of this.sleepers.values()) sleeper.fiber.interruptUnsafe()
    this.sleepers.clear()
  }

  /** How many are under way. */
  get size(): number {
    return this.all.size
  }

  /** Sees to it that a waiter's deadline is noticed. */
  arm(flight: Flight, waiter: Waiter): void {
    this.sleepUntil(flight.next(waiter), flight.clock)
  }

  private sleepUntil(until: number, clock: Clock.Clock): void {
    const sleeper = this.sleepers.get(clock)
    if (until === Infinity || (sleeper !== undefined && sleeper.until <= until)) return
    sleeper?.fiber.interruptUnsafe()
    // Whole milliseconds: a sleep of a part of one may end before the deadline, and begin again without end.
    const wait = Duration.millis(Math.max(0, Math.ceil(until - clock.currentTimeMillisUnsafe())))
    const fiber = Effect.runFork(
      Effect.andThen(
        clock.sleep(wait),
        Effect.sync(() => this.expire(clock))
      )
    )
    this.sleepers.set(clock, { until, fiber })
  }

  private expire(clock: Clock.Clock): void {
    this.sleepers.delete(clock)
    const now = clock.currentTimeMillisUnsafe()
    let next = Infinity
    for (const flight of [...this.all]) {
      if (flight.clock === clock) next = Math.min(next, flight.expire(now))
    }
    this.sleepUntil(next, clock)
  }
}
