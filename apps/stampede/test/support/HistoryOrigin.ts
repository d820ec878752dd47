/** The origin of a history, which knows the oldest version of each key that a cache may still give. */
import { type Change, type Floor, keys, type Versions } from "./HistoryMessages.ts"

/** On a busy machine, a message to a near tier or a read under way may take so long. */
const delay = 1_500

interface Known {
  readonly version: number
  readonly at: number
}

export class Origin {
  private readonly versions = new Map(keys.map((key) => [key, 0]))
  private readonly known = new Map<string, Array<Known>>(keys.map((key) => [key, [{ version: 0, at: 0 }]]))
  /** By key: the end of the last change. One process at a time changes a row, as in a database. */
  private readonly locks = new Map<string, Promise<void>>()
  private readonly holders = new Map<object, Map<number, () => void>>()
  private changes = 0

  read(wanted: ReadonlyArray<string>): Versions {
    return Object.fromEntries(wanted.map((key) => [key, this.versions.get(key)!]))
  }

  async change(owner: object, wanted: ReadonlyArray<string>): Promise<Change> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const before = wanted.map((key) => this.locks.get(key))
    for (const key of wanted) this.locks.set(key, promise)
    const id = ++this.changes
    const held = this.holders.get(owner) ?? new Map<number, () => void>()
    this.holders.set(owner, held.set(id, resolve))
    await Promise.all(before)
    for (const key of wanted) this.versions.set(key, this.versions.get(key)! + 1)
    return { id, versions: this.read(wanted) }
  }

  changed(owner: object, { id, versions }: Change, known: boolean): void {
    const at = performance.now()
    if (known) for (const [key, version] of Object.entries(versions)) this.known.get(key)!.push({ version, at })
    this.holders.get(owner)?.get(id)?.()
  }

  /** A process has exited. It is unknown whether the caches know of the change that it was making. */
  release(owner: object): void {
    for (const unlock of this.holders.get(owner)?.values() ?? []) unlock()
    this.holders.delete(owner)
  }

  floors(wanted: ReadonlyArray<string>): Readonly<Record<string, Floor>> {
    return Object.fromEntries(wanted.map((key) => [key, this.floor(key)]))
  }

  private floor(key: string): Floor {
    const known = this.known.get(key)!
    const earlier = performance.now() - delay
    const most = (of: ReadonlyArray<Known>) => Math.max(0, ...of.map(({ version }) => version))
    return { now: most(known), before: most(known.filter(({ at }) => at < earlier)) }
  }
}
