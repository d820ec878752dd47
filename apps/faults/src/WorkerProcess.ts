/** The coordinator's handle of one worker process. */
import { type ChildProcess, fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import { guard } from "@cache-locking/test-servers"
import type { Marked, ToCoordinator, ToWorker } from "./Messages.ts"

/** The worker of a round. */
const ofRounds = fileURLToPath(new URL("./worker.ts", import.meta.url))

/** The end of its output that is kept. */
const tail = 4_000

export type Fork = (file: string, env: NodeJS.ProcessEnv) => ChildProcess

const asChild: Fork = (file, env) =>
  fork(file, { env, serialization: "advanced", stdio: ["ignore", "pipe", "pipe", "ipc"] })

/** The end of every worker: it closes what it has, and then exits by itself. */
interface Close {
  readonly do: "close"
}

export class WorkerProcess<To = ToWorker, From = ToCoordinator> {
  readonly id: number
  /** True once it can be asked. */
  ready = false
  /** Somebody has ended it, or asked it to end. */
  ending: "killed" | "closed" | undefined
  /** Its end: the exit code, or the signal. */
  readonly gone: Promise<number | string>
  private readonly child: ChildProcess
  private printed = ""

  constructor(
    id: number,
    env: NodeJS.ProcessEnv,
    received: (message: From) => void,
    fork: Fork = asChild,
    file: string = ofRounds
  ) {
    this.id = id
    this.child = fork(file, env)
    // A process that stands still would outlive this one.
    guard(this.child)
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.on("data", (chunk) => {
        this.printed = (this.printed + chunk).slice(-tail)
      })
    }
    this.child.on("message", (message) => {
      const { faults } = message as Partial<Marked<From>>
      if (faults !== undefined) received(faults)
    })
    this.gone = new Promise((resolve, reject) => {
      this.child.once("error", reject)
      this.child.once("exit", (code, signal) => resolve(code ?? signal ?? "unknown"))
    })
  }

  get output(): string {
    return this.printed.trim()
  }

  send(message: To | Close): void {
    // Nothing reaches a killed process, and that is no error.
    if (this.child.connected) this.child.send({ faults: message } satisfies Marked<To | Close>, () => {})
  }

  pause(): void {
    this.child.kill("SIGSTOP")
  }

  resume(): void {
    this.child.kill("SIGCONT")
  }

  kill(): void {
    this.ending = "killed"
    this.child.kill("SIGKILL")
  }

  close(): void {
    this.ending = "closed"
    this.send({ do: "close" })
  }
}
