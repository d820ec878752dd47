/**
 * One namespace in the primary: core's state machine over an LRU, with leases that know which link holds them.
 *
 * All of it is synchronous, so that every verb is atomic, and the primary answers a batch in one turn of its event loop.
 */
import { type Acquired, type AcquireOptions, Entry, type Lifetime, Token, type Value } from "@cache-locking/core"
import { LRUCache } from "lru-cache"
import { compact } from "../wire/Compact.ts"
import type { Fault } from "../wire/Wire.ts"
import { type Joined, type Joining, join } from "./Joining.ts"
import { LeaseTable } from "./LeaseTable.ts"
import type { SpaceBounds } from "./SpaceOptions.ts"
import { Watchers } from "./Watchers.ts"

/** A call that the primary refuses. */
export class Refused extends Error {
  readonly reason: Fault["reason"]

  constructor(reason: Fault["reason"], message: string) {
    super(message)
    this.reason = reason
  }
}

/** A value, what it counts, and which of the namespace's writes brought it. */
interface Row extends Entry.Kept {
  readonly size: number
  readonly write: number
}

/** A part of what is kept of a key. */
export interface Held {
  readonly name: string
  /** Milliseconds until a timer removes it; `Infinity` if only being met, or pushed out, does. */
  readonly expiresIn: number
}

/** What a namespace has done, exactly. */
export interface SpaceStats {
  readonly hits: number
  readonly misses: number
  readonly sets: number
  readonly deletes: number
  /** Values that a bound pushed out. */
  readonly evictions: number
  /** Values that are there. */
  readonly size: number
}

/** Milliseconds that nobody sets back. */
export const now = (): number => Math.floor(performance.now())

export class Space {
  readonly name: string
  /** As it was opened: what others are compared with. */
  readonly declared: SpaceBounds
  /** As it is now. */
  bounds: SpaceBounds
  readonly counts = { hits: 0, misses: 0, sets: 0, deletes: 0, evictions: 0 }
  private values: LRUCache<string, Row>
  private readonly turns = new LeaseTable()
  readonly watchers = new Watchers()
  private purging: NodeJS.Timeout | undefined
  private purgeAt = Infinity
  /** Milliseconds that the last look for what is expired took. */
  private purgeTook = 0
  /** Its primary was closed. */
  closed = false
  private grants = 0
  private lifetime: Lifetime = { fresh: Infinity, stale: 0 }
  private writes = 0

  constructor(name: string, bounds: SpaceBounds) {
    this.name = name
    this.declared = bounds
    this.bounds = bounds
    this.values = this.lru(bounds)
  }

  private lru({ max, maxSize }: SpaceBounds): LRUCache<string, Row> {
    const dispose = (_: Row, __: string, reason: string) => {
      if (reason === "evict") this.counts.evictions++
    }
    const sizes = maxSize === Infinity ? {} : { maxSize, sizeCalculation: ({ size }: Row) => size }
    return new LRUCache({ max, ...sizes, dispose })
  }

  /** Runs one move on what is there. `wakes` says whether the answer means that the key changed. */
  move<A>(
    key: string,
    f: (entry: Entry.Entry | undefined, at: number) => Entry.Move<A>,
    wakes: (answer: A) => boolean,
    size?: number
  ): A {
    const at = now()
    const row = this.values.get(key)
    const turn = this.turns.get(key)
    const entry = row === undefined ? turn : { kept: row, lease: turn?.lease, cooldown: turn?.cooldown }
    const [answer, next] = f(entry, at)
    if (next !== entry) {
      if (next?.kept !== row) this.keep(key, next?.kept, row, size)
      const turns = next?.lease !== undefined || next?.cooldown !== undefined
      if (turns) this.setTurn(key, { kept: undefined, lease: next.lease, cooldown: next.cooldown }, at)
      else this.turns.delete(key)
    }
    if (wakes(answer)) this.watchers.wake(key)
    return answer
  }

  /** How a value that is about to be kept counts; refuses what is too large. */
  sized(value: Value, size: number | undefined): number {
    const counted = size ?? Math.max(1, value.bytes.byteLength)
    const { maxEntrySize, maxSize } = this.bounds
    if (counted <= maxEntrySize && counted <= maxSize) return counted
    throw new Refused(
      "TooLarge",
      `the value counts ${counted}, and ${Math.min(maxEntrySize, maxSize)} is the most here`
    )
  }

  private keep(key: string, kept: Entry.Kept | undefined, before: Row | undefined, size: number | undefined): void {
    if (kept === undefined) this.values.delete(key)
    else {
      const same = kept.value === before?.value ? before.size : undefined
      const { filledAt, took } = kept
      this.values.set(key, {
        value: compact(kept.value),
        filledAt,
        took,
        lifetime: this.shared(kept.lifetime),
        size: size ?? same ?? 1,
        write: ++this.writes
      })
      this.purgeBy(this.over(kept))
    }
  }

  /** Most values of a namespace live equally long: they have one object for it. */
  private shared(lifetime: Lifetime): Lifetime {
    const { fresh, stale } = this.lifetime
    if (lifetime.fresh !== fresh || lifetime.stale !== stale) this.lifetime = lifetime
    return this.lifetime
  }

  private setTurn(key: string, turn: Entry.Entry, at: number): void {
    this.turns.set(key, turn, at)
    this.purgeBy(Entry.endsAt(turn))
  }

  readonly grant = (): Token => Token(`${++this.grants}`)

  /** The contract's `acquire`, for a link, which loses the lease when it is gone. */
  acquire(link: string, key: string, options: AcquireOptions, joining?: Joining): Acquired & Joined {
    const move = (entry: Entry.Entry | undefined, at: number): Entry.Move<Acquired & Joined> => {
      const known = { entry, holder: this.turns.holderOf(key), write: this.values.peek(key)?.write ?? 0 }
      const joined = joining && join(known, at, options, joining)
      return joined === undefined ? Entry.acquire(entry, at, options, this.grant) : [joined, entry]
    }
    const answer = this.move(key, move, never)
    if (answer._tag === "Leader") this.turns.hold(key, { link, token: answer.token, forced: options.force === true })
    if (answer._tag === "Hit") this.counts.hits++
    else if (answer._tag === "Leader") this.counts.misses++
    return answer
  }

  /** Frees at once what a link held. */
  free(link: string): void {
    for (const [key, token] of this.turns.ofLink(link)) {
      this.move(key, (entry, at) => Entry.abandon(entry, at, { token }), yes)
    }
  }

  /** The value if it is not expired, without any effect but that it was used lately. */
  kept(key: string, peek = false): Row | undefined {
    const row = peek ? this.values.peek(key) : this.values.get(key)
    if (row === undefined || row.lifetime.fresh === Infinity) return row
    return now() < Entry.keptUntil(row) ? row : undefined
  }

  /** Replaces a value by itself with other times. Wakes nobody. */
  restamp(key: string, filledAt: number, lifetime: Lifetime): void {
    const row = this.values.get(key)
    if (row === undefined) return
    const next = { ...row, filledAt, lifetime }
    this.values.set(key, next)
    this.purgeBy(this.over(next))
  }

  /** The keys that have a value, the most recently used first, then those that are only leased, if they are wanted. */
  keys(prefix: string, leased: boolean): Array<string> {
    const at = now()
    const keys = new Set<string>()
    for (const key of this.values.keys()) {
      if (key.startsWith(prefix) && at < Entry.keptUntil(this.values.peek(key)!)) keys.add(key)
    }
    if (!leased) return [...keys]
    for (const key of this.turns.leased(at)) if (key.startsWith(prefix)) keys.add(key)
    return [...keys]
  }

  /** Removes every value, lease and cooldown; answers how many values there were. */
  clear(): number {
    let count = 0
    for (const key of new Set([...this.values.keys(), ...this.turns.keys()])) {
      if (this.move(key, Entry.remove, always)) count++
    }
    return count
  }

  /** When a value is expired. What is kept without an end, to be given as stale, is expired all the same. */
  private over(kept: Entry.Kept): number {
    const { allowStale, noDeleteOnStaleGet } = this.bounds
    const lenient = (allowStale || noDeleteOnStaleGet) && kept.lifetime.stale === Infinity
    return lenient ? Entry.freshUntil(kept) : Entry.keptUntil(kept)
  }

  /** Removes expired values, leases and cooldowns; answers how many values. */
  purge(): number {
    const began = performance.now()
    const at = now()
    let purged = 0
    let next = this.turns.purge(at)
    for (const [key, row] of [...this.values.entries()]) {
      const until = this.over(row)
      if (at >= until) {
        this.values.delete(key)
        purged++
      } else next = Math.min(next, until)
    }
    this.purgeTook = performance.now() - began
    this.purgeBy(next)
    return purged
  }

  private purgeBy(at: number): void {
    if (!this.bounds.ttlAutopurge || at >= this.purgeAt || at === Infinity) return
    clearTimeout(this.purging)
    this.purgeAt = at
    const fire = () => {
      this.purgeAt = Infinity
      this.purge()
    }
    // However many ends there are, looking for them takes a twentieth of the primary's time at most.
    const pause = Math.max(1, at - now(), this.purgeTook * 20)
    this.purging = setTimeout(fire, Math.min(pause, 2 ** 31 - 1)).unref()
  }

  /** Everything that is kept of a key, over or not: for those who look behind the verbs. */
  held(key: string): ReadonlyArray<Held> {
    const [row, turn] = [this.values.peek(key), this.turns.get(key)]
    const at = now()
    const held = (name: string, until: number): Held => ({
      name,
      expiresIn: this.purgeAt <= until ? until - at : Infinity
    })
    return [
      ...(row === undefined ? [] : [held("value", this.over(row))]),
      ...(turn === undefined ? [] : [held("turn", Entry.endsAt(turn))])
    ]
  }

  /** Changes a bound. Entries, their order and their remaining times stay, as many as there is room for. */
  rebound(change: Partial<SpaceBounds>): void {
    this.bounds = { ...this.bounds, ...change }
    if (change.max === undefined) return
    const before = [...this.values.rentries()] as Array<[string, Row]>
    this.values = this.lru(this.bounds)
    for (const [key, row] of before) this.values.set(key, row)
  }

  get stats(): SpaceStats {
    return { ...this.counts, size: this.keys("", false).length }
  }

  close(): void {
    this.closed = true
    clearTimeout(this.purging)
  }
}

const never = (): boolean => false
const always = (): boolean => true
const yes = (answer: boolean): boolean => answer
