/** The requests of an adapter, as bounded calls. The clock learns the time from their answers. */
import { type AdapterError, BoundedCalls, type Operation, type StoreClock } from "@cache-locking/core"
import * as Effect from "effect/Effect"
import { failures } from "./Failure.ts"

/** The common part of the client's commands. */
export interface Command {
  readonly middlewareStack: {
    readonly add: (middleware: any, options: { step: "deserialize"; priority: "low"; name: string }) => void
  }
}

interface Raw {
  readonly response?: { readonly headers?: { readonly date?: string } } | undefined
}

const noDate =
  "the store's answers have no Date, so its clock is unknown; if your hosts' clocks agree, set clock: \"client\""

export class Calls {
  private readonly calls: BoundedCalls.Calls
  private readonly clock: StoreClock.StoreClock | undefined

  constructor(timeout: number, clock: StoreClock.StoreClock | undefined) {
    this.calls = BoundedCalls.make({ failures, timeout, timers: "own" })
    this.clock = clock
  }

  /** Gives each answer to the command to the clock, also when the client repeats the command by itself. */
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

  /** Runs a request. Giving it up aborts it. */
  run<A>(operation: Operation, ask: (call: BoundedCalls.Running) => Promise<A>): Effect.Effect<A, AdapterError> {
    return this.calls.run(operation, undefined, ask, (answer) =>
      this.clock?.isSet === false
        ? Effect.fail(failures.rejected(operation, undefined, noDate))
        : Effect.succeed(answer)
    )
  }
}
