/**
 * What a cache works with: its adapter, the values' way in and out, the policy, and the
 * flights it shares with every other cache of this process over the same store.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Acquired, Adapter, AdapterError, Hit, Token } from "./Adapter.ts"
import { Backlog } from "./Backlog.ts"
import type { Batch } from "./Batch.ts"
import { type CacheLockingError, formatCacheLockingError } from "./CacheLockingError.ts"
import type * as Codec from "./Codec.ts"
import { Counters } from "./Counters.ts"
import type { Departure, Flight, Flights } from "./Flight.ts"
import type { Hooks } from "./Hooks.ts"
import { Inquiry } from "./Inquiry.ts"
import { millisBetween } from "./Latency.ts"
import * as Lease from "./Lease.ts"
import type { Life } from "./Life.ts"
import { Meter } from "./Metrics.ts"
import type { Policy } from "./Policy.ts"
import { getOrMake, identityOf, Registry } from "./Registry.ts"
import { Sealer } from "./Sealer.ts"
import type { FetchContext, Turn } from "./Turn.ts"

/** What a call is to do: resolved options. */
export interface Plan {
  readonly policy: Policy
  readonly hooks: Hooks<any, any, any> | undefined
  readonly signal: AbortSignal | undefined
  /** How long what the call begins may go on. */
  readonly life: Life
  /** Called when it turns out that another caller or process loads. */
  readonly others?: (() => void) | undefined
  /** The batch that the call is part of. */
  readonly batch?: Batch<any, any, any> | undefined
  /** Asks the store together with the other keys of a batch. */
  readonly inquiry?: Inquiry | undefined
}

/** Gives the value of a key. */
export type Fetcher<A, E, R> = (context: FetchContext<A>) => Effect.Effect<A, E, R>

/** A load that a caller asks for. */
export interface Load {
  readonly key: string
  readonly fetcher: Fetcher<any, any, any>
  readonly plan: Plan
  /** Load whatever is there. */
  readonly force: boolean
}

/** How a load for which nobody waits begins. */
interface Behind {
  /** Load if no more than this much freshness is left, in milliseconds. */
  readonly early: number
  /** Whether it has its place in the backlog already. */
  readonly placed: boolean
}

/** A flight's load and what it needs. */
interface Trip {
  readonly load: Load
  readonly context: Context.Context<never>
  readonly owner: string
  /** Load only if no more than this much freshness is left, for nobody. */
  readonly early: number | undefined
  /** Asks for it first, together with others. */
  readonly inquiry: Inquiry | undefined
  /** Whether it has a place in the backlog. */
  placed: boolean
}

/** Keys whose failures are counted at once: the back-off of others begins anew. */
const mostFailures = 1_000

/** Turns after which counts are carried over to the metrics at once: between the requests of a Worker no timer runs. */
const mostTurns = 256

/** How many caches use what an adapter opened. */
const users = new WeakMap<object, number>()

let flightsBegun = 0
let process: string | undefined

/** Names a flight. Two processes must never name theirs alike, or one would be granted the other's lease. */
const nameFlight = (ownerId: string): string => {
  // Not when the module loads: Workers have no random numbers then.
  process ??= `${Array.from(crypto.getRandomValues(new Uint32Array(3)), (word) => word.toString(36)).join("")}:`
  const name = process + ++flightsBegun
  return ownerId === "" ? name : `${ownerId}:${name}`
}

/** One cache's state. */
export class Engine<A> {
  readonly adapter: Adapter
  readonly counters = new Counters()
  readonly sealer: Sealer<A>
  /** The flights of this process over the same store. */
  readonly registry: Registry
  private readonly backlogs = new WeakMap<Life, Backlog>()
  private readonly refreshConcurrency: number
  /** Failures in a row, by key. */
  private readonly failures = new Map<string, number>()
  private readonly own = new Set<Flight>()
  private readonly meter: Meter
  private turns = 0
  private closed = false

  constructor(
    adapter: Adapter,
    codec: Codec.Codec<A> | undefined,
    failures: Codec.Codec<any> | undefined,
    name: string,
    refreshConcurrency: number,
    context: Context.Context<never>
  ) {
    this.adapter = adapter
    this.meter = new Meter(this.counters, context, name, adapter)
    this.counters.onLoaded = this.meter.loaded
    this.sealer = new Sealer(adapter, this.counters, codec, failures)
    this.registry = Registry.of(adapter, this.sealer.codec)
    this.refreshConcurrency = refreshConcurrency
  }

  /** The background loads of one life. */
  private backlog(life: Life): Backlog {
    return getOrMake(this.backlogs, life, () => new Backlog(this.refreshConcurrency))
  }

  /** Begins a flight under a lease. */
  fly(load: Load, context: Context.Context<never>): Flight {
    const { flights, refreshes } = this.registry
    return this.begin(load.force ? refreshes : flights, load, context, undefined)
  }

  /** The keys of a batch, asked for together where the adapter can. */
  inquire(keys: ReadonlyArray<string>, { life, policy }: Plan, context: Context.Context<never>): Inquiry | undefined {
    const { acquireMany } = this.adapter
    if (acquireMany === undefined || keys.length < 2) return undefined
    return new Inquiry(this.adapter, acquireMany, keys, nameFlight(policy.ownerId), context, life)
  }

  /** Begins a load for which nobody waits, unless one of the key is under way. */
  loadBehind(load: Load, context: Context.Context<never>, behind: Behind): void {
    const { life } = load.plan
    if (!life.lingers || this.closed) return
    const flights = this.registry.behind
    if (flights.get(load.key) === undefined) this.begin(flights, load, context, behind).launch()
    else if (behind.placed) this.leave(load)
  }

  private begin(flights: Flights, load: Load, context: Context.Context<never>, behind: Behind | undefined): Flight {
    load.plan.batch?.began(load.key)
    const inquiry = load.plan.inquiry?.take(load.key) ? load.plan.inquiry : undefined
    const owner = inquiry?.owner ?? nameFlight(load.plan.policy.ownerId)
    const clock = Context.get(context, Clock.Clock)
    const trip: Trip = { load, context, owner, inquiry, early: behind?.early, placed: behind?.placed ?? false }
    const begin = (flight: Flight) => {
      this.own.add(flight)
      this.ask(flight, trip, true)
    }
    return flights.begin(departure(load, clock, begin, behind !== undefined))
  }

  /**
   * Asks the store without the machinery of a turn: most of the time the answer is a fresh value, and that is all.
   * A failure that may pass is asked again, once, though everybody may have left: the same owner still leads if only the
   * reply was lost, and its lease is to be given back.
   */
  private ask(flight: Flight, trip: Trip, again: boolean): void {
    const { context, early, load, owner } = trip
    const { clock } = flight
    const began = again && this.counters.measures ? clock.monotonicTimeNanosUnsafe() : undefined
    const asking = Lease.asking(load.plan.policy, owner, load.force, early)
    const answered = (exit: Exit.Exit<Acquired, AdapterError>): void => {
      if (Exit.isFailure(exit) && again && exit.cause.reasons.some(mayPass)) {
        this.ask(flight, trip, false)
        return
      }
      if (Exit.isSuccess(exit) && began !== undefined) {
        this.counters.store.record(millisBetween(began, clock.monotonicTimeNanosUnsafe()))
      }
      flight.alive()
      if (flight.ended) this.discard(trip, exit)
      else this.go(flight, trip, exit)
      if (flight.done) this.arrive(flight, trip)
    }
    if (again && trip.inquiry !== undefined) {
      trip.inquiry.acquire(load.key, asking, answered)
      return
    }
    const asked = Effect.suspend(() => this.adapter.acquire(load.key, asking))
    const fiber = Effect.runForkWith(context)(asked)
    load.plan.life.keep(fiber)
    fiber.addObserver(answered)
  }

  /** Everybody left while the store was asked: a lease that was granted all the same is for others. */
  private discard({ context, load }: Trip, asked: Exit.Exit<Acquired, AdapterError>): void {
    if (Exit.isSuccess(asked) && asked.value._tag === "Leader") {
      load.plan.life.keep(Effect.runForkWith(context)(this.giveBack(load.key, asked.value.token)))
    }
  }

  /** Lands with a fresh value, or begins the turn with any other answer. */
  private go(flight: Flight, trip: Trip, asked: Exit.Exit<Acquired, AdapterError>): void {
    const { context, early, load, owner } = trip
    const found = Exit.isSuccess(asked) ? asked.value : undefined
    const opened = found?._tag === "Hit" && early === undefined ? this.sealer.openUnsafe(found.value) : undefined
    if (opened !== undefined) {
      flight.land(Exit.succeed(Lease.hit(opened, found as Hit, false)))
      return
    }
    const mayBegin = () => {
      const later = () => this.loadBehind(load, context, { early: early ?? 0, placed: true })
      trip.placed ||= this.enter(load, later)
      return trip.placed
    }
    const turn = Lease.take(this.turn(load, owner, flight, early, mayBegin), asked)
    const arrived = Effect.sync(() => this.arrive(flight, trip))
    flight.run(Effect.ensuring(turn, arrived), context)
  }

  /** A flight is over: its place is for the next. Safe to repeat. */
  private arrive(flight: Flight, trip: Trip): void {
    if (!this.own.delete(flight)) return
    if (++this.turns >= mostTurns) this.carry()
    else this.answered()
    trip.load.plan.batch?.settle(trip.load.key)
    if (trip.placed) this.leave(trip.load)
  }

  private enter({ key, plan: { batch, life } }: Load, later: () => void): boolean {
    const backlog = this.backlog(life)
    return batch === undefined ? backlog.enter(key, later) : batch.enter(backlog, key, later)
  }

  private leave({ plan: { batch, life } }: Load): void {
    const backlog = this.backlog(life)
    if (batch === undefined) backlog.leave()
    else batch.leave(backlog)
  }

  private giveBack(key: string, token: Token): Effect.Effect<void> {
    return Effect.ignore(this.adapter.abandon(key, { token }))
  }

  /** Begins a flight beside another's lease. */
  fallBack(load: Load, context: Context.Context<never>): Flight {
    const begin = (flight: Flight) => {
      const owner = nameFlight(load.plan.policy.ownerId)
      flight.run(Lease.bypass(this.turn(load, owner, flight, undefined, yes)), context)
    }
    const clock = Context.get(context, Clock.Clock)
    return this.registry.fallbacks.begin(departure(load, clock, begin, false))
  }

  /** Makes a fresh value stay so, behind the hit that wants it. */
  touch({ key, plan: { life } }: Load, freshFor: number, context: Context.Context<never>): void {
    if (!life.lingers) return
    const touched = Effect.matchEffect(this.adapter.touch(key, { freshFor }), {
      onFailure: (error) => {
        this.counters.adapterErrors++
        this.counters.count("CACHE_SET_FAILED")
        return Effect.logWarning(`cache-locking: a sliding value could not be touched: ${error.message}`)
      },
      onSuccess: () => Effect.void
    })
    life.keep(Effect.runForkWith(context)(touched))
  }

  /** Something was counted. */
  answered(): void {
    this.meter.soon()
  }

  /** Carries the counters over to the metrics. */
  carry(): void {
    this.turns = 0
    this.meter.carry()
  }

  /** Keeps the adapter open until `close`. */
  retain(): void {
    const identity = identityOf(this.adapter)
    users.set(identity, (users.get(identity) ?? 0) + 1)
  }

  /** Ends the background loads that this cache began; the last user of an adapter closes it. */
  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    this.closed = true
    for (const flight of this.own) flight.end()
    this.carry()
    const identity = identityOf(this.adapter)
    const left = (users.get(identity) ?? 1) - 1
    users.set(identity, left)
    return left === 0 && this.adapter.close !== undefined ? this.adapter.close : Effect.void
  })

  private turn(
    { fetcher, force, key, plan: { hooks, life, policy } }: Load,
    owner: string,
    flight: Flight,
    early: number | undefined,
    mayBegin: () => boolean
  ): Turn<A, any, any> {
    return {
      key,
      owner,
      adapter: this.adapter,
      sealer: this.sealer,
      policy,
      fetcher,
      phases: flight,
      trouble: (error) => tell(error, hooks),
      counters: this.counters,
      force,
      early,
      mayBegin,
      failed: (yes) => this.failed(key, yes),
      keep: life.keep
    }
  }

  private failed(key: string, yes: boolean): number {
    const count = yes ? (this.failures.get(key) ?? 0) + 1 : 0
    if (yes || this.failures.size > 0) this.failures.delete(key)
    if (!yes) return 0
    this.failures.set(key, count)
    if (this.failures.size > mostFailures) this.failures.delete(this.failures.keys().next().value as string)
    return count
  }
}

/** A leader's lease is renewed all the time, so one that is silent for so long is no more. */
const departure = (
  { key, plan: { life, policy } }: Load,
  clock: Clock.Clock,
  begin: (flight: Flight) => void,
  background: boolean
): Departure => ({ key, life, patience: policy.leaseTtl, clock, begin, background })

const yes = (): boolean => true

const mayPass = (reason: Cause.Reason<AdapterError>): boolean => Cause.isFailReason(reason) && reason.error.retryable

/** Logs an error that is nobody's answer, and calls the hook beside the call. */
const tell = (error: CacheLockingError, hooks: Hooks<any, any, any> | undefined): Effect.Effect<void> => {
  const log = Effect.logWarning(`cache-locking: ${formatCacheLockingError(error)}`)
  const { onError, onRefreshError } = hooks ?? {}
  const told: Array<Effect.Effect<unknown, unknown, any>> = []
  if (onError !== undefined) told.push(Effect.suspend(() => onError(error)))
  if (onRefreshError !== undefined && error._tag === "REFRESH_FAILED") {
    told.push(Effect.suspend(() => onRefreshError(error.cause, { key: error.context.key ?? "" })))
  }
  if (told.length === 0) return log
  const beside = Effect.catchCause(Effect.all(told), (cause) =>
    Effect.logWarning("cache-locking: a hook that is told of errors failed", cause)
  )
  return Effect.andThen(log, Effect.asVoid(Effect.forkDetach(beside))) as Effect.Effect<void>
}
