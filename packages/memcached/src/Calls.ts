/**
 * Requests as effects: each bounded in time, each with a typed failure, and none that leaves a timer or a listener
 * behind.
 */
import { type AdapterError, Deadlines, type Operation } from "@cache-locking/core"
import * as Effect from "effect/Effect"
import type { Connection, Reply } from "./Connection.ts"
import { failed, rejected, timedOut } from "./Failure.ts"
import type { Pool } from "./Pool.ts"

/** The calls over one pool, with one bound. */
export class Calls {
  private readonly pool: Pool
  private readonly timeout: number
  private readonly deadlines = new Deadlines.Deadlines()

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
      const call: Deadlines.Pending = {
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
