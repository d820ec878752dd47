/**
 * The requests of an adapter, as bounded calls.
 */
import { type AdapterError, BoundedCalls, Failures, type Operation } from "@cache-locking/core"
import * as Effect from "effect/Effect"
import type { Connection, Reply } from "./Connection.ts"
import { failures } from "./Failure.ts"
import type { Pool } from "./Pool.ts"

/** The calls over one pool. */
export class Calls extends BoundedCalls.Calls {
  private readonly pool: Pool

  constructor(pool: Pool, timeout: number) {
    super({ failures, timeout })
    this.pool = pool
  }

  /**
   * Sends a request and goes on with the reply.
   *
   * @param only the one connection that may be used, if there is one, and the answer when that connection has ended
   */
  exchange<A>(
    operation: Operation,
    key: string,
    name: string,
    request: () => Buffer,
    answer: (reply: Reply, connection: Connection) => Effect.Effect<A, AdapterError>,
    only?: { readonly connection: Connection; readonly over: A }
  ): Effect.Effect<A, AdapterError> {
    return this.begin(operation, key, (call) => {
      if (only?.connection.over) {
        call.end(Effect.succeed(only.over))
        return
      }
      let connection: Connection
      let bytes: Buffer
      try {
        connection = only?.connection ?? this.pool.connection(name)
        bytes = request()
      } catch (error) {
        call.end(Effect.fail(failures.rejected(operation, key, Failures.wordsOf(error, "it cannot be sent"))))
        return
      }
      // Replies come in the order of the requests: a connection that is silent for one is silent for all that follow.
      // So the bound stays if the caller leaves.
      call.onTimeout = ({ message }) => connection.fail(new Error(message))
      connection.send(
        bytes,
        (reply) => call.end(Effect.suspend(() => answer(reply, connection))),
        (error) => call.fail(error)
      )
    })
  }
}
