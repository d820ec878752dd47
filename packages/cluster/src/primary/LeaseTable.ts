/**
 * The leases and cooldowns of a namespace, and the links that hold the leases. They are kept apart from the values, so
 * that no traffic evicts a live lease.
 */
import { Entry, type Token } from "@cache-locking/core"

/** The holder of a key's lease. */
export interface Holder {
  readonly link: string
  readonly token: Token
  /**
   * True when the lease was taken by force: callers that join wait for this load, even though an older value may be
   * fresh.
   */
  readonly forced: boolean
}

/** Everything known of a key except its value. */
interface Row {
  readonly entry: Entry.Entry
  readonly holder: Holder | undefined
}

export class LeaseTable {
  private readonly rows = new Map<string, Row>()
  /** Visits the rows again and again. A sweep from the start would step over all deleted rows each time. */
  private cursor = this.rows.entries()

  get(key: string): Entry.Entry | undefined {
    return this.rows.get(key)?.entry
  }

  /** Keeps a lease or a cooldown. A lease that is renewed keeps its holder. */
  set(key: string, entry: Entry.Entry, at: number): void {
    // Each addition visits two rows and removes those that have expired.
    for (let i = 0; i < 2; i++) this.sweep(at)
    const holder = this.rows.get(key)?.holder
    this.rows.set(key, { entry, holder: holder?.token === entry.lease?.token ? holder : undefined })
  }

  private sweep(at: number): void {
    const next = this.cursor.next()
    if (next.done) this.cursor = this.rows.entries()
    else if (at >= Entry.endsAt(next.value[1].entry)) this.rows.delete(next.value[0])
  }

  delete(key: string): void {
    this.rows.delete(key)
  }

  /** Records the holder of a key's lease. */
  setHolder(key: string, holder: Holder): void {
    const row = this.rows.get(key)
    if (row !== undefined) this.rows.set(key, { ...row, holder })
  }

  holderOf(key: string): Holder | undefined {
    return this.rows.get(key)?.holder
  }

  /** The leases of a link. */
  ofLink(link: string): ReadonlyArray<readonly [key: string, token: Token]> {
    return [...this.rows].flatMap(([key, { holder }]) => (holder?.link === link ? [[key, holder.token] as const] : []))
  }

  /** The keys that are leased. */
  *leased(at: number): Iterable<string> {
    for (const [key, { entry }] of this.rows) if (entry.lease !== undefined && at < entry.lease.until) yield key
  }

  keys(): Iterable<string> {
    return this.rows.keys()
  }

  /** Removes the expired rows. Returns the instant at which the next row expires. */
  purge(at: number): number {
    let next = Infinity
    for (const [key, { entry }] of this.rows) {
      const until = Entry.endsAt(entry)
      if (at >= until) this.rows.delete(key)
      else next = Math.min(next, until)
    }
    return next
  }
}
