/**
 * Commands as effects: each bounded in time, each with a typed failure, and none that leaves a timer,
 * a listener or a rejection behind.
 */
import { type AdapterError, Deadlines, type Operation } from "@cache-locking/core"
import * as Effect from "effect/Effect"
import { failed, isUnknownScript, timedOut } from "./Failure.ts"
import { type Argument, noop, type RedisPort } from "./RedisPort.ts"
import type { Script } from "./Scripts.ts"

/** The calls over one port, with one bound. */
export class Calls {
  private readonly port: RedisPort
  private readonly loaded: Set<Script>
  private readonly timeout: number
  private readonly deadlines = new Deadlines.Deadlines()

  constructor(port: RedisPort, loaded: Set<Script>, timeout: number) {
    this.port = port
    this.loaded = loaded
    this.timeout = timeout
  }

  /** Sends once the client is connected, waits for the reply until the time is over, and goes on with it. */
  run<A, B>(
    operation: Operation,
    key: string | undefined,
    send: () => Promise<A>,
    answer: (reply: A) => Effect.Effect<B, AdapterError>
  ): Effect.Effect<B, AdapterError> {
    return Effect.callback((resume) => {
      let giveUp: (() => void) | undefined
      const call: Deadlines.Pending = {
        deadline: performance.now() + this.timeout,
        expire: () => {
          giveUp?.()
          resume(Effect.fail(timedOut(operation, key, this.timeout)))
        }
      }
      const fail = (error: unknown) => {
        this.deadlines.remove(call)
        resume(Effect.fail(failed(operation, key, error)))
      }
      const succeed = (reply: A) => {
        try {
          resume(answer(reply))
          this.deadlines.remove(call)
        } catch (error) {
          fail(error)
        }
      }
      this.deadlines.add(call)
      giveUp = this.port.whenReady(() => {
        try {
          send().then(succeed, fail)
        } catch (error) {
          fail(error)
        }
      })
      // Once sent, a command cannot be taken back, and nobody hears its answer.
      return giveUp && Effect.sync(giveUp)
    })
  }

  /**
   * Runs a script. The first time its text is sent, which loads it; from then on its digest, and the text
   * again to a server that does not know it: one that was flushed, restarted, or took over.
   */
  script(script: Script, names: ReadonlyArray<string>, args: ReadonlyArray<Argument>): Promise<unknown> {
    const { evaluate } = this.port
    if (this.loaded.has(script)) {
      return evaluate("EVALSHA", script.sha, names, args).catch((error) => {
        if (!isUnknownScript(error)) throw error
        return evaluate("EVAL", script.lua, names, args)
      })
    }
    const first = evaluate("EVAL", script.lua, names, args)
    first.then(() => this.loaded.add(script), noop)
    return first
  }
}
