/**
 * Requests as effects: each bounded in time, each with a typed failure, and none that leaves a timer or a socket
 * behind. An answer that nobody waits for any more is cut off.
 */
import type { AdapterError, Operation } from "@cache-locking/core"
import * as Effect from "effect/Effect"
import { failed, timedOut, timeless } from "./Failure.ts"
import type { StoreClock } from "./StoreClock.ts"

/** A line that is slower than this is taken for one that is cut. */
const bytesPerMillisecond = 1_024

/** What the client's commands have in common. */
export interface Command {
  readonly middlewareStack: {
    readonly add: (middleware: any, options: { step: "deserialize"; priority: "low"; name: string }) => void
  }
}

/** What a request may do while it runs. */
export interface Running {
  readonly signal: AbortSignal
  /** Gives so many bytes the time to come. */
  readonly expect: (bytes: number) => void
}

interface Raw {
  readonly response?: { readonly headers?: { readonly date?: string } } | undefined
}

export class Calls {
  private readonly timeout: number
  private readonly clock: StoreClock | undefined

  constructor(timeout: number, clock: StoreClock | undefined) {
    this.timeout = timeout
    this.clock = clock
  }

  /** Has the clock learn from each answer to the command, those that the client repeats by itself too. */
  timed<C extends Command>(command: C): C {
    const { clock } = this
    if (clock === undefined) return command
    const learning = (next: (args: unknown) => Promise<Raw>) => async (args: unknown) => {
      const sent = performance.now()
      const result = await next(args)
      clock.learn(result.response?.headers?.date, sent, performance.now())
      return result
    }
    command.middlewareStack.add(learning, { step: "deserialize", priority: "low", name: "cacheLockingClock" })
    return command
  }

  /** @param bytes how many are sent */
  run<A>(operation: Operation, bytes: number, ask: (running: Running) => Promise<A>): Effect.Effect<A, AdapterError> {
    return Effect.callback((resume) => {
      const controller = new AbortController()
      let bound = this.timeout
      let timer: NodeJS.Timeout
      const expire = () => {
        resume(Effect.fail(timedOut(operation, bound)))
        controller.abort()
      }
      const expect = (bytes: number) => {
        clearTimeout(timer)
        bound = this.timeout + Math.ceil(bytes / bytesPerMillisecond)
        timer = setTimeout(expire, bound)
      }
      expect(bytes)
      ask({ signal: controller.signal, expect }).then(
        (answer) => {
          clearTimeout(timer)
          resume(this.clock?.isSet === false ? Effect.fail(timeless(operation)) : Effect.succeed(answer))
        },
        (error) => {
          clearTimeout(timer)
          resume(Effect.fail(failed(operation, error)))
        }
      )
      return Effect.sync(() => {
        clearTimeout(timer)
        controller.abort()
      })
    })
  }
}
