/**
 * Calls of the binding as effects: each bounded in time, each with a typed failure, and none that leaves a timer or a
 * rejection behind. A binding's call cannot be taken back: its late answer is heard by nobody.
 */
import type { AdapterError, Operation } from "@cache-locking/core"
import * as Effect from "effect/Effect"
import { failed, timedOut } from "./Failure.ts"

/** A store that is slower than this is taken for one that does not answer. */
const bytesPerMillisecond = 1_024

export class Calls {
  private readonly timeout: number

  constructor(timeout: number) {
    this.timeout = timeout
  }

  /**
   * @param bytes how many are sent
   * @param ask is told how to give so many bytes more the time to come
   */
  run<A>(
    operation: Operation,
    bytes: number,
    ask: (expect: (bytes: number) => void) => Promise<A>
  ): Effect.Effect<A, AdapterError> {
    return Effect.callback((resume) => {
      let timer: ReturnType<typeof setTimeout>
      let settled = false
      const expect = (bytes: number) => {
        if (settled) return
        clearTimeout(timer)
        const bound = this.timeout + Math.ceil(bytes / bytesPerMillisecond)
        timer = setTimeout(() => settle(Effect.fail(timedOut(operation, bound))), bound)
      }
      const settle = (answer: Effect.Effect<A, AdapterError>) => {
        settled = true
        clearTimeout(timer)
        resume(answer)
      }
      expect(bytes)
      const asked = async () => ask(expect)
      asked().then(
        (answer) => settle(Effect.succeed(answer)),
        (error) => settle(Effect.fail(failed(operation, error)))
      )
      return Effect.sync(() => {
        settled = true
        clearTimeout(timer)
      })
    })
  }
}
