/**
 * One namespace in the primary: core's state machine over an LRU, with leases that belong to links.
 *
 * All of it is synchronous. Every verb is therefore atomic, and the primary answers a batch in one turn of its event loop.
 */
import { type Acquired, type AcquireOptions, Entry, type Lifetime, Token, type Value } from "@cache-locking/core"
import { LRUCache } from "lru-cache"
import { compact } from "../wire/Compact.ts"
import { type Joined, type Joining, join } from "./Joining.ts"
import { LeaseTable } from "./LeaseTable.ts"
import { PurgeTimer } from "./PurgeTimer.ts"
import { Refused } from "./Refused.ts"
import type { SpaceBounds } from "./SpaceOptions.ts"
import { Watchers } from "./Watchers.ts"

/** A value, its size, and the number of the write that brought it. */
interface Row extends Entry.Kept {
  readonly size: number
  readonly write: number
}

/** A part of a key's state. */
export interface KeptRecord {
  readonly name: string
  /** Milliseconds until a timer removes it; `Infinity` if no timer does. */
  readonly expiresIn: number
}

/** Exact figures of a namespace. */
export interface SpaceStats {
  readonly hits: number
  readonly misses: number
  readonly sets: number
  readonly deletes: number
  /** Values that a bound evicted. */
  readonly evictions: number
  /** Values that the namespace has. */
  readonly size: number
}

/** Notifies a key's watchers of a change: after every move, after none, or after those that return true. */
type Notify = "always" | "never" | "if true"

/**
 * The rooms of a namespace, in values; after the last one comes `max`. An LRU takes memory for all of its room, used or
 * not, and a larger one is filled anew. So an empty namespace has none, and not many values are ever moved.
 */
const rooms = [16, 128, 1_024, 8_192]

/** The values of every namespace that has none yet. Nothing is ever put into it. */
const noValues = new LRUCache<string, Row>({ max: 1 })

/**
 * Counts the grants and the writes of all namespaces: a token or a write of a namespace that was destroyed is none of
 * the namespace that took its name.
 */
let grants = 0
let writes = 0

/** Milliseconds of a clock that never goes back. */
export const now = (): number => Math.floor(performance.now())

export class Space {
  /** The bounds that the namespace was opened with, which later ones are compared with. */
  readonly declared: SpaceBounds
  /** The present bounds. */
  bounds: SpaceBounds
  readonly counts = { hits: 0, misses: 0, sets: 0, deletes: 0, evictions: 0 }
  readonly watchers = new Watchers()
  /** True when the primary was closed, or the namespace was destroyed. */
  closed = false
  destroyed = false
  /** The values that `values` has room for; 0 until there is a value. */
  private room = 0
  private values = noValues
  private readonly leases = new LeaseTable()
  private readonly purgeTimer: PurgeTimer | undefined
  private lifetime: Lifetime = { fresh: Infinity, stale: 0 }

  constructor(bounds: SpaceBounds) {
    this.declared = bounds
    this.bounds = bounds
    this.purgeTimer = bounds.ttlAutopurge ? new PurgeTimer(() => this.removeExpired().next) : undefined
  }

  private lru(max: number, { maxSize }: SpaceBounds): LRUCache<string, Row> {
    const dispose = (_: Row, __: string, reason: string) => {
      if (reason === "evict") this.counts.evictions++
    }
    const sizes = maxSize === Infinity ? {} : { maxSize, sizeCalculation: ({ size }: Row) => size }
    return new LRUCache({ max, ...sizes, dispose })
  }

  /** Makes room for so many values, and at most for `max`. As many stay as there is room for, with their order. */
  private makeRoom(room: number): void {
    const before = [...this.values.rentries()] as Array<[string, Row]>
    this.room = Math.min(room, this.bounds.max)
    this.values = this.lru(this.room, this.bounds)
    for (const [key, row] of before) this.values.set(key, row)
  }

  /** Makes one move of core's state machine on a key. */
  move<A>(
    key: string,
    f: (entry: Entry.Entry | undefined, at: number) => Entry.Move<A>,
    notify: Notify,
    size?: number
  ): A {
    const at = now()
    const row = this.values.get(key)
    const leased = this.leases.get(key)
    const entry = row === undefined ? leased : { kept: row, lease: leased?.lease, cooldown: leased?.cooldown }
    const [answer, next] = f(entry, at)
    if (next !== entry) {
      if (next?.kept !== row) this.keep(key, next?.kept, row, size)
      if (next?.lease === undefined && next?.cooldown === undefined) this.leases.delete(key)
      else this.keepLease(key, { kept: undefined, lease: next.lease, cooldown: next.cooldown }, at)
    }
    if (notify === "always" || (notify === "if true" && answer === true)) this.watchers.notify(key)
    return answer
  }

  /** The size of a value that is about to be kept. Refuses a value that is too large. */
  sizeOf(value: Value, given: number | undefined): number {
    const size = given ?? Math.max(1, value.bytes.byteLength)
    const max = Math.min(this.bounds.maxEntrySize, this.bounds.maxSize)
    if (size <= max) return size
    throw new Refused("TooLarge", `the value has size ${size}, and the most here is ${max}`)
  }

  private keep(key: string, kept: Entry.Kept | undefined, before: Row | undefined, size: number | undefined): void {
    if (kept === undefined) this.values.delete(key)
    else {
      const same = kept.value === before?.value ? before.size : undefined
      const { filledAt, took } = kept
      if (this.values.size === this.room && this.room < this.bounds.max && before === undefined)
        this.makeRoom(rooms.find((room) => room > this.room) ?? Infinity)
      this.values.set(key, {
        value: compact(kept.value),
        filledAt,
        took,
        lifetime: this.shared(kept.lifetime),
        size: size ?? same ?? 1,
        write: ++writes
      })
      this.purgeTimer?.setFor(this.expiryOf(kept))
    }
  }

  /** Most values of a namespace have the same lifetime, and share one object for it. */
  private shared(lifetime: Lifetime): Lifetime {
    const { fresh, stale } = this.lifetime
    if (lifetime.fresh !== fresh || lifetime.stale !== stale) this.lifetime = lifetime
    return this.lifetime
  }

  private keepLease(key: string, entry: Entry.Entry, at: number): void {
    this.leases.set(key, entry, at)
    this.purgeTimer?.setFor(Entry.endsAt(entry))
  }

  private readonly grant = (): Token => Token(`${++grants}`)

  /** The contract's `acquire`, for a link that loses the lease when it is closed. */
  acquire(link: string, key: string, options: AcquireOptions, joining?: Joining): Acquired & Joined {
    const move = (entry: Entry.Entry | undefined, at: number): Entry.Move<Acquired & Joined> => {
      const known = { entry, holder: this.leases.holderOf(key), write: this.values.peek(key)?.write ?? 0 }
      const joined = joining && join(known, at, options, joining)
      return joined === undefined ? Entry.acquire(entry, at, options, this.grant) : [joined, entry]
    }
    const answer = this.move(key, move, "never")
    if (answer._tag === "Leader") {
      this.leases.setHolder(key, { link, token: answer.token, forced: options.force === true })
      this.counts.misses++
    } else if (answer._tag === "Hit") this.counts.hits++
    return answer
  }

  /** Gives the leases of a link back at once. */
  releaseLink(link: string): void {
    for (const [key, token] of this.leases.ofLink(link)) {
      this.move(key, (entry, at) => Entry.abandon(entry, at, { token }), "if true")
    }
  }

  /** The value, unless it has expired. Counts as a use, except for a peek, and changes nothing else. */
  find(key: string, peek = false): Row | undefined {
    const row = peek ? this.values.peek(key) : this.values.get(key)
    if (row === undefined || row.lifetime.fresh === Infinity) return row
    return now() < Entry.keptUntil(row) ? row : undefined
  }

  /** Starts the time of a value anew. Notifies nobody. */
  renewAge(key: string, filledAt: number): void {
    const row = this.values.get(key)
    if (row === undefined) return
    const next = { ...row, filledAt }
    this.values.set(key, next)
    this.purgeTimer?.setFor(this.expiryOf(next))
  }

  /** The keys that have a value, the most recently used first; with `leased`, then those that have only a lease. */
  keys(prefix: string, leased: boolean): Array<string> {
    const at = now()
    const keys = new Set<string>()
    for (const key of this.values.keys()) {
      if (key.startsWith(prefix) && at < Entry.keptUntil(this.values.peek(key)!)) keys.add(key)
    }
    if (!leased) return [...keys]
    for (const key of this.leases.leased(at)) if (key.startsWith(prefix)) keys.add(key)
    return [...keys]
  }

  /** Removes every value, lease and cooldown. Returns the number of values. */
  clear(): number {
    let count = 0
    for (const key of new Set([...this.values.keys(), ...this.leases.keys()])) {
      if (this.move(key, Entry.remove, "always")) count++
    }
    return count
  }

  /** The time at which a value expires. One that is kept without an end, to be served stale, expires all the same. */
  private expiryOf(kept: Entry.Kept): number {
    const { allowStale, noDeleteOnStaleGet } = this.bounds
    const endless = (allowStale || noDeleteOnStaleGet) && kept.lifetime.stale === Infinity
    return endless ? Entry.freshUntil(kept) : Entry.keptUntil(kept)
  }

  /** Removes expired values, leases and cooldowns. Returns the number of values. */
  purge(): number {
    return this.removeExpired().count
  }

  private removeExpired(): { readonly count: number; readonly next: number } {
    const at = now()
    let count = 0
    let next = this.leases.purge(at)
    for (const [key, row] of [...this.values.entries()]) {
      const until = this.expiryOf(row)
      if (at >= until) {
        this.values.delete(key)
        count++
      } else next = Math.min(next, until)
    }
    return { count, next }
  }

  /** The whole state of a key, expired or not, for tests that look behind the verbs. */
  recordsOf(key: string): ReadonlyArray<KeptRecord> {
    const [row, leased] = [this.values.peek(key), this.leases.get(key)]
    const at = now()
    const record = (name: string, until: number): KeptRecord => ({
      name,
      expiresIn: this.purgeTimer?.covers(until) ? until - at : Infinity
    })
    return [
      ...(row === undefined ? [] : [record("value", this.expiryOf(row))]),
      ...(leased === undefined ? [] : [record("lease", Entry.endsAt(leased))])
    ]
  }

  /** Changes bounds. As many entries stay as there is room for, with their order and their remaining times. */
  configure(change: Partial<SpaceBounds>): void {
    this.bounds = { ...this.bounds, ...change }
    if (change.max !== undefined && this.room > 0) this.makeRoom(this.room)
  }

  get stats(): SpaceStats {
    return { ...this.counts, size: this.keys("", false).length }
  }

  /** Ends the timer and all subscriptions. */
  close(): void {
    this.closed = true
    this.purgeTimer?.clear()
    this.watchers.end()
  }

  /**
   * Closes the namespace and removes all that is in it. Its leases are void, so that a holder who is late is told so. Returns
   * the number of values.
   */
  destroy(): number {
    const count = this.clear()
    this.values = noValues
    this.room = 0
    this.destroyed = true
    this.close()
    return count
  }
}
