/**
 * The answer of a call whose options were checked.
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { LoadRequest } from "../flight/LoadRequest.ts"
import { withinOf } from "../flight/Reentrancy.ts"
import { hooked } from "./Answers.ts"
import * as LocalHit from "./LocalHit.ts"
import { type Answering, Waiter } from "./Waiter.ts"

/** A caller that is a fiber. */
class FiberWaiter extends Waiter {
  private readonly resume: (answer: Answering) => void

  constructor(resume: (answer: Answering) => void) {
    super()
    this.resume = resume
  }

  answer(answer: Answering): void {
    this.resume(answer)
  }
}

/** Answers from this process, or waits in the caller's fiber. */
export const answer = (request: LoadRequest, context: Context.Context<never>): Answering => {
  const hit = LocalHit.ofCall(request, context)
  if (hit !== undefined) return hooked(request.plan.hooks, request.key, hit)
  return Effect.callback((resume) => {
    const waiter = new FiberWaiter(resume)
    waiter.wait(request, context, withinOf(context))
    return waiter.interrupt
  })
}
