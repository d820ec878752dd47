/**
 * The answers for many keys. Each key has a flight like any other, and the keys that this call leads share one fetch.
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Check from "../contract/Check.ts"
import { AcquireBatch } from "../flight/AcquireBatch.ts"
import { withinOf } from "../flight/AsyncContext.ts"
import type { Engine } from "../flight/Engine.ts"
import { FetchBatch, type FetchMany, isMissing } from "../flight/FetchBatch.ts"
import type { CallPlan, LoadRequest } from "../flight/LoadRequest.ts"
import type { Answer } from "../options/Answer.ts"
import { admit } from "./Preconditions.ts"
import { type Answering, isExit, Waiter } from "./Waiter.ts"

type Values = ReadonlyMap<string, unknown>

/**
 * The values of those keys that have one.
 *
 * @throws CacheLockingError before any key is touched
 */
export const answerMany = (
  engine: Engine,
  plan: CallPlan,
  keys: Iterable<string>,
  fetchMany: FetchMany<unknown, unknown, never>,
  context: Context.Context<never>
): Effect.Effect<Values, unknown> => {
  Check.required("fetchMany", fetchMany)
  const wanted = [...new Set(keys)]
  for (const key of wanted) admit(engine, key)
  if (wanted.length === 0) return Effect.succeed(new Map())
  const fetchBatch = new FetchBatch(wanted, fetchMany, context)
  const { acquireMany } = engine.adapter
  const acquireBatch =
    acquireMany === undefined || wanted.length < 2
      ? undefined
      : new AcquireBatch(engine.adapter, acquireMany, wanted, plan.policy.ownerId, plan.scope, context)
  const own: CallPlan = { ...plan, toFetcher: undefined, fetchBatch, acquireBatch }
  const requests = wanted.map((key) => ({ engine, key, fetcher: () => fetchBatch.load(key), plan: own }))
  return new BatchWaiters(fetchBatch, requests, context).all
}

/** Waits for one key of a batch. */
class KeyWaiter extends Waiter {
  private readonly key: string
  private readonly all: BatchWaiters

  constructor(key: string, all: BatchWaiters) {
    super()
    this.key = key
    this.all = all
  }

  protected override onOthersLoad(): void {
    this.all.fetchBatch.settle(this.key)
  }

  answer(answer: Answering): void {
    if (isExit(answer)) this.all.settle(this.key, answer)
    else this.inContext(() => this.all.runHook(this.key, this.run(answer)))
  }

  protected inContext(step: () => void): void {
    this.all.fetchBatch.inContext(step)
  }
}

/** Waits for all keys of a batch, in one fiber. */
class BatchWaiters {
  readonly fetchBatch: FetchBatch
  private readonly context: Context.Context<never>
  private readonly requests: ReadonlyArray<LoadRequest>
  /** In the order of the keys, not of their answers. */
  private readonly values: Map<string, unknown>
  private readonly waiters: Array<KeyWaiter> = []
  private readonly hooks = new Set<Fiber.Fiber<unknown, unknown>>()
  private resume: ((values: Effect.Effect<Values, unknown>) => void) | undefined
  private left: number

  constructor(fetchBatch: FetchBatch, requests: ReadonlyArray<LoadRequest>, context: Context.Context<never>) {
    this.fetchBatch = fetchBatch
    this.context = context
    this.requests = requests
    this.left = requests.length
    this.values = new Map(requests.map(({ key }) => [key, undefined]))
  }

  /** All values; or the first failure, which ends the wait for the other keys. */
  readonly all: Effect.Effect<Values, unknown> = Effect.callback((resume) => {
    this.resume = resume
    for (const request of this.requests) {
      if (this.resume === undefined) break
      this.begin(request)
    }
    return Effect.sync(() => this.leave())
  })

  private begin(request: LoadRequest): void {
    const { context } = this
    const waiter = new KeyWaiter(request.key, this)
    this.waiters.push(waiter)
    waiter.begin(request, context, withinOf(context))
  }

  settle(key: string, exit: Exit.Exit<Answer<unknown>, unknown>): void {
    this.fetchBatch.answered(key)
    if (Exit.isSuccess(exit)) this.values.set(key, exit.value.value)
    else if (isMissing(exit.cause)) this.values.delete(key)
    else {
      // The other keys are notified of a failed fetch before this failure ends their wait.
      this.answer(Effect.andThen(Effect.yieldNow, Effect.failCause(exit.cause)))
      return
    }
    if (--this.left === 0) this.answer(Effect.succeed(this.values))
  }

  runHook(key: string, hook: Fiber.Fiber<Answer<unknown>, unknown>): void {
    this.hooks.add(hook)
    hook.addObserver((exit) => {
      this.hooks.delete(hook)
      if (this.resume !== undefined) this.settle(key, exit)
    })
  }

  private answer(answer: Effect.Effect<Values, unknown>): void {
    const { resume } = this
    this.resume = undefined
    resume?.(
      Effect.ensuring(
        answer,
        Effect.sync(() => this.leave())
      )
    )
  }

  private leave(): void {
    this.resume = undefined
    for (const waiter of this.waiters) waiter.leave()
    for (const hook of this.hooks) hook.interruptUnsafe()
    // Nobody hears what becomes of the keys that others load, and loads of the batch may go on for callers that joined them.
    for (const { key } of this.requests) this.fetchBatch.answered(key)
  }
}
