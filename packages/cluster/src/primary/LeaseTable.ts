/**
 * The leases and cooldowns of a namespace, and which link holds which: beside the values, so that no traffic pushes a
 * live lease out.
 */
import { Entry, type Token } from "@cache-locking/core"

/** Who holds the lease of a key. */
export interface Holder {
  readonly link: string
  readonly token: Token
  /** It was taken by force: whoever joins waits for this load, though an older value may be fresh. */
  readonly forced: boolean
}

/** What is known of a key but its value. */
interface Turn {
  readonly entry: Entry.Entry
  readonly holder: Holder | undefined
}

export class LeaseTable {
  private readonly map = new Map<string, Turn>()
  /** Goes round and round: beginning anew each time would walk over the graves of all that were deleted. */
  private cursor = this.map.entries()

  get(key: string): Entry.Entry | undefined {
    return this.map.get(key)?.entry
  }

  /** Keeps a lease or a cooldown. A lease that is renewed stays its holder's. */
  set(key: string, entry: Entry.Entry, at: number): void {
    // Each addition looks at two that are there and forgets what is over.
    for (let i = 0; i < 2; i++) this.sweep(at)
    const holder = this.map.get(key)?.holder
    this.map.set(key, { entry, holder: holder?.token === entry.lease?.token ? holder : undefined })
  }

  private sweep(at: number): void {
    const seen = this.cursor.next()
    if (seen.done) this.cursor = this.map.entries()
    else if (at >= Entry.endsAt(seen.value[1].entry)) this.map.delete(seen.value[0])
  }

  delete(key: string): void {
    this.map.delete(key)
  }

  /** Notes whose the lease of a key is. */
  hold(key: string, holder: Holder): void {
    const turn = this.map.get(key)
    if (turn !== undefined) this.map.set(key, { ...turn, holder })
  }

  holderOf(key: string): Holder | undefined {
    return this.map.get(key)?.holder
  }

  /** The leases of a link. */
  ofLink(link: string): ReadonlyArray<readonly [key: string, token: Token]> {
    return [...this.map].flatMap(([key, { holder }]) => (holder?.link === link ? [[key, holder.token] as const] : []))
  }

  /** The keys that are leased. */
  *leased(at: number): Iterable<string> {
    for (const [key, { entry }] of this.map) if (entry.lease !== undefined && at < entry.lease.until) yield key
  }

  keys(): Iterable<string> {
    return this.map.keys()
  }

  /** Forgets what is over; answers when the next will be. */
  purge(at: number): number {
    let next = Infinity
    for (const [key, { entry }] of this.map) {
      const until = Entry.endsAt(entry)
      if (at >= until) this.map.delete(key)
      else next = Math.min(next, until)
    }
    return next
  }
}
