/**
 * Statements as effects: each bounded in time, each with a typed failure, and none that leaves a timer,
 * a listener or a rejection behind.
 */
import type { AdapterError, Operation } from "@cache-locking/core"
import * as Effect from "effect/Effect"
import { failed, isReply, lostRace, timedOut } from "./Failure.ts"
import type { Link, Parameter, Row } from "./Link.ts"

/** A call that has no answer yet. */
interface Pending {
  readonly deadline: number
  readonly expire: () => void
}

/**
 * One timer for all calls. They have the same time each, so the first to begin is the first to be late;
 * a timer per call would be a good part of what a hit costs.
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

/** The calls over one link, with one bound. */
export class Calls {
  private readonly link: Link
  private readonly timeout: number
  private readonly deadlines = new Deadlines()

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
      const call: Pending = {
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
