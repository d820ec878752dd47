/**
 * Requests as effects: each bounded in time, each with a typed failure, and none that leaves a timer or a listener
 * behind.
 */
import type { AdapterError, Operation } from "@cache-locking/core"
import * as Effect from "effect/Effect"
import type { Connection, Reply } from "./Connection.ts"
import { failed, rejected, timedOut } from "./Failure.ts"
import type { Pool } from "./Pool.ts"

/** A call that has no answer yet. */
interface Pending {
  readonly deadline: number
  readonly expire: () => void
}

/** One timer for all calls. They have the same time each, so the first to begin is the first to be late. */
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
    // A connection on which somebody waits keeps the process alive; its bound need not.
    return setTimeout(this.look, Math.max(1, first.deadline - performance.now())).unref()
  }

  /** A process that was busy for so long has replies that it did not read yet: they come first. */
  private readonly look = (): void => {
    setImmediate(this.sweep)
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

/** The calls over one pool, with one bound. */
export class Calls {
  private readonly pool: Pool
  private readonly timeout: number
  private readonly deadlines = new Deadlines()

  constructor(pool: Pool, timeout: number) {
    this.pool = pool
    this.timeout = timeout
  }

  /**
   * Sends a request, waits for the reply until the time is over, and goes on with it.
   *
   * @param only the connection that it must be, if it must be one, and the answer when that is over
   */
  exchange<A>(
    operation: Operation,
    key: string,
    name: string,
    request: () => Buffer,
    answer: (reply: Reply, connection: Connection) => Effect.Effect<A, AdapterError>,
    only?: { readonly connection: Connection; readonly over: A }
  ): Effect.Effect<A, AdapterError> {
    return Effect.callback((resume) => {
      if (only?.connection.over) {
        resume(Effect.succeed(only.over))
        return
      }
      let connection: Connection
      let bytes: Buffer
      try {
        connection = only?.connection ?? this.pool.connection(name)
        bytes = request()
      } catch (error) {
        resume(Effect.fail(rejected(operation, key, error instanceof Error ? error.message : "it cannot be sent")))
        return
      }
      const call: Pending = {
        deadline: performance.now() + this.timeout,
        expire: () => {
          const late = timedOut(operation, key, this.timeout)
          resume(Effect.fail(late))
          // Replies come in the order of the requests: what is silent for one is silent for all that follow.
          connection.fail(new Error(late.message))
        }
      }
      this.deadlines.add(call)
      // A caller that leaves does not end the bound: a connection that is silent has to be found out.
      connection.send(
        bytes,
        (reply) => {
          this.deadlines.remove(call)
          resume(Effect.suspend(() => answer(reply, connection)))
        },
        (error) => {
          this.deadlines.remove(call)
          resume(Effect.fail(failed(operation, key, error)))
        }
      )
    })
  }
}
