/**
 * A single flight: one load of a key, shared by the callers of this process.
 *
 * A flight outlives any one caller. When the last one leaves, the flight ends, unless it refreshes behind a stale
 * value. Each caller joins with a deadline of its own, and is notified of the events that concern it. Nothing that one
 * caller does affects another.
 */
import type * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Monotonic from "../contract/Monotonic.ts"
import type { RequestScope } from "../options/RequestScope.ts"
import type { Alarm } from "./Alarm.ts"
import { acquireAllowance, Deadlines } from "./Deadlines.ts"
import type { StaleValue } from "./Fetcher.ts"
import type { FlightEvent, FlightWaiter, Phase } from "./FlightWaiter.ts"
import type { LoadEvents, LoadResult } from "./LoadContext.ts"

const following: FlightEvent = { _tag: "Following" }
const joined: FlightEvent = { _tag: "Joined" }
const timedOut: FlightEvent = { _tag: "TimedOut" }
const closed: FlightEvent = { _tag: "Closed" }

/** The flight whose fetcher a fiber runs, if it runs one. It reveals a load that would wait for itself. */
export const Within = Context.Reference<Flight | undefined>("@cache-locking/core/Flight/Within", {
  defaultValue: () => undefined
})

/** Milliseconds by which a busy process may be late with a poll. */
const pollAllowance = 250

/** Milliseconds of silence after which a flight of a request was surely cut off with it. */
const surelyCutOff = 300_000

/**
 * Drops flights whose requests were cut off: nothing of them goes on, so they are never over. The oldest are looked at, as
 * many whenever one begins that they do not add up.
 */
export const dropCutOff = (flights: Iterable<Flight>, drop: (flight: Flight) => void): void => {
  let looks = 2
  for (const flight of flights) {
    if (looks-- === 0 || !flight.isCutOff) return
    drop(flight)
  }
}

let flightsNamed = 0
let process: string | undefined

/**
 * Names a flight, and so the owner of its lease. The name is unique, because a flight of an equal name would be granted
 * the other's lease.
 */
export const nameFlight = (ownerId: string): string => {
  // Made at the first use: Workers have no random numbers while a module loads.
  process ??= `${Array.from(crypto.getRandomValues(new Uint32Array(3)), (word) => word.toString(36)).join("")}:`
  const name = process + ++flightsNamed
  return ownerId === "" ? name : `${ownerId}:${name}`
}

export interface FlightOptions {
  readonly key: string
  readonly clock: Clock.Clock
  readonly scope: RequestScope
  /**
   * Milliseconds of silence after which another request takes the flight for dead while it leads. At other times this
   * is the upper bound.
   */
  readonly silenceLimit: number
  /** True when the flight loads to refresh the store, and for no caller. */
  readonly background: boolean
}

/** The group that a flight belongs to, as the flight sees it. */
export interface Group {
  /** Closes the flight to new callers. It goes on for those that wait for it. */
  readonly detach: (key: string, flight: Flight) => void
  /** Removes a flight that has settled or was ended. */
  readonly forget: (key: string, flight: Flight) => void
  /** The alarm for the deadlines of the flight's waiters. */
  readonly alarmOf: (flight: Flight) => Alarm
  /** Called after waiters have left. */
  readonly left: () => void
}

export class Flight implements LoadEvents {
  /** True when it was ended before it had a result. */
  ended = false
  phase: Phase = "asking"
  /** True when the load goes on without callers: they took a stale value, or no caller asked for the load. */
  private background: boolean
  /** When it began to load without a lease; absent for any other load. */
  unleasedSince: number | undefined
  /** The stale value beside the load, if there is one. */
  staleValue: StaleValue<unknown> | undefined
  private readonly waiters = new Set<FlightWaiter>()
  readonly deadlines: Deadlines
  /** The timer by which the load sleeps. */
  private timer: unknown
  /** The flights that its fetcher waits for. Mostly absent, because few fetchers call a cache. */
  private waitsFor: Map<Flight, number> | undefined
  /** Absent while the store is asked for the first time, and during the load's first, synchronous steps. */
  private fiber: Fiber.Fiber<LoadResult, unknown> | undefined
  private result: Exit.Exit<LoadResult, unknown> | undefined
  private resultAt: number | undefined
  readonly startedAt: number
  private lastSeenAt: number
  /** The longest silence to expect of a flight that does not lead, in milliseconds since `lastSeenAt`. */
  private quietFor = acquireAllowance
  private readonly group: Group
  readonly key: string
  readonly clock: Clock.Clock
  readonly scope: RequestScope
  private readonly silenceLimit: number

  constructor(group: Group, { background, clock, key, scope, silenceLimit }: FlightOptions) {
    this.group = group
    this.key = key
    this.clock = clock
    this.scope = scope
    this.silenceLimit = silenceLimit
    this.background = background
    this.startedAt = this.now
    this.lastSeenAt = this.startedAt
    this.deadlines = new Deadlines(this, group.alarmOf(this))
  }

  /** Runs the load in a fiber of its own, and settles with its result. */
  run(load: Effect.Effect<LoadResult, unknown>, context: Context.Context<never>): void {
    // The initiator's context holds what its fetcher needs.
    this.fiber = Effect.runForkWith(Context.add(context, Within, this))(load)
    this.fiber.addObserver((exit) => this.settle(exit))
    this.scope.waitUntil(this.fiber)
    this.endIfLeft()
  }

  /** Notifies all waiters of the result. */
  settle(exit: Exit.Exit<LoadResult, unknown>): void {
    this.result = exit
    this.group.forget(this.key, this)
    const event: FlightEvent = { _tag: "Settled", exit }
    const waiters = [...this.waiters]
    this.waiters.clear()
    this.deadlines.reset(this.waiters)
    for (const waiter of waiters) waiter.notify(event)
    this.group.left()
  }

  leading(): void {
    this.enter("leading")
    for (const waiter of [...this.waiters]) if (!waiter.isInitiator) waiter.notify(joined)
  }

  unleased(): void {
    this.unleasedSince = this.now
    this.leading()
  }

  following(): void {
    if (this.phase === "following") return
    this.enter("following")
    for (const waiter of [...this.waiters]) waiter.notify(following)
  }

  stale(stale: StaleValue<unknown> | undefined): void {
    this.staleValue = stale
    if (stale === undefined) return
    for (const waiter of [...this.waiters]) {
      if (this.mayTake(waiter, stale)) this.dismiss(waiter, this.serve(stale))
    }
  }

  /**
   * True when a waiter takes this stale value now. An initiator whose load would end with its request has to wait for
   * the new value.
   */
  private mayTake(waiter: FlightWaiter, stale: StaleValue<unknown>): boolean {
    const outlives = this.scope.allowsBackground || this.phase !== "leading" || !waiter.isInitiator
    return outlives && waiter.takes(stale)
  }

  /** Serves a stale value. A load that this process leads then goes on in the background. */
  private serve(stale: StaleValue<unknown>): FlightEvent {
    this.background ||= this.phase === "leading" && this.scope.allowsBackground
    return { _tag: "Stale", stale }
  }

  /** True when it has a result, or was ended. */
  get done(): boolean {
    return this.result !== undefined || this.ended
  }

  get isBackground(): boolean {
    return this.background && this.waiters.size === 0
  }

  /** The time by this flight's clock. */
  get now(): number {
    return Monotonic.now(this.clock)
  }

  /** When its waiters got the result. They get it at once, and reading the clock for each costs as much as the rest. */
  get settledAt(): number {
    this.resultAt ??= this.now
    return this.resultAt
  }

  /** The number of waiters. */
  get size(): number {
    return this.waiters.size
  }

  heartbeat(quietFor = acquireAllowance): void {
    // Only waiters of other requests look at it, and reading the clock costs as much as all the rest.
    if (!this.scope.isRequest) return
    this.lastSeenAt = this.now
    this.quietFor = quietFor
  }

  /** True when it belongs to a request that has been silent for so long that it was cut off. */
  get isCutOff(): boolean {
    return this.scope.isRequest && this.now - this.lastSeenAt > surelyCutOff
  }

  leaseLost(): void {
    this.group.detach(this.key, this)
  }

  /**
   * Gives the flight up if it has been silent for too long: a leader for the length of a lease, any other flight for
   * two polls. When the waiter's own time is over, a flight that has not just polled is given up too, because a caller
   * must ask the store before it falls back. Answers true when it was given up: no caller joins it any more. It may only be
   * slow, and then goes on for its own callers.
   */
  giveUpIfSilent(waiter: FlightWaiter): boolean {
    const { now, phase, quietFor, silenceLimit } = this
    const patience = this.deadlines.next(waiter) <= now ? pollAllowance : 2 * Math.max(quietFor, pollAllowance)
    const limit = phase === "leading" ? silenceLimit : Math.min(silenceLimit, patience)
    if (!this.done && now - this.lastSeenAt <= limit) return false
    this.group.forget(this.key, this)
    return true
  }

  /** Adds a waiter, or answers it at once if an answer is there already. */
  join(waiter: FlightWaiter): void {
    const { result: exit, staleValue } = this
    if (exit !== undefined) waiter.notify({ _tag: "Settled", exit })
    else if (staleValue !== undefined && this.mayTake(waiter, staleValue)) {
      waiter.notify(this.serve(staleValue))
      this.endIfLeft()
    } else {
      this.waiters.add(waiter)
      if (this.timer !== undefined && this.waiters.size === 1) Monotonic.keepAlive(this.timer, true)
      this.deadlines.add(waiter)
      if (this.phase === "following") waiter.notify(following)
      else if (this.phase === "leading" && !waiter.isInitiator) waiter.notify(joined)
    }
  }

  /** Removes a waiter. Safe to repeat. */
  leave(waiter: FlightWaiter): void {
    if (!this.remove(waiter)) return
    // One request does not end a load that another one began.
    if (waiter.inOtherRequest) this.background ||= this.waiters.size === 0
    else this.endIfLeft()
  }

  private dismiss(waiter: FlightWaiter, event: FlightEvent): void {
    if (!this.remove(waiter)) return
    waiter.notify(event)
    this.endIfLeft()
  }

  private remove(waiter: FlightWaiter): boolean {
    if (!this.waiters.delete(waiter)) return false
    this.deadlines.remove(waiter)
    if (this.timer !== undefined && this.waiters.size === 0) Monotonic.keepAlive(this.timer, false)
    this.group.left()
    return true
  }

  /** Ends the load when nobody waits for it any more; the key is free for a new flight at once. */
  private endIfLeft(): void {
    if (this.waiters.size > 0 || this.background || this.result !== undefined) return
    this.ended = true
    this.group.forget(this.key, this)
    this.fiber?.interruptUnsafe()
  }

  /** Ends a background load. */
  end(): void {
    this.background = false
    this.endIfLeft()
  }

  /** True when callers of a cache wait for it. */
  isAwaitedBy(owner: object): boolean {
    for (const waiter of this.waiters) if (waiter.owner === owner) return true
    return false
  }

  /** Dismisses the callers of a cache that was closed. */
  close(owner: object): void {
    for (const waiter of [...this.waiters]) if (waiter.owner === owner) this.dismiss(waiter, closed)
  }

  sleep(millis: number): Effect.Effect<void> {
    return Monotonic.sleep(this.clock, millis, (timer) => {
      this.timer = timer
      if (this.waiters.size === 0) Monotonic.keepAlive(timer, false)
    })
  }

  private enter(phase: Exclude<Phase, "asking">): void {
    this.phase = phase
    this.deadlines.reset(this.waiters)
  }

  /** Notifies the waiters whose time is over. Returns the next deadline. */
  expireAll(now: number): number {
    let next = Infinity
    for (const waiter of [...this.waiters]) {
      // It polls by a timer of its own, and first checks that the flight still runs.
      if (waiter.inOtherRequest) continue
      this.expire(waiter, now)
      if (this.waiters.has(waiter)) next = Math.min(next, this.deadlines.next(waiter))
    }
    return next
  }

  /** Notifies a waiter if its time is over. */
  expire(waiter: FlightWaiter, now = this.now): void {
    const { staleValue } = this
    if (staleValue !== undefined && waiter.softDeadline <= now && this.mayTake(waiter, staleValue))
      this.dismiss(waiter, this.serve(staleValue))
    else if (this.deadlines.next(waiter) <= now) this.dismiss(waiter, timedOut)
  }

  /** True when this flight waits for the other one, directly or through further flights of this process. */
  awaits(other: Flight, seen: Set<Flight> = new Set()): boolean {
    if (this === other) return true
    seen.add(this)
    for (const next of this.waitsFor?.keys() ?? []) if (!seen.has(next) && next.awaits(other, seen)) return true
    return false
  }

  /** Records, for `awaits`, that this flight's fetcher begins to wait for another flight, or stops waiting. */
  waits(flight: Flight, more: 1 | -1): void {
    this.waitsFor ??= new Map()
    const count = (this.waitsFor.get(flight) ?? 0) + more
    if (count === 0) this.waitsFor.delete(flight)
    else this.waitsFor.set(flight, count)
  }
}
