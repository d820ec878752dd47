/**
 * The worker processes of one run, as their parent sees them.
 */
import { type ChildProcess, fork } from "node:child_process"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { Channel } from "../ipc/Channel.ts"
import type { ToParent, ToWorker, WorkerChannel } from "../ipc/Messages.ts"

// The same file as source and as compiled.
const script = fileURLToPath(new URL(import.meta.url.endsWith(".ts") ? "./worker.ts" : "./worker.js", import.meta.url))

/** Milliseconds that a worker may take to close. */
const closeTimeout = 2_000

/** One worker process. */
export class Worker {
  readonly index: number
  readonly child: ChildProcess
  readonly channel: WorkerChannel
  /** Settles when the process has exited, with its exit code or signal. */
  readonly exited: Promise<string>
  /** True once its exit is part of the run, so that it is no failure. */
  isExpectedToExit = false

  constructor(index: number) {
    this.index = index
    this.child = fork(script, [], {
      serialization: "advanced",
      // Twelve processes compile the same modules: the first one does it for the others.
      env: { NODE_COMPILE_CACHE: join(tmpdir(), "node-compile-cache"), ...process.env },
      // A worker's output is for people, and not part of the result.
      stdio: ["ignore", 2, 2, "ipc"]
    })
    this.channel = new Channel<ToWorker, ToParent>(this.child)
    this.exited = new Promise((resolve) => {
      this.child.once("error", (error) => resolve(error.message))
      this.child.once("exit", (code, signal) => resolve(signal ?? `code ${code}`))
    })
  }

  /** SIGKILL: the process cannot clean up. */
  kill(): void {
    this.isExpectedToExit = true
    this.child.kill("SIGKILL")
  }

  /** Lets the process close what it opened, and waits until it has exited. */
  async close(): Promise<void> {
    this.isExpectedToExit = true
    await Promise.race([
      this.channel.ask("close", undefined).catch(() => {}),
      pause(closeTimeout, undefined, { ref: false })
    ])
    if (this.child.connected) this.child.disconnect()
    const force = setTimeout(() => this.kill(), closeTimeout)
    await this.exited
    clearTimeout(force)
  }
}

/** All workers of a run. Disposing kills those that are left. */
export class Workers implements AsyncDisposable {
  readonly all: ReadonlyArray<Worker>
  private readonly failed = Promise.withResolvers<never>()
  private readonly signal: AbortSignal
  private readonly onAbort = () => this.failed.reject(this.signal.reason)

  constructor(size: number, signal: AbortSignal) {
    this.all = Array.from({ length: size }, (_, index) => new Worker(index))
    this.signal = signal
    this.failed.promise.catch(() => {})
    signal.addEventListener("abort", this.onAbort)
    if (signal.aborted) this.onAbort()
    for (const worker of this.all) {
      worker.exited.then((how) => {
        if (worker.isExpectedToExit) return
        this.failed.reject(new Error(`process ${worker.index + 1} exited unexpectedly (${how})`))
      })
    }
  }

  get alive(): ReadonlyArray<Worker> {
    return this.all.filter((worker) => !worker.isExpectedToExit)
  }

  /** Does something with all workers that are alive, and waits for it. */
  mapAlive<A>(f: (worker: Worker) => Promise<A>): Promise<Array<A>> {
    return this.unlessFailed(Promise.all(this.alive.map(f)))
  }

  /** Rejects as soon as a worker exits unexpectedly or the run is aborted. */
  unlessFailed<A>(promise: Promise<A>): Promise<A> {
    return Promise.race([promise, this.failed.promise])
  }

  async close(): Promise<void> {
    await Promise.all(this.alive.map((worker) => worker.close()))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.signal.removeEventListener("abort", this.onAbort)
    for (const worker of this.all) worker.kill()
    await Promise.all(this.all.map(({ exited }) => exited))
  }
}
