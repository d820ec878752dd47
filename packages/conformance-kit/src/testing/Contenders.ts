/** Races between processes, as seen by the process that starts them. */
import { type ChildProcess, fork } from "node:child_process"
import { once } from "node:events"
import type { Part } from "./Contend.ts"

/** The result of a round: the outcomes of each process. */
export type Outcomes = ReadonlyArray<ReadonlyArray<string>>

/** Processes that take their parts in a race at the same moment. */
export class Contenders implements AsyncDisposable {
  private readonly processes: ReadonlyArray<ChildProcess>

  private constructor(processes: ReadonlyArray<ChildProcess>) {
    this.processes = processes
  }

  /** Starts this many processes of one module, which ends in `contend(…)`. */
  static async start(file: URL, args: ReadonlyArray<string>, count: number): Promise<Contenders> {
    const processes = Array.from({ length: count }, () => fork(file, [...args]))
    await Promise.all(processes.map(told))
    return new Contenders(processes)
  }

  /** Gives each process its part, all at once. */
  async round(parts: ReadonlyArray<Part>): Promise<Outcomes> {
    const ended = this.processes.map((process) => told(process) as Promise<ReadonlyArray<string>>)
    for (const [index, process] of this.processes.entries()) process.send(parts[index]!)
    return Promise.all(ended)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(
      this.processes.map(async (process) => {
        const exit = process.exitCode === null ? once(process, "exit") : undefined
        process.kill("SIGKILL")
        await exit
      })
    )
  }
}

/** The next message of a process, which must not end before it. */
const told = (process: ChildProcess): Promise<unknown> =>
  new Promise((resolve, reject) => {
    const ended = (code: number | null) => reject(new Error(`a contender ended with ${code}`))
    process.once("exit", ended)
    process.once("message", (message) => {
      process.off("exit", ended)
      resolve(message)
    })
  })
