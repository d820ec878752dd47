/**
 * The statements of an adapter, as bounded calls.
 */
import { type AdapterError, BoundedCalls, type Operation } from "@cache-locking/core"
import type * as Effect from "effect/Effect"
import { failures, isReadOnly, isReply, lostRace } from "./Failure.ts"
import type { Link, Parameter, Row } from "./Link.ts"

export class Calls extends BoundedCalls.Calls {
  readonly link: Link

  constructor(link: Link, timeout: number) {
    super({
      failures,
      timeout,
      whenReady: (start, fail) => link.whenHealthy(start, fail, timeout),
      repeats: (error) => {
        if (lostRace(error)) return true
        if (isReadOnly(error)) return link.refusedWrite()
        if (!isReply(error)) link.distrust()
        return false
      },
      onTimeout: () => link.distrust()
    })
    this.link = link
  }

  /**
   * Sends a statement and goes on with its rows.
   *
   * @param answer reads the rows; `undefined` when another client was quicker and the statement has to be sent again
   */
  statement<A>(
    operation: Operation,
    key: string | undefined,
    text: string,
    parameters: ReadonlyArray<Parameter>,
    answer: (rows: ReadonlyArray<Row>) => Effect.Effect<A, AdapterError> | undefined
  ): Effect.Effect<A, AdapterError> {
    return this.run(operation, key, () => this.link.send(text, parameters), answer)
  }
}
