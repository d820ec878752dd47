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
import { inDifferentRequests, type RequestScope } from "../options/RequestScope.ts"
import { CrossRequestWaiter, type Sight } from "./CrossRequestWaiter.ts"
import type { FlightEvent, Waiter } from "./FlightEvent.ts"
import type { FlightEvents, LoadResult, StaleValue } from "./LoadContext.ts"

export type { FlightEvent, Waiter } from "./FlightEvent.ts"

const following: FlightEvent = { _tag: "Following" }
const joined: FlightEvent = { _tag: "Joined" }
const timedOut: FlightEvent = { _tag: "TimedOut" }

/** The flight whose fetcher this fiber runs, if it runs one: to find a load that would wait for itself. */
export const Within = Context.Reference<Flight | undefined>("@cache-locking/core/Flight/Within", {
  defaultValue: () => undefined
})

/** Milliseconds that a store may take to answer before a short `waitMax` counts. */
const mostAsking = 1_000

/** What a flight is made of. */
export interface FlightOptions {
  readonly key: string
  readonly clock: Clock.Clock
  readonly scope: RequestScope
  /** Milliseconds of silence after which others take it for dead. */
  readonly silenceLimit: number
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
export class Flight implements FlightEvents<any>, Sight {
  /** Whether it was ended because nobody waited: no answer for a caller who came too late to keep it. */
  ended = false
  private phase: "asking" | "leading" | "following" = "asking"
  /** Loads on without callers, behind a stale value that they took, or that nobody asked for. */
  private background: boolean
  /** The stale value beside the load, if there is one. */
  staleValue: StaleValue<any> | undefined
  private readonly waiters = new Set<Waiter>()
  /** Those that its load waits for: few loads ask for anything. */
  private waitsFor: Map<Flight, number> | undefined
  /** Not there while the store is asked for the first time, nor during the load's first, synchronous steps. */
  private fiber: Fiber.Fiber<LoadResult<any>, any> | undefined
  private result: Exit.Exit<LoadResult<any>, any> | undefined
  private begin: ((flight: Flight) => void) | undefined
  /** When it was made, in epoch milliseconds. */
  readonly startedAt: number
  /** When it was heard of last. */
  private lastSeenAt: number
  /** Those who wait in other requests. */
  private distant: Map<Waiter, CrossRequestWaiter> | undefined
  private readonly keeper: Keeper
  private readonly key: string
  readonly clock: Clock.Clock
  readonly scope: RequestScope
  private readonly silenceLimit: number

  constructor(keeper: Keeper, { background, begin, clock, key, scope, silenceLimit }: FlightOptions) {
    this.keeper = keeper
    this.key = key
    this.clock = clock
    this.scope = scope
    this.silenceLimit = silenceLimit
    this.background = background
    this.begin = begin
    this.startedAt = this.now
    this.lastSeenAt = this.startedAt
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
  run(load: Effect.Effect<LoadResult<any>, any, any>, context: Context.Context<never>): void {
    // The context is the caller's, who has what its fetcher needs.
    this.fiber = Effect.runForkWith(Context.add(context as Context.Context<any>, Within, this))(load)
    this.fiber.addObserver((exit) => this.settle(exit))
    this.scope.waitUntil(this.fiber)
    this.endIfLeft()
  }

  /** Answers all who wait. */
  settle(exit: Exit.Exit<LoadResult<any>, any>): void {
    this.result = exit
    this.keeper.forget(this.key, this)
    const news: FlightEvent = { _tag: "Landed", exit }
    const waiters = [...this.waiters]
    this.waiters.clear()
    for (const waiter of waiters) waiter.notify(news)
  }

  leading(): void {
    this.phase = "leading"
    for (const waiter of [...this.waiters]) {
      this.keeper.arm(this, waiter)
      if (!waiter.isInitiator) waiter.notify(joined)
    }
  }

  following(): void {
    if (this.phase === "following") return
    this.phase = "following"
    for (const waiter of [...this.waiters]) {
      this.keeper.arm(this, waiter)
      waiter.notify(following)
    }
  }

  stale(stale: StaleValue<any>): void {
    this.staleValue = stale
    for (const waiter of [...this.waiters]) {
      if (this.takes(waiter, stale)) this.dismiss(waiter, this.serve(stale))
    }
  }

  /** Whether a caller takes this stale value now. Whose load would end with its request has to wait for it. */
  private takes(waiter: Waiter, stale: StaleValue<any>): boolean {
    return (this.scope.allowsBackground || this.phase !== "leading" || !waiter.isInitiator) && waiter.takes(stale)
  }

  /** A load that this process leads goes on behind the stale value. */
  private serve(stale: StaleValue<any>): FlightEvent {
    this.background ||= this.phase === "leading" && this.scope.allowsBackground
    return { _tag: "Stale", stale }
  }

  /** Whether it has landed, or was ended. */
  get done(): boolean {
    return this.result !== undefined || this.ended
  }

  /** Whether it loads for nobody but the store. */
  get isBackground(): boolean {
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

  heartbeat(): void {
    // Only who waits in another request asks, and the clock costs as much as all the rest.
    if (this.scope.isRequest) this.lastSeenAt = this.now
  }

  endIfSilent(): boolean {
    if (!this.done && this.now - this.lastSeenAt <= this.silenceLimit) return false
    this.ended = true
    this.keeper.forget(this.key, this)
    return true
  }

  /** Lets a caller wait, unless there is an answer for it already. */
  join(waiter: Waiter): void {
    if (!inDifferentRequests(this.scope, waiter.scope) || waiter.isInitiator) {
      this.enter(waiter)
      return
    }
    const distant = new CrossRequestWaiter(waiter, this)
    this.distant ??= new Map()
    this.distant.set(waiter, distant)
    this.enter(distant)
    distant.look()
  }

  private enter(waiter: Waiter): void {
    const { staleValue, result: exit } = this
    if (exit !== undefined) waiter.notify({ _tag: "Landed", exit })
    else if (staleValue !== undefined && this.takes(waiter, staleValue)) {
      waiter.notify(this.serve(staleValue))
      this.endIfLeft()
    } else {
      this.waiters.add(waiter)
      this.keeper.arm(this, waiter)
      if (this.phase === "following") waiter.notify(following)
      else if (this.phase === "leading" && !waiter.isInitiator) waiter.notify(joined)
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

  private dismiss(waiter: Waiter, news: FlightEvent): void {
    if (!this.waiters.delete(waiter)) return
    waiter.notify(news)
    this.endIfLeft()
  }

  /** The last one out ends the load; the key is free for a new flight at once. */
  private endIfLeft(): void {
    if (this.waiters.size > 0 || this.background || this.result !== undefined) return
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
    const soft = waiter.softDeadline === Infinity || waiter.softDeadline <= this.now ? Infinity : waiter.softDeadline
    return Math.min(soft, this.phase === "leading" && !waiter.timesOutWhileLoading ? Infinity : this.deadline(waiter))
  }

  /** Nobody is known to load before the store has answered, which it does in time unless it hangs. */
  private deadline(waiter: Waiter): number {
    return this.phase === "asking" ? Math.max(waiter.deadline, this.startedAt + mostAsking) : waiter.deadline
  }

  /** Tells those whose time is over; answers when the next one's is. */
  expireAll(now: number): number {
    let next = Infinity
    for (const waiter of [...this.waiters]) {
      this.expire(waiter, now)
      if (this.waiters.has(waiter) && !(waiter instanceof CrossRequestWaiter)) next = Math.min(next, this.next(waiter))
    }
    return next
  }

  expire(waiter: Waiter, now = this.now): void {
    const { staleValue } = this
    if (staleValue !== undefined && waiter.softDeadline <= now && this.takes(waiter, staleValue))
      this.dismiss(waiter, this.serve(staleValue))
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
