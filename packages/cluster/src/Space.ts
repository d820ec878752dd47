/**
 * One namespace in the primary: core's state machine over an LRU, with leases that know which link holds them.
 *
 * All of it is synchronous, so that every verb is atomic, and the primary answers a batch in one turn of its event loop.
 */
import { type Acquired, type AcquireOptions, Entry, type Lifetime, Token, type Value } from "@cache-locking/core"
import { LRUCache } from "lru-cache"
import type { SpaceBounds } from "./SpaceOptions.ts"
import type { Fault } from "./Wire.ts"

/** A call that the primary refuses. */
export class Refused extends Error {
  readonly reason: Fault["reason"]

  constructor(reason: Fault["reason"], message: string) {
    super(message)
    this.reason = reason
  }
}

/** A value and what it counts. */
interface Row extends Entry.Kept {
  readonly size: number
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
  private readonly turns = new Map<string, Entry.Entry>()
  /** Goes round and round over the turns. */
  private hand = this.turns.entries()
  /** Which link holds the lease of a key. */
  private readonly holders = new Map<string, { readonly link: string; readonly token: Token }>()
  private readonly watchers = new Map<string, Set<() => void>>()
  private readonly listeners = new Set<(key: string) => void>()
  private purging: NodeJS.Timeout | undefined
  private purgeAt = Infinity
  private grants = 0

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
      if (next?.lease === undefined) this.holders.delete(key)
    }
    if (wakes(answer)) this.wake(key)
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
      this.values.set(key, { ...kept, size: size ?? same ?? 1 })
      this.purgeBy(Entry.keptUntil(kept))
    }
  }

  private setTurn(key: string, turn: Entry.Entry, at: number): void {
    // Each addition looks at two that are there and forgets what is over.
    for (let i = 0; i < 2; i++) {
      const seen = this.hand.next()
      if (seen.done) this.hand = this.turns.entries()
      else if (at >= Entry.endsAt(seen.value[1])) {
        this.turns.delete(seen.value[0])
        this.holders.delete(seen.value[0])
      }
    }
    this.turns.set(key, turn)
  }

  readonly grant = (): Token => Token(`${++this.grants}`)

  /** The contract's `acquire`, for a link, which loses the lease when it is gone. */
  acquire(link: string, key: string, options: AcquireOptions): Acquired {
    const answer = this.move(key, (entry, at) => Entry.acquire(entry, at, options, this.grant), never)
    if (answer._tag === "Leader") this.holders.set(key, { link, token: answer.token })
    if (answer._tag === "Hit") this.counts.hits++
    else if (answer._tag === "Leader") this.counts.misses++
    return answer
  }

  /** Frees at once what a link held. */
  free(link: string): void {
    for (const [key, { link: holder, token }] of [...this.holders]) {
      if (holder === link) this.move(key, (entry, at) => Entry.abandon(entry, at, { token }), yes)
    }
  }

  /** The value if it is not expired, without any effect but that it was used lately. */
  kept(key: string, peek = false): Row | undefined {
    const row = peek ? this.values.peek(key) : this.values.get(key)
    return row !== undefined && now() < Entry.keptUntil(row) ? row : undefined
  }

  /** Replaces a value by itself with other times. Wakes nobody. */
  restamp(key: string, filledAt: number, lifetime: Lifetime): void {
    const row = this.values.get(key)
    if (row === undefined) return
    this.values.set(key, { ...row, filledAt, lifetime })
    this.purgeBy(filledAt + lifetime.fresh + lifetime.stale)
  }

  watch(key: string, woken: () => void): () => void {
    const watchers = this.watchers.get(key)
    if (watchers === undefined) this.watchers.set(key, new Set([woken]))
    else watchers.add(woken)
    return () => {
      const watchers = this.watchers.get(key)
      if (watchers?.delete(woken) && watchers.size === 0) this.watchers.delete(key)
    }
  }

  listen(changed: (key: string) => void): () => void {
    const listener = (key: string) => changed(key)
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  private wake(key: string): void {
    for (const listener of this.listeners) listener(key)
    const watchers = this.watchers.get(key)
    if (watchers === undefined) return
    this.watchers.delete(key)
    for (const woken of watchers) woken()
  }

  /** The keys that have a value, the most recently used first, then those that are only leased, if they are wanted. */
  keys(prefix: string, leased: boolean): Array<string> {
    const at = now()
    const keys = new Set<string>()
    for (const key of this.values.keys()) {
      if (key.startsWith(prefix) && at < Entry.keptUntil(this.values.peek(key)!)) keys.add(key)
    }
    if (!leased) return [...keys]
    for (const [key, { lease }] of this.turns) {
      if (key.startsWith(prefix) && lease !== undefined && at < lease.until) keys.add(key)
    }
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

  /** Removes expired values; answers how many. */
  purge(): number {
    const at = now()
    let purged = 0
    let next = Infinity
    for (const [key, row] of [...this.values.entries()]) {
      // What may still be given as stale is expired all the same.
      const until =
        this.bounds.allowStale || this.bounds.noDeleteOnStaleGet ? Entry.freshUntil(row) : Entry.keptUntil(row)
      if (at >= until) {
        this.values.delete(key)
        purged++
      } else next = Math.min(next, until)
    }
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
    this.purging = setTimeout(fire, Math.min(Math.max(1, at - now()), 2 ** 31 - 1)).unref()
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
    clearTimeout(this.purging)
  }
}

const never = (): boolean => false
const always = (): boolean => true
const yes = (answer: boolean): boolean => answer
