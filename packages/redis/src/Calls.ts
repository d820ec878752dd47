/**
 * The commands and scripts of an adapter as bounded calls.
 */
import { BoundedCalls } from "@cache-locking/core"
import { failures, isUnknownScript, isWrongType } from "./client/Failure.ts"
import { type Argument, noop, type RedisPort } from "./client/RedisPort.ts"
import type { Resolved } from "./Options.ts"
import type { Script } from "./Scripts.ts"

export class Calls extends BoundedCalls.Calls {
  private readonly port: RedisPort
  private readonly loaded: Set<Script>

  constructor({ loaded, port, space: { hints }, timeout }: Resolved) {
    // A plain read met a record of another type. Without its hint the next call is a script, which finds no value.
    const onError = (error: unknown) => {
      if (isWrongType(error)) hints.clear()
    }
    super({ failures, timeout, whenReady: port.whenReady, onError })
    this.port = port
    this.loaded = loaded
  }

  /**
   * Runs a script. The first call sends its text, which loads it. Later calls send its digest, and the text again to a
   * server that does not know it: one that was flushed, restarted, or took over.
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
