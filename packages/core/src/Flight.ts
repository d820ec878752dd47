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
  | { readonly _tag: "Stale"; readonly stale: StaleValue<any>; readonly failing: boolean }
  | { readonly _tag: "Following" }
  | { readonly _tag: "TimedOut" }
  | { readonly _tag: "Aborted" }

const following: News = { _tag: "Following" }
const timedOut: News = { _tag: "TimedOut" }
const aborted: News = { _tag: "Aborted" }

/** What a caller wants of a flight. */
export interface Wish {
  /** Epoch milliseconds after which it is told `TimedOut`; `Infinity` for never. */
  readonly deadline: number
  /** Whether the deadline holds while this very process loads. */
  readonly evenLeading: boolean
  /** Whether to be told that another process leads. */
  readonly wantsFollowing: boolean
  /** Whether it would take this stale value now. */
  readonly takes: (stale: StaleValue<any>, failing: boolean) => boolean
  readonly signal: AbortSignal | undefined
}

interface Waiter {
  readonly wish: Wish
  readonly tell: (news: Effect.Effect<News>) => void
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
  private fiber!: Fiber.Fiber<Landing<any>, any>
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
    const news = Effect.succeed<News>({ _tag: "Landed", exit })
    for (const waiter of this.waiters) waiter.tell(news)
    this.waiters.clear()
    this.rest()
  }

  leading(): void {
    this.phase = "leading"
  }

  following(): void {
    if (this.phase === "following") return
    this.phase = "following"
    for (const waiter of this.waiters) {
      if (waiter.wish.wantsFollowing) this.dismiss(waiter, following)
      else this.arm(waiter)
    }
  }

  stale(stale: StaleValue<any>, failing: boolean): void {
    this.staleNow = { stale, failing }
    for (const waiter of this.waiters) {
      if (!waiter.wish.takes(stale, failing)) continue
      this.background ||= this.phase === "leading"
      this.dismiss(waiter, { _tag: "Stale", stale, failing })
    }
  }

  /** The stale value beside the load, if there is one. */
  get besides(): StaleValue<any> | undefined {
    return this.staleNow?.stale
  }

  /** Waits for news. Leaving, by interruption, is safe and prompt. */
  join(wish: Wish): Effect.Effect<News> {
    return Effect.callback<News>((resume) => {
      const exit = this.fiber.pollUnsafe()
      if (exit !== undefined) return resume(Effect.succeed({ _tag: "Landed", exit }))
      const offer = this.staleNow
      if (offer !== undefined && wish.takes(offer.stale, offer.failing)) {
        resume(Effect.succeed({ _tag: "Stale", ...offer }))
        this.background ||= this.phase === "leading"
        return this.leave()
      }
      if (this.phase === "following" && wish.wantsFollowing) return resume(Effect.succeed(following))
      const { signal } = wish
      const abort = () => this.dismiss(waiter, aborted)
      const waiter: Waiter = {
        wish,
        tell:
          signal === undefined
            ? resume
            : (news) => {
                signal.removeEventListener("abort", abort)
                resume(news)
              }
      }
      signal?.addEventListener("abort", abort, { once: true })
      this.waiters.add(waiter)
      this.arm(waiter)
      return Effect.sync(() => {
        signal?.removeEventListener("abort", abort)
        if (this.waiters.delete(waiter)) this.leave()
      })
    })
  }

  private dismiss(waiter: Waiter, news: News): void {
    if (!this.waiters.delete(waiter)) return
    waiter.tell(Effect.succeed(news))
    if (news !== following) this.leave()
  }

  /** The last one out ends the load; the key is free for a new flight at once. */
  private leave(): void {
    if (this.waiters.size > 0 || this.background || this.fiber.pollUnsafe() !== undefined) return
    this.flights.forget(this.key, this)
    this.rest()
    this.fiber.interruptUnsafe()
  }

  /** Ends a background load. */
  end(): void {
    this.background = false
    this.leave()
  }

  /** How many callers wait here. */
  get size(): number {
    return this.waiters.size
  }

  /** Sees to it that the earliest deadline that counts is noticed: one timer for all waiters. */
  private arm({ wish }: Waiter): void {
    if (wish.deadline === Infinity || !this.counts(wish)) return
    if (this.sleeper !== undefined && this.sleeper.until <= wish.deadline) return
    this.rest()
    const wait = Math.max(0, wish.deadline - this.clock.currentTimeMillisUnsafe())
    const fiber = Effect.runFork(
      Effect.andThen(
        this.clock.sleep(Duration.millis(wait)),
        Effect.sync(() => this.expire())
      )
    )
    this.sleeper = { fiber, until: wish.deadline }
  }

  private counts(wish: Wish): boolean {
    return this.phase === "following" || (this.phase === "leading" && wish.evenLeading)
  }

  private expire(): void {
    this.sleeper = undefined
    const now = this.clock.currentTimeMillisUnsafe()
    for (const waiter of this.waiters) {
      if (waiter.wish.deadline <= now && this.counts(waiter.wish)) this.dismiss(waiter, timedOut)
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
