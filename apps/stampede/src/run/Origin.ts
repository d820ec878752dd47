/**
 * The slow origin behind the cache. It runs in the parent, so that it counts the calls of all processes and outlives
 * those that are killed.
 */
import { setTimeout as pause } from "node:timers/promises"
import type { OriginAnswer } from "../ipc/Messages.ts"
import { now } from "../recording/Clock.ts"
import type { Load } from "../recording/Recording.ts"

export interface OriginOptions {
  /** The time of one call, in milliseconds. */
  readonly load: number
  /** The number of calls that are served at once; the others queue. */
  readonly capacity: number
  readonly failing: boolean
  /** Called as each call arrives. */
  readonly onLoad: (load: Load) => void
}

export class Origin {
  readonly loads: Array<Load> = []
  private readonly options: OriginOptions
  private readonly versions = new Map<string, number>()
  private readonly queue: Array<() => void> = []
  private running = 0

  constructor(options: OriginOptions) {
    this.options = options
  }

  /** Answers with the key's row as it was when the call began, as a database would. */
  async load(process: number, key: string): Promise<OriginAnswer> {
    const version = this.version(key)
    const load: Load = {
      call: this.loads.length + 1,
      process,
      key,
      version,
      begin: now(),
      end: undefined,
      outcome: "running"
    }
    this.loads.push(load)
    this.options.onLoad(load)
    await this.work()
    if (load.outcome === "running") {
      load.end = now()
      load.outcome = this.options.failing ? "failed" : "answered"
    }
    return this.options.failing
      ? { ok: false, message: `the origin failed at its call ${load.call}` }
      : { ok: true, value: { key, version, call: load.call } }
  }

  version(key: string): number {
    return this.versions.get(key) ?? 1
  }

  /** Changes the row. */
  update(key: string): void {
    this.versions.set(key, this.version(key) + 1)
  }

  /** The process was killed: nobody waits for its calls any more. */
  lose(process: number, at: number): void {
    for (const load of this.loads) {
      if (load.process !== process || load.outcome !== "running") continue
      load.end = at
      load.outcome = "lost"
    }
  }

  get busy(): boolean {
    return this.loads.some(({ outcome }) => outcome === "running")
  }

  private async work(): Promise<void> {
    if (this.running >= this.options.capacity) await new Promise<void>((resolve) => this.queue.push(resolve))
    this.running++
    await pause(this.options.load)
    this.running--
    this.queue.shift()?.()
  }
}
