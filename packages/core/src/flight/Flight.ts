/**
 * One load of a key, shared by the callers of this process.
 *
 * A flight is a fiber of its own: it outlives any one caller, and when the last one leaves it is
 * interrupted, unless it refreshes behind a stale value. Callers join with a deadline and a signal
 * of their own and are told what concerns them; what one does never touches another.
 */
import type * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { apart, type Life } from "../options/RequestScope.ts"
import { Distant, type Sight } from "./CrossRequestWaiter.ts"
import type { News, Waiter } from "./FlightEvent.ts"
import type { Landing, Phases, StaleValue } from "./LoadContext.ts"

export type { News, Waiter } from "./FlightEvent.ts"

const following: News = { _tag: "Following" }
const joined: News = { _tag: "Joined" }
const timedOut: News = { _tag: "TimedOut" }

/** The flight whose fetcher this fiber runs, if it runs one: to find a load that would wait for itself. */
export const Within = Context.Reference<Flight | undefined>("@cache-locking/core/Flight/Within", {
  defaultValue: () => undefined
})

/** Milliseconds that a store may take to answer before a short `waitMax` counts. */
const mostAsking = 1_000

/** What a flight is made of. */
export interface Departure {
  readonly key: string
  readonly clock: Clock.Clock
  readonly life: Life
  /** How long it may be silent before others take it for dead, in milliseconds. */
  readonly patience: number
  /** Whether it loads for nobody but the store. */
  readonly background: boolean
  readonly begin: (flight: Flight) => void
}

/** Who keeps the flights, as they see it. */
export interface Keeper {
  /** A flight is over, or nobody may join it any more. */
  readonly forget: (key: string, flight: Flight) => void
  /** Sees to it that a waiter's deadline is noticed. */
  readonly arm: (flight: Flight, waiter: Waiter) => void
}

/** A load in progress. */
export class Flight implements Phases<any>, Sight {
  /** Whether it was ended because nobody waited: no answer for a caller who came too late to keep it. */
  ended = false
  private phase: "asking" | "leading" | "following" = "asking"
  /** Loads on without callers, behind a stale value that they took, or that nobody asked for. */
  private background: boolean
  /** The stale value beside the load, if there is one. */
  besides: StaleValue<any> | undefined
  private readonly waiters = new Set<Waiter>()
  /** Those that its load waits for: few loads ask for anything. */
  private waitsFor: Map<Flight, number> | undefined
  /** Not there while the store is asked for the first time, nor during the load's first, synchronous steps. */
  private fiber: Fiber.Fiber<Landing<any>, any> | undefined
  private landed: Exit.Exit<Landing<any>, any> | undefined
  private begin: ((flight: Flight) => void) | undefined
  /** When it was made, in epoch milliseconds. */
  readonly born: number
  /** When it was heard of last. */
  private heard: number
  /** Those who wait in other requests. */
  private distant: Map<Waiter, Distant> | undefined
  private readonly keeper: Keeper
  private readonly key: string
  readonly clock: Clock.Clock
  readonly life: Life
  private readonly patience: number

  constructor(keeper: Keeper, { background, begin, clock, key, life, patience }: Departure) {
    this.keeper = keeper
    this.key = key
    this.clock = clock
    this.life = life
    this.patience = patience
    this.background = background
    this.begin = begin
    this.born = this.now
    this.heard = this.born
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
    this.life.keep(this.fiber)
    this.endIfLeft()
  }

  /** Answers all who wait. */
  land(exit: Exit.Exit<Landing<any>, any>): void {
    this.landed = exit
    this.keeper.forget(this.key, this)
    const news: News = { _tag: "Landed", exit }
    const waiters = [...this.waiters]
    this.waiters.clear()
    for (const waiter of waiters) waiter.tell(news)
  }

  leading(): void {
    this.phase = "leading"
    for (const waiter of [...this.waiters]) {
      this.keeper.arm(this, waiter)
      if (!waiter.mine) waiter.tell(joined)
    }
  }

  following(): void {
    if (this.phase === "following") return
    this.phase = "following"
    for (const waiter of [...this.waiters]) {
      this.keeper.arm(this, waiter)
      waiter.tell(following)
    }
  }

  stale(stale: StaleValue<any>): void {
    this.besides = stale
    for (const waiter of [...this.waiters]) {
      if (this.takes(waiter, stale)) this.dismiss(waiter, this.serve(stale))
    }
  }

  /** Whether a caller takes this stale value now. Whose load would end with its request has to wait for it. */
  private takes(waiter: Waiter, stale: StaleValue<any>): boolean {
    return (this.life.lingers || this.phase !== "leading" || !waiter.mine) && waiter.takes(stale)
  }

  /** A load that this process leads goes on behind the stale value. */
  private serve(stale: StaleValue<any>): News {
    this.background ||= this.phase === "leading" && this.life.lingers
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

  alive(): void {
    // Only who waits in another request asks, and the clock costs as much as all the rest.
    if (this.life.bound) this.heard = this.now
  }

  buryIfDead(): boolean {
    if (!this.done && this.now - this.heard <= this.patience) return false
    this.ended = true
    this.keeper.forget(this.key, this)
    return true
  }

  /** Lets a caller wait, unless there is an answer for it already. */
  join(waiter: Waiter): void {
    if (!apart(this.life, waiter.life) || waiter.mine) {
      this.enter(waiter)
      return
    }
    const distant = new Distant(waiter, this)
    this.distant ??= new Map()
    this.distant.set(waiter, distant)
    this.enter(distant)
    distant.look()
  }

  private enter(waiter: Waiter): void {
    const { besides, landed: exit } = this
    if (exit !== undefined) waiter.tell({ _tag: "Landed", exit })
    else if (besides !== undefined && this.takes(waiter, besides)) {
      waiter.tell(this.serve(besides))
      this.endIfLeft()
    } else {
      this.waiters.add(waiter)
      this.keeper.arm(this, waiter)
      if (this.phase === "following") waiter.tell(following)
      else if (this.phase === "leading" && !waiter.mine) waiter.tell(joined)
      this.launch()
    }
  }

  /** A caller waits no longer. Safe to repeat. */
  leave(waiter: Waiter): void {
    const distant = this.distant?.get(waiter)
    if (distant === undefined) {
      if (this.waiters.delete(waiter)) this.endIfLeft()
      return
    }
    this.distant?.delete(waiter)
    distant.stop()
    // What another request began is not for this one to end.
    if (this.waiters.delete(distant)) this.background ||= this.waiters.size === 0
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
    this.keeper.forget(this.key, this)
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
  expireAll(now: number): number {
    let next = Infinity
    for (const waiter of [...this.waiters]) {
      this.expire(waiter, now)
      if (this.waiters.has(waiter) && !(waiter instanceof Distant)) next = Math.min(next, this.next(waiter))
    }
    return next
  }

  expire(waiter: Waiter, now = this.now): void {
    const { besides } = this
    if (besides !== undefined && waiter.soft <= now && this.takes(waiter, besides))
      this.dismiss(waiter, this.serve(besides))
    else if (this.next(waiter) <= now) this.dismiss(waiter, timedOut)
  }

  /** Whether this flight waits, directly or through others of this process, for that one. */
  awaits(other: Flight, seen: Set<Flight> = new Set()): boolean {
    if (this === other) return true
    seen.add(this)
    for (const next of this.waitsFor?.keys() ?? []) if (!seen.has(next) && next.awaits(other, seen)) return true
    return false
  }

  /** Notes, for `awaits`, that this flight's fetcher begins to wait for another flight, or stops. */
  waits(flight: Flight, more: 1 | -1): void {
    this.waitsFor ??= new Map()
    const count = (this.waitsFor.get(flight) ?? 0) + more
    if (count === 0) this.waitsFor.delete(flight)
    else this.waitsFor.set(flight, count)
  }
}
