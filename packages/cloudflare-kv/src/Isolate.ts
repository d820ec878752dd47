/**
 * The knowledge of one isolate about the keys of one namespace: its own leases, and its own latest writes.
 *
 * It holds no timer, promise or connection, so the requests of an isolate may share it.
 */
import { type Entry, Identity } from "@cache-locking/core"

/** The entry of a key. Its value is the one from the grant of the lease, or the one that this isolate wrote. */
export interface Known extends Entry.Entry {
  /** The instant at which this isolate wrote or removed the value; absent if it did not. */
  readonly wroteAt: number | undefined
}

/** The most keys remembered at a time. */
const capacity = 256

/** The time for which KV may still show the old value where the new one was written: a minute, by its documentation. */
const trusted = 60_000

const isLive = (turn: { readonly until: number } | undefined, now: number): boolean =>
  turn !== undefined && now < turn.until

/** True when the state of the key is certain, so that KV need not be read. */
export const isCertain = (known: Known, now: number): boolean =>
  isLive(known.lease, now) ||
  isLive(known.cooldown, now) ||
  (known.wroteAt !== undefined && Math.abs(now - known.wroteAt) < trusted)

export class Isolate {
  private readonly byKey = new Map<string, Known>()

  get(key: string): Known | undefined {
    return this.byKey.get(key)
  }

  /** Remembers a key, and forgets the oldest one without a lease or cooldown. */
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
