/**
 * Work of the driver as effects: each bounded in time, each with a typed failure, and none that leaves a timer, a
 * listener or a rejection behind.
 *
 * The driver's own bounds are far longer (30 seconds to find a server, none for an answer): a call that is given up is
 * taken back by its signal. One that waits for a server or a connection is then never sent; one that waits for an answer
 * costs its connection.
 */
import type { AdapterError, Operation } from "@cache-locking/core"
import * as Effect from "effect/Effect"
import { failed, timedOut } from "./Failure.ts"

/** A call that has no answer yet. */
interface Pending {
  readonly deadline: number
  readonly expire: () => void
}

/**
 * One timer for all calls. They have the same time each, so the first to begin is the first to be late.
 */
class Deadlines {
  private readonly pending = new Set<Pending>()
  private timer: NodeJS.Timeout | undefined

  add(call: Pending): void {
    this.pending.add(call)
    this.timer ??= this.arm(call)
  }

  remove(call: Pending): void {
    this.pending.delete(call)
  }

  private arm(first: Pending): NodeJS.Timeout {
    // A pending call has a connection that keeps the process alive; its bound need not.
    return setTimeout(this.sweep, Math.max(1, first.deadline - performance.now())).unref()
  }

  private readonly sweep = (): void => {
    this.timer = undefined
    const now = performance.now()
    const late: Array<Pending> = []
    for (const call of this.pending) {
      if (call.deadline > now) {
        this.timer = this.arm(call)
        break
      }
      this.pending.delete(call)
      late.push(call)
    }
    for (const call of late) call.expire()
  }
}

/** What the driver is told of a call that is over. Nobody hears it. */
const givenUp = new Error("given up")

/** Calls with one bound. */
export class Calls {
  readonly timeout: number
  private readonly deadlines = new Deadlines()

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
      const call: Pending = {
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
