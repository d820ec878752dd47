/**
 * What a cache works with: its adapter, the values' way in and out, the policy, and the
 * flights it shares with every other cache of this process over the same store.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Codec from "../codec/Codec.ts"
import { ValueCodec } from "../codec/ValueCodec.ts"
import type { Adapter } from "../contract/Adapter.ts"
import { type CacheLockingError, formatCacheLockingError } from "../contract/CacheLockingError.ts"
import * as Identity from "../contract/Identity.ts"
import type { Hooks } from "../options/Hooks.ts"
import type { RequestScope } from "../options/RequestScope.ts"
import { Meter } from "../stats/Metrics.ts"
import { Counters } from "../stats/Stats.ts"
import { AcquireBatch } from "./AcquireBatch.ts"
import { BackgroundQueue } from "./BackgroundQueue.ts"
import { FirstAcquire, type Ground } from "./FirstAcquire.ts"
import type { Flight, FlightOptions } from "./Flight.ts"
import type { FlightGroup } from "./FlightGroup.ts"
import { FlightGroups } from "./FlightGroups.ts"
import type { LoadContext } from "./LoadContext.ts"
import * as Lease from "./LoadProtocol.ts"
import type { BackgroundLoad, CallPlan, LoadRequest } from "./LoadRequest.ts"

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

/** A caller's request, and the cache that it is made of. */
export interface Request extends LoadRequest {
  readonly engine: Engine<any>
}

/** One cache's state. */
export class Engine<A> implements Ground {
  readonly adapter: Adapter
  readonly counters = new Counters()
  readonly valueCodec: ValueCodec<A>
  /** The flights of this process over the same store. */
  readonly groups: FlightGroups
  private readonly backlogs = new WeakMap<RequestScope, BackgroundQueue>()
  private readonly refreshConcurrency: number
  /** Failures in a row, by key. */
  private readonly failures = new Map<string, number>()
  private readonly own = new Set<Flight>()
  private readonly meter: Meter
  private turns = 0
  closed = false

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
    this.valueCodec = new ValueCodec(adapter, this.counters, codec, failures)
    this.groups = FlightGroups.of(adapter, this.valueCodec.codec)
    this.refreshConcurrency = refreshConcurrency
  }

  /** The background loads of one life. */
  private backlog(life: RequestScope): BackgroundQueue {
    return Identity.getOrMake(this.backlogs, life, () => new BackgroundQueue(this.refreshConcurrency))
  }

  /** Begins a flight under a lease. */
  fly(load: LoadRequest, context: Context.Context<never>): Flight {
    const { flights, refreshes } = this.groups
    return this.begin(load.force ? refreshes : flights, load, context, undefined)
  }

  /** The keys of a batch, asked for together where the adapter can. */
  inquire(
    keys: ReadonlyArray<string>,
    { scope, policy }: CallPlan,
    context: Context.Context<never>
  ): AcquireBatch | undefined {
    const { acquireMany } = this.adapter
    if (acquireMany === undefined || keys.length < 2) return undefined
    return new AcquireBatch(this.adapter, acquireMany, keys, nameFlight(policy.ownerId), context, scope)
  }

  /** Begins a load for which nobody waits, unless one of the key is under way. */
  loadBehind(load: LoadRequest, context: Context.Context<never>, behind: BackgroundLoad): void {
    const { scope } = load.plan
    if (!scope.allowsBackground || this.closed) return
    const flights = this.groups.behind
    if (flights.get(load.key) === undefined) this.begin(flights, load, context, behind).launch()
    else if (behind.placed) this.leave(load)
  }

  private begin(
    flights: FlightGroup,
    load: LoadRequest,
    context: Context.Context<never>,
    behind: BackgroundLoad | undefined
  ): Flight {
    load.plan.fetchBatch?.began(load.key)
    const inquiry = load.plan.acquireBatch?.take(load.key) ? load.plan.acquireBatch : undefined
    const owner = inquiry?.owner ?? nameFlight(load.plan.policy.ownerId)
    const trip = new FirstAcquire(this, load, context, owner, inquiry, behind)
    const begin = (flight: Flight) => {
      this.own.add(flight)
      trip.ask(flight)
    }
    return flights.begin(departure(load, Context.get(context, Clock.Clock), begin, behind !== undefined))
  }

  arrived(flight: Flight): boolean {
    if (!this.own.delete(flight)) return false
    if (++this.turns >= mostTurns) this.carry()
    else this.answered()
    return true
  }

  enter({ key, plan: { fetchBatch, scope } }: LoadRequest, later: () => void): boolean {
    const backlog = this.backlog(scope)
    return fetchBatch === undefined ? backlog.acquireSlot(key, later) : fetchBatch.acquireSlot(backlog, key, later)
  }

  leave({ plan: { fetchBatch, scope } }: LoadRequest): void {
    const backlog = this.backlog(scope)
    if (fetchBatch === undefined) backlog.releaseSlot()
    else fetchBatch.releaseSlot(backlog)
  }

  /** Begins a flight beside another's lease. */
  fallBack(load: LoadRequest, context: Context.Context<never>): Flight {
    const begin = (flight: Flight) => {
      const owner = nameFlight(load.plan.policy.ownerId)
      flight.run(Lease.fetchUnleased(this.turn(load, owner, flight, undefined, yes)), context)
    }
    const clock = Context.get(context, Clock.Clock)
    return this.groups.fallbacks.begin(departure(load, clock, begin, false))
  }

  /** Makes a fresh value stay so, behind the hit that wants it. */
  touch({ key, plan: { scope } }: LoadRequest, freshFor: number, context: Context.Context<never>): void {
    if (!scope.allowsBackground) return
    const touched = Effect.matchEffect(this.adapter.touch(key, { freshFor }), {
      onFailure: (error) => {
        this.counters.adapterErrors++
        this.counters.count("CACHE_SET_FAILED")
        return Effect.logWarning(`cache-locking: a sliding value could not be touched: ${error.message}`)
      },
      onSuccess: () => Effect.void
    })
    scope.waitUntil(Effect.runForkWith(context)(touched))
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
    const identity = Identity.of(this.adapter)
    users.set(identity, (users.get(identity) ?? 0) + 1)
  }

  /** Ends the background loads that this cache began, once; the last user of an adapter closes it. */
  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    if (this.closed) return Effect.void
    this.closed = true
    for (const flight of this.own) flight.end()
    this.carry()
    const identity = Identity.of(this.adapter)
    const left = (users.get(identity) ?? 1) - 1
    users.set(identity, left)
    return left === 0 && this.adapter.close !== undefined ? this.adapter.close : Effect.void
  })

  turn(
    { fetcher, force, key, plan: { hooks, scope, policy } }: LoadRequest,
    owner: string,
    flight: Flight,
    early: number | undefined,
    mayBegin: () => boolean
  ): LoadContext<A, any, any> {
    return {
      key,
      owner,
      adapter: this.adapter,
      valueCodec: this.valueCodec,
      policy,
      fetcher,
      events: flight,
      report: (error) => tell(error, hooks),
      counters: this.counters,
      force,
      early,
      mayBegin,
      failuresInARow: (yes) => this.failed(key, yes),
      waitUntil: scope.waitUntil
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
  { key, plan: { scope, policy } }: LoadRequest,
  clock: Clock.Clock,
  begin: (flight: Flight) => void,
  background: boolean
): FlightOptions => ({ key, scope, silenceLimit: policy.leaseTtl, clock, begin, background })

const yes = (): boolean => true

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
