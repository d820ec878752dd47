import { type ChildProcess, spawn } from "node:child_process"
import { closeSync, openSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { forget, guard, guarded, removeDirectory, scratchDirectory, watch } from "./Guardian.ts"
import { poll } from "./Poll.ts"
import { ServerFailed } from "./Problem.ts"
import { descendants, signalProcess, standsStill } from "./ProcessTree.ts"
import type { User } from "./User.ts"

export interface Command {
  readonly command: string
  readonly args: ReadonlyArray<string>
  readonly env?: Readonly<Record<string, string>>
  readonly user?: User
}

export interface ServerProcessOptions {
  readonly kind: string
  /** The command line. Called at every launch, with a directory of the server's own, empty at the first one. */
  readonly launch: (directory: string) => Command | Promise<Command>
  /**
   * Returns true once the server serves; throws or returns false until then. It must recognise its own server by `pid`.
   */
  readonly ready: (pid: number, directory: string) => Promise<boolean>
  /** The signal that ends the server cleanly. Default `SIGKILL`, because most keep nothing. */
  readonly stopSignal?: NodeJS.Signals
}

const tail = 8192

// For a server that was asked to end cleanly.
const patience = 5000

/** One operating-system process that serves on a port: launched, watched until ready, signalled, and cleaned up. */
export class ServerProcess {
  readonly kind: string
  readonly directory: string
  private readonly options: ServerProcessOptions
  private child: ChildProcess | undefined
  private paused = false
  /** The children that `pause` stopped. */
  private stopped: ReadonlyArray<number> = []

  constructor(options: ServerProcessOptions) {
    this.kind = options.kind
    this.options = options
    this.directory = scratchDirectory(options.kind)
  }

  get pid(): number | undefined {
    return this.running ? this.child?.pid : undefined
  }

  get running(): boolean {
    return this.child !== undefined && this.child.exitCode === null && this.child.signalCode === null
  }

  /** The end of what the server printed. */
  get log(): string {
    try {
      return readFileSync(join(this.directory, "log"), "utf8").slice(-tail)
    } catch {
      return ""
    }
  }

  async launch(): Promise<void> {
    if (this.running) throw new Error(`${this.kind} already runs`)
    const { args, command, env, user } = await this.options.launch(this.directory)
    const [file, argv] = guarded(command, args, user)
    // To a file and not to pipes: a full pipe would stop a server that prints while we are busy.
    const log = openSync(join(this.directory, "log"), "a")
    let child: ChildProcess
    try {
      child = spawn(file, argv, {
        cwd: this.directory,
        env: { ...process.env, ...env },
        stdio: ["ignore", log, log]
      })
    } finally {
      closeSync(log)
    }
    this.child = child
    const failed = new Promise<never>((_, reject) => child.once("error", reject))
    failed.catch(() => {})
    guard(child)
    // A test that forgot to stop its server must still be able to end.
    child.unref()
    const { pid } = child
    const ready = poll(() => (this.running && pid !== undefined ? this.options.ready(pid, this.directory) : "exited"), {
      what: `${this.kind} to be ready`
    })
    try {
      const answer = await Promise.race([ready, failed])
      if (answer === "exited") throw new Error(`ended at once with ${child.signalCode ?? `code ${child.exitCode}`}`)
    } catch (error) {
      const log = this.log
      await this.end("SIGKILL")
      throw new ServerFailed(this.kind, error instanceof Error ? error.message : String(error), log, { cause: error })
    }
  }

  /** Sends the signal and waits until the process is gone; SIGKILL takes its children along. */
  async end(signal: NodeJS.Signals = this.options.stopSignal ?? "SIGKILL"): Promise<void> {
    const { child, pid } = this
    if (child === undefined || pid === undefined) return
    child.ref()
    const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()))
    const force = (): void => {
      const family = [pid, ...descendants(pid)]
      for (const member of family) signalProcess(member, "SIGKILL")
    }
    if (signal === "SIGKILL") {
      force()
      await gone
    } else {
      // A stopped process would not receive it.
      if (this.paused) this.resume()
      signalProcess(pid, signal)
      const late = setTimeout(force, patience)
      await gone
      clearTimeout(late)
    }
    this.release()
  }

  /** Stops it, and then its children: a stopped process starts no more. When this completes, none of them runs. */
  async pause(): Promise<void> {
    const pid = this.runningPid()
    signalProcess(pid, "SIGSTOP")
    this.paused = true
    this.stopped = descendants(pid)
    for (const child of this.stopped) {
      // It would not notice the end of its parent, and the kernel does not report it.
      watch(child)
      signalProcess(child, "SIGSTOP")
    }
    const all = [pid, ...this.stopped]
    await poll(() => all.every(standsStill), { what: `${this.kind} to stand still`, every: 1 })
  }

  resume(): void {
    for (const pid of [this.runningPid(), ...this.stopped]) signalProcess(pid, "SIGCONT")
    this.release()
  }

  /** Ends it and removes its directory. */
  async dispose(): Promise<void> {
    await this.end()
    removeDirectory(this.directory)
  }

  private runningPid(): number {
    const { pid } = this
    if (pid === undefined) throw new ServerFailed(this.kind, "is not running", "")
    return pid
  }

  private release(): void {
    for (const pid of this.stopped) forget(pid)
    this.stopped = []
    this.paused = false
  }
}
