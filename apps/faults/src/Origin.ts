/** The versioned origin. It lives in the coordinator, so that it outlives every worker. */
import type { Change, History, Load, Versioned } from "./History.ts"

export class Origin {
  private readonly versions = new Map<string, number>()
  /** The keys whose change has not ended. */
  private readonly changing = new Set<string>()
  private readonly history: History
  private readonly now: () => number

  constructor(history: History, now: () => number) {
    this.history = history
    this.now = now
  }

  private versionOf(key: string): number {
    return this.versions.get(key) ?? 1
  }

  /** Reads the rows at once, and answers after a while: the slowest reader of all. `undefined`: it fails. */
  async load(
    process: number,
    keys: ReadonlyArray<string>,
    takes: number,
    fails: boolean
  ): Promise<ReadonlyArray<Versioned> | undefined> {
    const loads = keys.map((key): Load => {
      const { length } = this.history.loads
      const load = { id: length + 1, process, key, version: this.versionOf(key), startedAt: this.now() }
      this.history.loads.push(load)
      return load
    })
    await new Promise((resolve) => setTimeout(resolve, takes))
    for (const load of loads) load.endedAt ??= this.now()
    return fails ? undefined : loads.map(({ id, key, version }) => ({ key, version, load: id }))
  }

  /** Changes a row. `undefined`: its last change has not ended, as if the row were locked. */
  change(process: number, key: string, by: Change["by"]): Change | undefined {
    if (this.changing.has(key)) return undefined
    this.changing.add(key)
    const version = this.versionOf(key) + 1
    this.versions.set(key, version)
    const change: Change = { id: this.history.changes.length, process, key, version, by, startedAt: this.now() }
    this.history.changes.push(change)
    return change
  }

  /** `followed`: the cache says that it follows the change. */
  changed(id: number, at: number, followed: boolean): void {
    const change = this.history.changes[id]!
    change.endedAt = at
    if (followed) change.returnedAt = at
    this.changing.delete(change.key)
  }

  /** A process is gone: nobody waits for its loads, and nobody knows what became of its changes. */
  lose(process: number): void {
    const at = this.now()
    for (const load of this.history.loads) if (load.process === process) load.endedAt ??= at
    for (const change of this.history.changes)
      if (change.process === process && change.endedAt === undefined) this.changed(change.id, at, false)
  }
}
