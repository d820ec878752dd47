/**
 * Commands as effects: each bounded in time, each with a typed failure, and none that leaves a timer,
 * a listener or a rejection behind.
 */
import type { AdapterError, Operation } from "@cache-locking/core"
import * as Effect from "effect/Effect"
import { failed, isUnknownScript, timedOut } from "./Failure.ts"
import { type Argument, noop, type RedisPort } from "./RedisPort.ts"
import type { Script } from "./Scripts.ts"

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

/** The calls over one port, with one bound. */
export class Calls {
  private readonly port: RedisPort
  private readonly loaded: Set<Script>
  private readonly timeout: number
  private readonly deadlines = new Deadlines()

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
      const call: Pending = {
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
