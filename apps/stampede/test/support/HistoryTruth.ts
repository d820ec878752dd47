/** The origin of a history, and how much of it every cache must know. */
import { type Change, type Floor, keys, type Versions } from "./HistoryWire.ts"

/** A message of a near tier, or a read that was under way, may take so long on a busy machine. */
const grace = 1_500

interface Known {
  readonly version: number
  readonly at: number
}

export class Truth {
  private readonly versions = new Map(keys.map((key) => [key, 0]))
  private readonly known = new Map<string, Array<Known>>(keys.map((key) => [key, [{ version: 0, at: 0 }]]))
  /** By key: the end of the last change. Rows are changed by one at a time, as in a database. */
  private readonly locks = new Map<string, Promise<void>>()
  private readonly holders = new Map<object, Map<number, () => void>>()
  private changes = 0

  read(wanted: ReadonlyArray<string>): Versions {
    return Object.fromEntries(wanted.map((key) => [key, this.versions.get(key)!]))
  }

  async change(who: object, wanted: ReadonlyArray<string>): Promise<Change> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const before = wanted.map((key) => this.locks.get(key))
    for (const key of wanted) this.locks.set(key, promise)
    const id = ++this.changes
    const held = this.holders.get(who) ?? new Map<number, () => void>()
    this.holders.set(who, held.set(id, resolve))
    await Promise.all(before)
    for (const key of wanted) this.versions.set(key, this.versions.get(key)! + 1)
    return { id, versions: this.read(wanted) }
  }

  changed(who: object, { id, versions }: Change, known: boolean): void {
    const at = performance.now()
    if (known) for (const [key, version] of Object.entries(versions)) this.known.get(key)!.push({ version, at })
    this.holders.get(who)?.get(id)?.()
  }

  /** A process is gone; whether what it was changing is known, nobody can tell. */
  gone(who: object): void {
    for (const release of this.holders.get(who)?.values() ?? []) release()
    this.holders.delete(who)
  }

  floors(wanted: ReadonlyArray<string>): Readonly<Record<string, Floor>> {
    return Object.fromEntries(wanted.map((key) => [key, this.floor(key)]))
  }

  private floor(key: string): Floor {
    const known = this.known.get(key)!
    const earlier = performance.now() - grace
    const most = (of: ReadonlyArray<Known>) => Math.max(0, ...of.map(({ version }) => version))
    return { now: most(known), before: most(known.filter(({ at }) => at < earlier)) }
  }
}
