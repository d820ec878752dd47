/**
 * The commands and scripts of an adapter as bounded calls.
 */
import { BoundedCalls } from "@cache-locking/core"
import { failures, isUnknownScript } from "./client/Failure.ts"
import { type Argument, noop, type RedisPort } from "./client/RedisPort.ts"
import type { Script } from "./Scripts.ts"

export class Calls extends BoundedCalls.Calls {
  private readonly port: RedisPort
  private readonly loaded: Set<Script>

  constructor(port: RedisPort, loaded: Set<Script>, timeout: number) {
    super({ failures, timeout, whenReady: port.whenReady })
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
