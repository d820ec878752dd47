/**
 * What one isolate knows of the keys of one namespace: who of its own flights leads, and what it wrote a moment ago.
 *
 * Nothing here is a timer, a promise or a connection, so the requests of an isolate may share it.
 */
import { type Entry, Identity } from "@cache-locking/core"

/** What is known of a key. The value is the one that was there when the lease was granted, or that this isolate left. */
export interface Known extends Entry.Entry {
  /** When this isolate wrote or removed the value; nothing if it did not. */
  readonly wroteAt: number | undefined
}

/** Keys that are remembered at a time. */
const capacity = 256

/** How long a place may go on showing what was there before a write of its own: a minute, says KV. */
const trusted = 60_000

const isLive = (turn: { readonly until: number } | undefined, now: number): boolean =>
  turn !== undefined && now < turn.until

/** Whether it is known what is there, so that KV need not be asked. */
export const isCertain = (known: Known, now: number): boolean =>
  isLive(known.lease, now) ||
  isLive(known.cooldown, now) ||
  (known.wroteAt !== undefined && Math.abs(now - known.wroteAt) < trusted)

export class Isolate {
  private readonly byKey = new Map<string, Known>()

  get(key: string): Known | undefined {
    return this.byKey.get(key)
  }

  /** Remembers, and forgets what was learned first and leads nothing. */
  set(key: string, known: Known, now: number): void {
    this.byKey.delete(key)
    this.byKey.set(key, known)
    if (this.byKey.size <= capacity) return
    for (const [other, { cooldown, lease }] of this.byKey) {
      if (isLive(lease, now) || isLive(cooldown, now)) continue
      this.byKey.delete(other)
      return
    }
  }

  forget(key: string): void {
    this.byKey.delete(key)
  }
}

/** The same for the same namespace and prefix. */
export const isolatesOf = Identity.perObject((_namespace: object) => Identity.perName((_prefix) => new Isolate()))
