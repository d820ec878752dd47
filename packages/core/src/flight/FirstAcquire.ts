/**
 * A flight's way to its landing: the store is asked first, and whatever it says but a fresh value is a turn's to go on with.
 */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { ValueCodec } from "../codec/ValueCodec.ts"
import type { Acquired, Adapter, AdapterError, Hit, Token } from "../contract/Adapter.ts"
import { millisBetween } from "../stats/Histogram.ts"
import type { Counters } from "../stats/Stats.ts"
import type { AcquireBatch } from "./AcquireBatch.ts"
import type { Flight } from "./Flight.ts"
import type { LoadContext } from "./LoadContext.ts"
import * as Lease from "./LoadProtocol.ts"
import type { BackgroundLoad, LoadRequest } from "./LoadRequest.ts"

/** What a trip needs of its cache. */
export interface Ground {
  readonly adapter: Adapter
  readonly counters: Counters
  readonly valueCodec: ValueCodec<any>
  /** A flight's turn, once the store was asked. */
  turn(
    load: LoadRequest,
    owner: string,
    flight: Flight,
    early: number | undefined,
    mayBegin: () => boolean
  ): LoadContext<any, any, any>
  loadBehind(load: LoadRequest, context: Context.Context<never>, behind: BackgroundLoad): void
  /** Takes a place among the background loads, or has `later` called when there is one. */
  enter(load: LoadRequest, later: () => void): boolean
  leave(load: LoadRequest): void
  /** A flight is over; false if that was told already. */
  arrived(flight: Flight): boolean
}

export class FirstAcquire {
  private readonly ground: Ground
  private readonly load: LoadRequest
  private readonly context: Context.Context<never>
  private readonly owner: string
  /** Asks first, together with others. */
  private readonly inquiry: AcquireBatch | undefined
  private readonly behind: BackgroundLoad | undefined
  /** Whether it has a place in the backlog. */
  private placed: boolean

  constructor(
    ground: Ground,
    load: LoadRequest,
    context: Context.Context<never>,
    owner: string,
    inquiry: AcquireBatch | undefined,
    behind: BackgroundLoad | undefined
  ) {
    this.ground = ground
    this.load = load
    this.context = context
    this.owner = owner
    this.inquiry = inquiry
    this.behind = behind
    this.placed = behind?.placed ?? false
  }

  /**
   * Asks the store without the machinery of a turn: most of the time the answer is a fresh value, and that is all.
   * A failure that may pass is asked again, once, though everybody may have left: the same owner still leads if only the
   * reply was lost, and its lease is to be given back.
   */
  ask(flight: Flight, again = true): void {
    const { adapter, counters } = this.ground
    const { behind, context, inquiry, load, owner } = this
    const { clock } = flight
    const began = again && counters.measures ? clock.monotonicTimeNanosUnsafe() : undefined
    const asking = Lease.acquireOptions(load.plan.policy, owner, load.force, behind?.early)
    const answered = (exit: Exit.Exit<Acquired, AdapterError>): void => {
      if (Exit.isFailure(exit) && again && exit.cause.reasons.some(mayPass)) {
        this.ask(flight, false)
        return
      }
      if (Exit.isSuccess(exit) && began !== undefined) {
        counters.store.record(millisBetween(began, clock.monotonicTimeNanosUnsafe()))
      }
      flight.heartbeat()
      if (flight.ended) this.discard(exit)
      else this.go(flight, exit)
      if (flight.done) this.arrive(flight)
    }
    if (again && inquiry !== undefined) {
      inquiry.acquire(load.key, asking, answered)
      return
    }
    const asked = Effect.suspend(() => adapter.acquire(load.key, asking))
    const fiber = Effect.runForkWith(context)(asked)
    load.plan.scope.waitUntil(fiber)
    fiber.addObserver(answered)
  }

  /** Everybody left while the store was asked: a lease that was granted all the same is for others. */
  private discard(asked: Exit.Exit<Acquired, AdapterError>): void {
    const { context, load } = this
    if (Exit.isSuccess(asked) && asked.value._tag === "Leader") {
      load.plan.scope.waitUntil(Effect.runForkWith(context)(this.giveBack(asked.value.token)))
    }
  }

  private giveBack(token: Token): Effect.Effect<void> {
    return Effect.ignore(this.ground.adapter.abandon(this.load.key, { token }))
  }

  /** Lands with a fresh value, or begins the turn with any other answer. */
  private go(flight: Flight, asked: Exit.Exit<Acquired, AdapterError>): void {
    const { behind, context, ground, load, owner } = this
    const found = Exit.isSuccess(asked) ? asked.value : undefined
    const opened =
      found?._tag === "Hit" && behind === undefined ? ground.valueCodec.decodeUntaggedUnsafe(found.value) : undefined
    if (opened !== undefined) {
      flight.settle(Exit.succeed(Lease.hit(opened, found as Hit, false)))
      return
    }
    const mayBegin = () => {
      const later = () => ground.loadBehind(load, context, { early: behind?.early ?? 0, placed: true })
      this.placed ||= ground.enter(load, later)
      return this.placed
    }
    const turn = Lease.run(ground.turn(load, owner, flight, behind?.early, mayBegin), asked)
    const arrived = Effect.sync(() => this.arrive(flight))
    flight.run(Effect.ensuring(turn, arrived), context)
  }

  /** The flight is over: its place is for the next. Safe to repeat. */
  private arrive(flight: Flight): void {
    const { load } = this
    if (!this.ground.arrived(flight)) return
    load.plan.fetchBatch?.settle(load.key)
    if (this.placed) this.ground.leave(load)
  }
}

const mayPass = (reason: Cause.Reason<AdapterError>): boolean => Cause.isFailReason(reason) && reason.error.retryable
