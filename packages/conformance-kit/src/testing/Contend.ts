/** The part that a process takes in a race of processes. */
import type { Adapter, Token } from "@cache-locking/core"
import * as Effect from "effect/Effect"
import { ask, lifetime, minute, run, sleep, value } from "./Calls.ts"

/** The part of one process in a round. */
export interface Part {
  /** `acquire` (a leader also fills), `fill`, `delete`, or one of the tasks given to `contend`. */
  readonly task: string
  readonly key: string
  /** The number of callers that do it at once. Default: 1. */
  readonly callers?: number | undefined
  /** The token of a fill. */
  readonly token?: Token | undefined
  /** Milliseconds to wait before the task. */
  readonly after?: number | undefined
}

const outcomeOf = async (adapter: Adapter, { key, task, token }: Part, caller: number): Promise<string> => {
  const fill = (token: Token) =>
    run(adapter.fill(key, { token, value: value(caller % 256), lifetime: lifetime(minute) }))
  switch (task) {
    case "acquire": {
      const found = await run(adapter.acquire(key, ask(`${process.pid} ${caller}`)))
      if (found._tag !== "Leader") return found._tag
      return (await fill(found.token)) ? "Leader" : "Leader, but its fill was lost"
    }
    case "fill":
      return (await fill(token!)) ? "held" : "lost"
    case "delete":
      return (await run(adapter.delete(key))) ? "existed" : "nothing"
    default:
      throw new Error(`there is no task ${task}`)
  }
}

/**
 * Makes this process a contender. The module given to `Contenders.start` or `racesOfProcesses` ends with this call.
 *
 * ```ts
 * import { contend } from "@cache-locking/conformance-kit/testing"
 * import type { Adapter } from "@cache-locking/core"
 *
 * declare const connect: (url: string) => Adapter
 *
 * contend(connect(process.argv[2]!))
 * ```
 *
 * @param tasks further tasks, by name
 */
export const contend = (
  adapter: Adapter,
  tasks: Readonly<Record<string, (key: string) => Effect.Effect<unknown, unknown>>> = {}
): void => {
  const take = async (part: Part): Promise<ReadonlyArray<string>> => {
    if (part.after) await sleep(part.after)
    const own = tasks[part.task]
    return Promise.all(
      Array.from({ length: part.callers ?? 1 }, (_, caller) =>
        own === undefined
          ? outcomeOf(adapter, part, caller)
          : run(Effect.match(own(part.key), { onFailure: String, onSuccess: () => "done" }))
      )
    )
  }
  process.on("message", (part: Part) => {
    take(part).then(
      (outcomes) => process.send!(outcomes),
      (error: unknown) => process.send!([String(error)])
    )
  })
  // A connection is made before the first race.
  run(Effect.ignore(adapter.read("ready"))).then(() => process.send!("ready"))
}
