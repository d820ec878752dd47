/**
 * One load of a key, shared by the callers of this process.
 *
 * A flight is a fiber of its own: it outlives any one caller, and when the last one leaves it is
 * interrupted, unless it refreshes behind a stale value. Callers join with a deadline and a signal
 * of their own and are told what concerns them; what one does never touches another.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type { Landing, Phases, StaleValue } from "./Turn.ts"

/** What a caller who waits is told. After any of these it is no longer waiting. */
export type News =
  | { readonly _tag: "Landed"; readonly exit: Exit.Exit<Landing<any>, any> }
  | { readonly _tag: "Stale"; readonly stale: StaleValue<any> }
  | { readonly _tag: "Following" }
  | { readonly _tag: "TimedOut" }

const following: News = { _tag: "Following" }
const timedOut: News = { _tag: "TimedOut" }

/** A caller who waits for a flight. */
export interface Waiter {
  /** Epoch milliseconds after which it is told `TimedOut`; `Infinity` for never. */
  readonly deadline: number
  /** Whether the deadline holds while this very process loads. */
  readonly evenLeading: boolean
  /** Whether to be told that another process leads. */
  readonly wantsFollowing: boolean
  /** Whether it would take this stale value now. */
  takes(stale: StaleValue<any>, failing: boolean): boolean
  tell(news: News): void
}

/** The flight whose fetcher this fiber runs, if it runs one: to find a load that would wait for itself. */
export const Within = Context.Reference<Flight | undefined>("@cache-locking/core/Flight/Within", {
  defaultValue: () => undefined
})

/** A load in progress. */
export class Flight implements Phases<any> {
  /** Leads whatever the store says: a forced refresh. */
  readonly forced: boolean
  /** Loads on without callers, behind a stale value that they took. */
  private background = false
  private phase: "asking" | "leading" | "following" = "asking"
  private staleNow: { readonly stale: StaleValue<any>; readonly failing: boolean } | undefined
  private readonly waiters = new Set<Waiter>()
  private readonly waitsFor = new Map<Flight, number>()
  /** Not yet there while the load runs its first, synchronous steps. */
  private fiber: Fiber.Fiber<Landing<any>, any> | undefined
  private sleeper: { readonly fiber: Fiber.Fiber<void>; readonly until: number } | undefined
  private readonly flights: Flights
  private readonly key: string
  private readonly clock: Clock.Clock

  constructor(flights: Flights, key: string, clock: Clock.Clock, forced: boolean) {
    this.flights = flights
    this.key = key
    this.clock = clock
    this.forced = forced
  }

  /** Begins the load, in the context of the caller who asked first. */
  start(load: Effect.Effect<Landing<any>, any, any>, context: Context.Context<never>): void {
    // The context is the caller's, who has what its fetcher needs.
    this.fiber = Effect.runForkWith(Context.add(context as Context.Context<any>, Within, this))(load)
    this.fiber.addObserver((exit) => this.land(exit))
  }

  private land(exit: Exit.Exit<Landing<any>, any>): void {
    this.flights.forget(this.key, this)
    this.rest()
    const news: News = { _tag: "Landed", exit }
    const waiters = [...this.waiters]
    this.waiters.clear()
    for (const waiter of waiters) waiter.tell(news)
  }

  leading(): void {
    this.phase = "leading"
  }

  following(): void {
    if (this.phase === "following") return
    this.phase = "following"
    for (const waiter of [...this.waiters]) {
      if (!waiter.wantsFollowing) this.arm(waiter)
      else if (this.waiters.delete(waiter)) waiter.tell(following)
    }
  }

  stale(stale: StaleValue<any>, failing: boolean): void {
    this.staleNow = { stale, failing }
    for (const waiter of [...this.waiters]) {
      if (!waiter.takes(stale, failing)) continue
      this.background ||= this.phase === "leading"
      this.dismiss(waiter, { _tag: "Stale", stale })
    }
  }

  /** The stale value beside the load, if there is one. */
  get besides(): StaleValue<any> | undefined {
    return this.staleNow?.stale
  }

  /** Lets a caller wait, unless there are news for it already. */
  join(waiter: Waiter): News | undefined {
    const exit = this.fiber?.pollUnsafe()
    if (exit !== undefined) return { _tag: "Landed", exit }
    const offer = this.staleNow
    if (offer !== undefined && waiter.takes(offer.stale, offer.failing)) {
      this.background ||= this.phase === "leading"
      this.endIfLeft()
      return { _tag: "Stale", stale: offer.stale }
    }
    if (this.phase === "following" && waiter.wantsFollowing) return following
    this.waiters.add(waiter)
    this.arm(waiter)
    return undefined
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
    if (this.waiters.size > 0 || this.background) return
    if (this.fiber === undefined || this.fiber.pollUnsafe() !== undefined) return
    this.flights.forget(this.key, this)
    this.rest()
    this.fiber.interruptUnsafe()
  }

  /** Ends a background load. */
  end(): void {
    this.background = false
    this.endIfLeft()
  }

  /** This flight's time, in epoch milliseconds. */
  get now(): number {
    return this.clock.currentTimeMillisUnsafe()
  }

  /** How many callers wait here. */
  get size(): number {
    return this.waiters.size
  }

  /** Sees to it that the earliest deadline that counts is noticed: one timer for all waiters. */
  private arm(waiter: Waiter): void {
    const { deadline } = waiter
    if (deadline === Infinity || !this.counts(waiter)) return
    if (this.sleeper !== undefined && this.sleeper.until <= deadline) return
    this.rest()
    const wait = Math.max(0, deadline - this.now)
    const fiber = Effect.runFork(
      Effect.andThen(
        this.clock.sleep(Duration.millis(wait)),
        Effect.sync(() => this.expire())
      )
    )
    this.sleeper = { fiber, until: deadline }
  }

  private counts(waiter: Waiter): boolean {
    return this.phase === "following" || (this.phase === "leading" && waiter.evenLeading)
  }

  private expire(): void {
    this.sleeper = undefined
    const { now } = this
    for (const waiter of [...this.waiters]) {
      if (waiter.deadline <= now && this.counts(waiter)) this.dismiss(waiter, timedOut)
      else this.arm(waiter)
    }
  }

  private rest(): void {
    this.sleeper?.fiber.interruptUnsafe()
    this.sleeper = undefined
  }

  /** Whether this flight waits, directly or through others of this process, for that one. */
  awaits(other: Flight, seen: Set<Flight> = new Set()): boolean {
    if (this === other) return true
    seen.add(this)
    for (const next of this.waitsFor.keys()) if (!seen.has(next) && next.awaits(other, seen)) return true
    return false
  }

  /** Notes, for `awaits`, that this flight's fetcher waits for another flight. */
  waiting<A, E, R>(flight: Flight, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.suspend(() => {
      this.waitsFor.set(flight, (this.waitsFor.get(flight) ?? 0) + 1)
      return Effect.ensuring(
        effect,
        Effect.sync(() => {
          const rest = this.waitsFor.get(flight)! - 1
          if (rest === 0) this.waitsFor.delete(flight)
          else this.waitsFor.set(flight, rest)
        })
      )
    })
  }
}

/** The flights of one process over one identity. */
export class Flights {
  private readonly byKey = new Map<string, Flight>()

  get(key: string): Flight | undefined {
    return this.byKey.get(key)
  }

  /** Begins a flight, which every caller from now on joins. */
  begin(
    key: string,
    context: Context.Context<never>,
    load: (flight: Flight) => Effect.Effect<Landing<any>, any, any>,
    forced = false
  ): Flight {
    const flight = new Flight(this, key, Context.get(context, Clock.Clock), forced)
    this.byKey.set(key, flight)
    flight.start(load(flight), context)
    return flight
  }

  forget(key: string, flight: Flight): void {
    if (this.byKey.get(key) === flight) this.byKey.delete(key)
  }

  /** How many are under way. */
  get size(): number {
    return this.byKey.size
  }
}
