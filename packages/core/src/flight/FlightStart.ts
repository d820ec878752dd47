/**
 * The start of a flight. A load under a lease asks the store first (`FirstAcquire`): a fresh value settles the flight without
 * a fiber, and any other answer goes to the load protocol. A load without a lease only fetches.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Acquired, AdapterError, Hit } from "../contract/Adapter.ts"
import { millisBetween } from "../stats/Stats.ts"
import type { AcquireBatch } from "./AcquireBatch.ts"
import { type BackgroundQueue, report } from "./Engine.ts"
import { dropCutOff, type Flight, type FlightOptions, nameFlight } from "./Flight.ts"
import type { LoadContext } from "./LoadContext.ts"
import * as LoadProtocol from "./LoadProtocol.ts"
import { fetcherOf, type LoadRequest } from "./LoadRequest.ts"

/** A flight that was made and has not begun. Its maker joins it before `start`, whose first steps may settle it. */
export interface Load {
  readonly flight: Flight
  start(): void
}

/** The start of a background load. */
export interface BackgroundLoad {
  /** Loads if at most this much freshness is left, in milliseconds. */
  readonly early: number
  /** True when it has a slot in the queue already. */
  readonly hasSlot: boolean
}

/** Makes a flight under a lease. */
export const leased = (request: LoadRequest, context: Context.Context<never>): Load =>
  new FirstAcquire(request, context, undefined)

/** Makes a flight without a lease, beside another process's load. */
export const unleased = (request: LoadRequest, context: Context.Context<never>): Load => {
  const flight = request.engine.groups.fallbacks.open(flightOptions(request, context, false))
  const start = () => {
    const owner = nameFlight(request.plan.policy.ownerId)
    const load = contextOf(
      request,
      owner,
      flight,
      undefined,
      () => true,
      () => {}
    )
    flight.run(LoadProtocol.fetchUnleased(load), context)
  }
  return { flight, start }
}

/** Begins a load for which nobody waits, unless one for the key is under way. */
export const startInBackground = (
  request: LoadRequest,
  context: Context.Context<never>,
  background: BackgroundLoad
): void => {
  const { engine, key, plan } = request
  if (!plan.scope.allowsBackground || engine.closed) return
  if (engine.groups.background.get(key) === undefined) {
    new FirstAcquire(request, context, background).start()
    return
  }
  // The other keys of its batch wait until it is decided whether this one is fetched.
  plan.fetchBatch?.settle(key)
  if (background.hasSlot) releaseSlot(request)
}

class FirstAcquire implements Load {
  readonly flight: Flight
  private readonly request: LoadRequest
  private readonly context: Context.Context<never>
  private readonly owner: string
  /** Asks for the key the first time, together with others. */
  private readonly acquireBatch: AcquireBatch | undefined
  private readonly background: BackgroundLoad | undefined
  /** True when it has a slot in the queue of background loads. */
  private hasSlot: boolean
  /** True when an `acquire` had no answer. */
  private isUnanswered = false

  constructor(request: LoadRequest, context: Context.Context<never>, background: BackgroundLoad | undefined) {
    const { engine, key, plan } = request
    const { groups } = engine
    plan.fetchBatch?.began(key)
    this.request = request
    this.context = context
    this.background = background
    this.hasSlot = background?.hasSlot ?? false
    this.acquireBatch = plan.acquireBatch?.take(key) ? plan.acquireBatch : undefined
    this.owner = this.acquireBatch?.owner ?? nameFlight(plan.policy.ownerId)
    const group = background !== undefined ? groups.background : plan.force ? groups.refreshes : groups.flights
    this.flight = group.open(flightOptions(request, context, background !== undefined))
    if (plan.scope.isRequest) dropCutOff(engine.flights, (flight) => engine.flights.delete(flight))
    engine.flights.add(this.flight)
  }

  /**
   * Asks the store without the machinery of the protocol, because the answer is a fresh value most of the time. After a
   * temporary failure it asks once more, even if every caller has left: if only the reply was lost, this owner holds a
   * lease that has to be given back.
   */
  start(again = true, rest = Effect.void): void {
    const { acquireBatch, background, context, flight, owner, request } = this
    const { engine, key, plan } = request
    const { adapter, counters } = engine
    const { clock } = flight
    const began = again && counters.measures ? clock.monotonicTimeNanosUnsafe() : undefined
    const options = LoadProtocol.acquireOptions(plan.policy, owner, plan.force, background?.early)
    const answered = (exit: Exit.Exit<Acquired, AdapterError>): void => {
      const failed = Exit.isFailure(exit) ? exit.cause.reasons.find(mayBeUnanswered) : undefined
      if (failed !== undefined) {
        this.isUnanswered = true
        if (again) {
          this.start(false, LoadProtocol.rest(failed.error, flight))
          return
        }
      }
      if (Exit.isSuccess(exit) && began !== undefined) {
        counters.store.record(millisBetween(began, clock.monotonicTimeNanosUnsafe()))
      }
      flight.heartbeat()
      if (flight.ended) this.discard(exit)
      else this.proceed(exit)
      if (flight.done) this.finish()
    }
    if (again && acquireBatch !== undefined) {
      acquireBatch.acquire(key, options, answered)
      return
    }
    const ask = Effect.suspend(() => adapter.acquire(key, options))
    const asked = again ? ask : Effect.andThen(rest, ask)
    const fiber = Effect.runForkWith(context)(asked)
    plan.scope.waitUntil(fiber)
    fiber.addObserver(answered)
  }

  /** Gives back a lease that was granted after every caller had left. */
  private discard(asked: Exit.Exit<Acquired, AdapterError>): void {
    if (Exit.isFailure(asked) || asked.value._tag !== "Leader") return
    const { context, request } = this
    const { engine, key, plan } = request
    const abandoned = engine.adapter.abandon(key, { token: asked.value.token })
    engine.returnsOf(plan.scope).add(abandoned, plan.policy.leaseTtl, context)
  }

  /** Settles the flight with a fresh value, or goes on with any other answer. */
  private proceed(asked: Exit.Exit<Acquired, AdapterError>): void {
    const { background, context, flight, owner, request } = this
    const found = Exit.isSuccess(asked) ? asked.value : undefined
    const decoded =
      found?._tag === "Hit" && background === undefined
        ? request.engine.valueCodec.decodeUntaggedUnsafe(found.value)
        : undefined
    if (decoded !== undefined) {
      flight.settle(Exit.succeed(LoadProtocol.hit(decoded, found as Hit, false)))
      return
    }
    const unanswered = () => {
      this.isUnanswered = true
    }
    const load = contextOf(request, owner, flight, background?.early, () => this.acquireSlot(), unanswered)
    const finish = Effect.sync(() => this.finish())
    flight.run(Effect.ensuring(LoadProtocol.run(load, asked), finish), context)
  }

  /**
   * Takes a slot, so that the load may go on in the background. Where none is free, the load begins again when its turn
   * comes.
   */
  private acquireSlot(): boolean {
    const { background, context, flight, request } = this
    const { counters } = request.engine
    const servedUntil = endOfWindow(request, flight)
    this.hasSlot ||= takeSlot(request, () => {
      counters.refreshesQueued++
      if (flight.now > servedUntil) counters.refreshesLate++
      startInBackground(request, context, { early: background?.early ?? 0, hasSlot: true })
    })
    return this.hasSlot
  }

  /** Cleans up after the flight, and frees its slot for the next one. Safe to repeat. */
  private finish(): void {
    const { flight, request } = this
    const { engine, key, plan } = request
    if (!engine.flights.delete(flight)) return
    plan.fetchBatch?.settle(key)
    if (this.isUnanswered) {
      const options = LoadProtocol.acquireOptions(plan.policy, this.owner, plan.force, undefined)
      engine.returnsOf(plan.scope).addUnsettled(engine.adapter, key, options, this.context)
    }
    if (this.hasSlot) releaseSlot(request)
    engine.flightOver()
  }
}

/** The instant until which the stale value beside a flight's load may be served. */
const endOfWindow = ({ plan }: LoadRequest, { staleValue }: Flight): number =>
  staleValue === undefined ? Infinity : staleValue.at + plan.policy.staleWhileRevalidate - staleValue.staleFor

/** A leader renews its lease all the time, so one that is silent for a lease's length is dead. A follower asks more often. */
const flightOptions = (
  { key, plan: { policy, scope } }: LoadRequest,
  context: Context.Context<never>,
  background: boolean
): FlightOptions => ({
  key,
  scope,
  silenceLimit: policy.leaseTtl,
  clock: Context.get(context, Clock.Clock),
  background
})

const contextOf = (
  request: LoadRequest,
  owner: string,
  flight: Flight,
  early: number | undefined,
  acquireSlot: () => boolean,
  unanswered: () => void
): LoadContext => {
  const { engine, key, plan } = request
  const { force, hooks, policy, scope } = plan
  return {
    key,
    owner,
    startedAt: flight.startedAt,
    adapter: engine.adapter,
    valueCodec: engine.valueCodec,
    policy,
    fetcher: fetcherOf(request),
    events: flight,
    report: (error) => report(error, hooks),
    counters: engine.counters,
    force,
    early,
    acquireSlot,
    failuresInARow: (failed) => engine.backoff.note(key, failed),
    unanswered,
    allowsBackground: scope.allowsBackground,
    returns: engine.returnsOf(scope)
  }
}

/** Takes a slot for a background load, or calls `later` when one is free. The loads of a batch share a slot. */
const takeSlot = (request: LoadRequest, later: () => void): boolean => {
  const { fetchBatch } = request.plan
  return fetchBatch === undefined
    ? queueOf(request).acquireSlot(request.key, later)
    : fetchBatch.acquireSlot(queueOf(request), request.key, later)
}

const releaseSlot = (request: LoadRequest): void => {
  const { fetchBatch } = request.plan
  if (fetchBatch === undefined) queueOf(request).releaseSlot()
  else fetchBatch.releaseSlot(queueOf(request))
}

const queueOf = ({ engine, plan }: LoadRequest): BackgroundQueue => engine.queueOf(plan.scope, plan.acquireBatch)

/** True when the store may have heard an `acquire` that failed. Such a one is repeated. */
const mayBeUnanswered = (reason: Cause.Reason<AdapterError>): reason is Cause.Fail<AdapterError> =>
  Cause.isFailReason(reason) && reason.error.retryable && reason.error.unsent !== true
