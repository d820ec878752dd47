/**
 * Statements as effects: each bounded in time, each with a typed failure, and none that leaves a timer,
 * a listener or a rejection behind.
 */
import { type AdapterError, Deadlines, type Operation } from "@cache-locking/core"
import * as Effect from "effect/Effect"
import { failed, isReply, lostRace, timedOut } from "./Failure.ts"
import type { Link, Parameter, Row } from "./Link.ts"

/** The calls over one link, with one bound. */
export class Calls {
  private readonly link: Link
  private readonly timeout: number
  private readonly deadlines = new Deadlines.Deadlines()

  constructor(link: Link, timeout: number) {
    this.link = link
    this.timeout = timeout
  }

  /**
   * Sends a statement, waits for its rows until the time is over, and goes on with them.
   *
   * @param answer what the rows say; `undefined` when somebody else was quicker and the statement has to be sent again
   */
  run<A>(
    operation: Operation,
    key: string | undefined,
    text: string,
    parameters: ReadonlyArray<Parameter>,
    answer: (rows: ReadonlyArray<Row>) => Effect.Effect<A, AdapterError> | undefined
  ): Effect.Effect<A, AdapterError> {
    return this.bounded(operation, key, () => this.link.send(text, parameters), answer)
  }

  /** The same for whatever asks the client for something. */
  bounded<A, B>(
    operation: Operation,
    key: string | undefined,
    ask: () => Promise<B>,
    answer: (reply: B) => Effect.Effect<A, AdapterError> | undefined
  ): Effect.Effect<A, AdapterError> {
    return Effect.callback((resume) => {
      let over = false
      let takeBack: (() => void) | undefined
      const call: Deadlines.Pending = {
        deadline: performance.now() + this.timeout,
        expire: () => {
          over = true
          takeBack?.()
          this.link.doubt()
          resume(Effect.fail(timedOut(operation, key, this.timeout)))
        }
      }
      const end = (result: Effect.Effect<A, AdapterError>) => {
        if (over) return
        over = true
        this.deadlines.remove(call)
        resume(result)
      }
      const fail = (error: unknown) => end(Effect.fail(failed(operation, key, error)))
      const send = () => {
        if (over) return
        try {
          ask().then(succeed, refused)
        } catch (error) {
          fail(error)
        }
      }
      const succeed = (reply: B) => {
        try {
          const result = answer(reply)
          if (result === undefined) send()
          else end(result)
        } catch (error) {
          fail(error)
        }
      }
      const refused = (error: unknown) => {
        if (lostRace(error)) {
          send()
          return
        }
        if (!isReply(error)) this.link.doubt()
        fail(error)
      }
      this.deadlines.add(call)
      takeBack = this.link.whenSound(send, fail, this.timeout)
      // Once sent, a statement cannot be taken back, and nobody hears its answer.
      return Effect.sync(() => {
        over = true
        takeBack?.()
        this.deadlines.remove(call)
      })
    })
  }
}
