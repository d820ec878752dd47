/**
 * Work of the driver as effects: each bounded in time, each with a typed failure, and none that leaves a timer, a
 * listener or a rejection behind.
 *
 * The driver's own bounds are far longer (30 seconds to find a server, none for an answer): a call that is given up is
 * taken back by its signal. One that waits for a server or a connection is then never sent; one that waits for an answer
 * costs its connection.
 */
import { type AdapterError, Deadlines, type Operation } from "@cache-locking/core"
import * as Effect from "effect/Effect"
import { failed, timedOut } from "./Failure.ts"

/** What the driver is told of a call that is over. Nobody hears it. */
const givenUp = new Error("given up")

/** Calls with one bound. */
export class Calls {
  readonly timeout: number
  private readonly deadlines = new Deadlines.Deadlines()

  constructor(timeout: number) {
    this.timeout = timeout
  }

  /** Runs the work, which may be several statements, until it is done or the time is over. */
  run<A>(
    operation: Operation,
    key: string | undefined,
    work: (signal: AbortSignal) => Promise<A>
  ): Effect.Effect<A, AdapterError> {
    return Effect.callback((resume) => {
      const controller = new AbortController()
      const call: Deadlines.Pending = {
        deadline: performance.now() + this.timeout,
        expire: () => {
          resume(Effect.fail(timedOut(operation, key, this.timeout)))
          controller.abort(givenUp)
        }
      }
      this.deadlines.add(call)
      const fail = (error: unknown) => {
        this.deadlines.remove(call)
        resume(Effect.fail(failed(operation, key, error)))
      }
      try {
        work(controller.signal).then((answer) => {
          this.deadlines.remove(call)
          resume(Effect.succeed(answer))
        }, fail)
      } catch (error) {
        fail(error)
      }
      return Effect.sync(() => {
        this.deadlines.remove(call)
        controller.abort(givenUp)
      })
    })
  }
}
