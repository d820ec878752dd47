/**
 * The answers for many keys: each is joined or led like any other, and those that this call leads are one fetch.
 */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Check from "../contract/Check.ts"
import type { Engine, Request } from "../flight/Engine.ts"
import { FetchBatch, type FetchMany, isMissing } from "../flight/FetchBatch.ts"
import type { CallPlan } from "../flight/LoadRequest.ts"
import { withinOf } from "../flight/Reentrancy.ts"
import { BatchJoiners } from "./BatchWaiters.ts"
import * as Call from "./GetOrSet.ts"
import { Joiner } from "./Joiner.ts"
import { closed, guard } from "./Preconditions.ts"

type Answers<A> = Effect.Effect<ReadonlyMap<string, A>, any, any>

/**
 * The answers of those keys that have one.
 *
 * @throws InvalidOption
 */
export const answer = <A>(
  engine: Engine<A>,
  own: CallPlan,
  keys: Iterable<string>,
  fetchMany: FetchMany<A, any, any>,
  fiber: Fiber.Fiber<unknown, unknown>
): Answers<A> => {
  Check.required("fetchMany", fetchMany)
  const wanted = [...new Set(keys)]
  const batch = new FetchBatch<A, any, any>(wanted, fetchMany, fiber.context)
  const plan: CallPlan = { ...own, fetchBatch: batch, acquireBatch: engine.inquire(wanted, own, fiber.context) }
  const together = wanted.length > 0 && Joiner.suits(own) && withinOf(fiber) === undefined
  const requests = wanted.map((key) => ({ engine, key, fetcher: () => batch.load(key), plan, force: false }))
  return together ? inOneWait(batch, requests, fiber) : eachByItself(batch, requests, fiber)
}

/** For the many who want nothing that needs a fiber of its own. */
const inOneWait = (
  batch: FetchBatch<any, any, any>,
  requests: ReadonlyArray<Request>,
  fiber: Fiber.Fiber<unknown, unknown>
): Answers<any> => {
  for (const { engine, key } of requests) {
    if (engine.closed) return closed(engine, key)
    Check.key(key)
    const tooLong = Call.checkKey(engine, key)
    if (tooLong !== undefined) return tooLong
  }
  return new BatchJoiners(batch, requests, fiber).all
}

const eachByItself = (
  batch: FetchBatch<any, any, any>,
  requests: ReadonlyArray<Request>,
  fiber: Fiber.Fiber<unknown, unknown>
): Answers<any> => {
  const one = (request: Request) => {
    const { engine, key } = request
    const plan = { ...request.plan, others: () => batch.settle(key) }
    const answered = Effect.matchCauseEffect(
      guard(engine, key, () => Call.resolve({ ...request, plan }, fiber)),
      {
        onSuccess: ({ value }) => Effect.succeed([[key, value] as const]),
        // The others are told of a failed fetch before this failure ends them.
        onFailure: (cause) =>
          isMissing(cause) ? Effect.succeed([]) : Effect.andThen(Effect.yieldNow, Effect.failCause(cause))
      }
    )
    return Effect.ensuring(
      answered,
      Effect.sync(() => batch.answered(key))
    )
  }
  return Effect.map(Effect.forEach(requests, one, { concurrency: "unbounded" }), (found) => new Map(found.flat()))
}
