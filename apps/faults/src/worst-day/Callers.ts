/** A store of one measurement's own, its callers' ways to it, and the callers. */
import type { ChildProcess } from "node:child_process"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { FaultProxy } from "@cache-locking/test-servers"
import { type BackendName, backendOf } from "../backends/Backends.ts"
import { type Fork, WorkerProcess } from "../WorkerProcess.ts"
import type { Stage } from "./Condition.ts"
import type { Start, ToCaller, ToRun } from "./Messages.ts"

const file = fileURLToPath(new URL("./caller.ts", import.meta.url))

/** Milliseconds for what should end soon, and whose end is only waited for. */
const patience = 30_000

/** Milliseconds after which a caller's process hangs: it bounds its own figures much sooner. */
const hang = 300_000

export type Mode = Start["onAdapterError"]

/** A caller's process, asked and answered one message at a time. */
export class Caller {
  readonly mode: Mode
  private readonly process: WorkerProcess<ToCaller, ToRun>
  private readonly answers = new Map<ToRun["did"], (message: ToRun) => void>()

  constructor(id: number, mode: Mode, fork: Fork | undefined) {
    this.mode = mode
    this.process = new WorkerProcess(id, process.env, (message) => this.answers.get(message.did)?.(message), fork, file)
  }

  /** Rejects when the process ends without an answer. */
  async ask<Did extends ToRun["did"]>(message: ToCaller, did: Did): Promise<Extract<ToRun, { readonly did: Did }>> {
    const answered = new Promise<ToRun>((resolve) => this.answers.set(did, resolve))
    this.process.send(message)
    const gone = this.process.gone.then((how) => {
      throw new Error(`the caller's process ended with ${how}: ${this.process.output}`)
    })
    const late = sleep(hang, undefined, { ref: false }).then(() => {
      throw new Error(`the caller's process did not answer to "${message.do}": ${this.process.output}`)
    })
    return (await Promise.race([answered, gone, late])) as Extract<ToRun, { readonly did: Did }>
  }

  /** Its failure to end by itself, if any. */
  async close(): Promise<string | undefined> {
    this.process.close()
    const how = await Promise.race([this.process.gone, sleep(patience, "late" as const, { ref: false })])
    if (how === 0) return undefined
    this.process.kill()
    return how === "late"
      ? "the process did not end by itself"
      : `the process ended with ${how}: ${this.process.output}`
  }

  kill(): void {
    this.process.kill()
  }
}

/** A store that is open, with nobody asking it yet. */
export interface Opening {
  /** The product and its version. */
  readonly title: string
  readonly stage: Stage
  /** Starts the callers; completes when the store has answered each of them. */
  readonly start: () => Promise<ReadonlyArray<Caller>>
}

/**
 * Opens a store. All of it ends with the stack.
 *
 * @param args more arguments for the server's command line
 */
export const open = async (
  stack: AsyncDisposableStack,
  store: BackendName,
  modes: ReadonlyArray<Mode>,
  args?: ReadonlyArray<string>
): Promise<Opening> => {
  const opened = await (await backendOf(store)).open(args)
  stack.defer(() => opened.close())
  // Shared by the proxies, which read it for each connection.
  const target = opened.target && { ...opened.target }
  const proxies: Array<FaultProxy> = []
  for (const _ of target === undefined ? [] : modes) {
    // The commands are of no interest here, and cost memory.
    const proxy = await FaultProxy.start({ target: target!, reader: () => ({ read: () => {} }) })
    stack.defer(() => proxy.stop())
    proxies.push(proxy)
  }
  const children: Array<ChildProcess> = []
  const { fork } = opened
  const noted: Fork | undefined =
    fork &&
    ((file, env) => {
      const child = fork(file, env)
      children.push(child)
      return child
    })
  const start = async (): Promise<ReadonlyArray<Caller>> => {
    const callers = modes.map((mode, i) => new Caller(i + 1, mode, noted))
    stack.defer(() => {
      for (const caller of callers) caller.kill()
    })
    await Promise.all(
      callers.map((caller, i) => {
        const begin: Start = {
          ...{ backend: store, url: proxies[i]?.url() ?? "" },
          ...{ prefix: caller.mode, onAdapterError: caller.mode }
        }
        return caller.ask({ do: "start", start: begin }, "start")
      })
    )
    return callers
  }
  const stage: Stage = {
    ...{ opened, proxies, children, url: opened.target?.url ?? "" },
    lead: (port) => {
      if (target !== undefined) target.port = port
    },
    onEnd: (end) => void stack.defer(async () => void (await end()))
  }
  return { title: opened.title, stage, start }
}
