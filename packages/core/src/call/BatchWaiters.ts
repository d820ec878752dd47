/**
 * Callers of one batch with nothing that needs a fiber of its own: one effect waits for all of them.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type { Request } from "../flight/Engine.ts"
import { type FetchBatch, isMissing } from "../flight/FetchBatch.ts"
import type { Flight, FlightEvent } from "../flight/Flight.ts"
import type { Answer } from "../options/Answer.ts"
import * as Call from "./GetOrSet.ts"
import { Joiner } from "./Joiner.ts"
import * as LocalHit from "./LocalHit.ts"

type AnswerExit = Exit.Exit<Answer<any>, any>

/** Waits for the flight of one key. */
class KeyJoiner extends Joiner {
  private readonly request: Request
  private readonly all: BatchJoiners

  constructor(request: Request, flight: Flight, mine: boolean, all: BatchJoiners) {
    super(request.engine, request.plan, flight, mine)
    this.request = request
    this.all = all
  }

  override notify(news: FlightEvent): void {
    if (news._tag === "Following" || news._tag === "Joined") this.all.batch.settle(this.request.key)
    else super.notify(news)
  }

  protected override end(exit: AnswerExit | undefined, late: boolean): void {
    if (exit !== undefined) this.all.told(this.request.key, exit)
    else this.all.goOn(this.request, this.began, late ? this.flight : undefined)
  }
}

/** The answers of a batch, as they come. */
export class BatchJoiners {
  readonly batch: FetchBatch<any, any, any>
  private readonly fiber: Fiber.Fiber<unknown, unknown>
  private readonly requests: ReadonlyArray<Request>
  private readonly found: Map<string, any>
  private readonly joiners: Array<KeyJoiner> = []
  private readonly others = new Set<Fiber.Fiber<unknown, unknown>>()
  private resume: ((found: Effect.Effect<ReadonlyMap<string, any>, any>) => void) | undefined
  private left: number

  constructor(
    batch: FetchBatch<any, any, any>,
    requests: ReadonlyArray<Request>,
    fiber: Fiber.Fiber<unknown, unknown>
  ) {
    this.batch = batch
    this.fiber = fiber
    this.requests = requests
    this.left = requests.length
    // In the order of the keys, whichever is answered first.
    this.found = new Map(requests.map(({ key }) => [key, undefined]))
  }

  /** All answers; or the first failure, which ends the wait of the rest. */
  readonly all: Effect.Effect<ReadonlyMap<string, any>, any> = Effect.callback((resume) => {
    this.resume = resume
    for (const request of this.requests) {
      if (this.resume === undefined) break
      this.join(request)
    }
    return Effect.sync(() => this.leave())
  })

  private join(request: Request): void {
    const { engine, key } = request
    const hit = LocalHit.ofCall(request, this.fiber)
    if (hit !== undefined) {
      this.told(key, Exit.succeed(hit))
      return
    }
    const current = engine.groups.flights.get(key)
    const flight = current ?? engine.fly(request, this.fiber.context)
    const joiner = new KeyJoiner(request, flight, current === undefined, this)
    this.joiners.push(joiner)
    joiner.join()
  }

  told(key: string, exit: AnswerExit): void {
    this.batch.answered(key)
    if (Exit.isSuccess(exit)) this.found.set(key, exit.value.value)
    else if (isMissing(exit.cause)) this.found.delete(key)
    else {
      // The others are told of a failed fetch before this failure ends them.
      this.answer(Effect.andThen(Effect.yieldNow, Effect.failCause(exit.cause)))
      return
    }
    if (--this.left === 0) this.answer(Effect.succeed(this.found))
  }

  private answer(answer: Effect.Effect<ReadonlyMap<string, any>, any>): void {
    const { resume } = this
    this.resume = undefined
    resume?.(
      Effect.ensuring(
        answer,
        Effect.sync(() => this.leave())
      )
    )
  }

  /** What joining alone did not answer. */
  goOn(request: Request, since: number, flight: Flight | undefined): void {
    const plan = { ...request.plan, others: () => this.batch.settle(request.key) }
    const wait = Call.waitOn({ ...request, plan }, this.fiber, since, flight) as Effect.Effect<Answer<any>, any>
    const long = Effect.runForkWith(this.fiber.context)(wait)
    this.others.add(long)
    long.addObserver((exit) => {
      this.others.delete(long)
      if (this.resume !== undefined) this.told(request.key, exit)
    })
  }

  private leave(): void {
    this.resume = undefined
    for (const joiner of this.joiners) joiner.leave()
    for (const other of this.others) other.interruptUnsafe()
  }
}
