/**
 * The shared store: a map of entries, moved by `Entry` in the instant in which a request arrives.
 */
import { Check, Entry, Token } from "@cache-locking/core"
import type { Endpoint } from "./Connection.ts"
import type { Time } from "./VirtualTime.ts"

/** Receives each change of a key, or of all keys. */
export type Subscriber = (key: string) => void

export class Store implements Endpoint {
  private readonly entries = new Map<string, Entry.Entry>()
  private readonly versions = new Map<string, number>()
  /** The keys that have a lease, or had one that ended by itself. */
  private readonly leased = new Set<string>()
  private readonly subscribers = new Map<string, Set<Subscriber>>()
  private readonly listeners = new Set<Subscriber>()
  private readonly time: Time
  private grants = 0
  private writes = 0
  refusing = false
  /** Hears of each value that begins to be kept. */
  onKept: (bytes: Uint8Array) => void = () => {}

  constructor(time: Time) {
    this.time = time
  }

  /** Applies a move of the state machine, by the store's own clock. */
  move<A>(
    key: string,
    decide: (entry: Entry.Entry | undefined, now: number) => Entry.Move<A>,
    wakes: (answer: A) => boolean = () => false
  ): A {
    const [answer, next] = decide(this.entries.get(key), this.time.now)
    this.write(key, next)
    if (wakes(answer)) for (const each of [...(this.subscribers.get(key) ?? []), ...this.listeners]) each(key)
    return answer
  }

  /** A token that was never granted before. */
  grant(): Token {
    return Token(`t${++this.grants}`)
  }

  private write(key: string, entry: Entry.Entry | undefined): void {
    const before = this.entries.get(key)
    if (entry === before) return
    if (entry?.kept !== undefined && entry.kept !== before?.kept) this.onKept(entry.kept.value.bytes)
    if (entry === undefined) this.entries.delete(key)
    else this.entries.set(key, entry)
    this.versions.set(key, ++this.writes)
    // The log of invalidations is written under a lease of no flight.
    if (entry?.lease === undefined || Check.isReserved(key)) this.leased.delete(key)
    else this.leased.add(key)
  }

  /** Reads a record with the version that a conditional write must find. */
  readRecord(key: string): { readonly entry: Entry.Entry | undefined; readonly version: number | undefined } {
    const entry = this.entries.get(key)
    return { entry, version: entry === undefined ? undefined : this.versions.get(key) }
  }

  /** The number of the last write of a key, also of one that removed it. */
  lastWriteOf(key: string): number | undefined {
    return this.versions.get(key)
  }

  /** Writes a record if its version is still the one that was read. */
  writeIf(key: string, version: number | undefined, entry: Entry.Entry | undefined): false | number | true {
    if (this.readRecord(key).version !== version) return false
    this.write(key, entry)
    return entry === undefined ? true : this.versions.get(key)!
  }

  subscribe(key: string, subscriber: Subscriber): () => void {
    const all = this.subscribers.get(key) ?? new Set()
    this.subscribers.set(key, all.add(subscriber))
    return () => all.delete(subscriber)
  }

  /** Subscribes to the changes of all keys. */
  listen(listener: Subscriber): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  forget(key: string): void {
    this.write(key, undefined)
  }

  /** The leases that live at an instant of the clock that ends them. */
  leases(now: number): ReadonlyArray<{ readonly key: string; readonly owner: string }> {
    return [...this.leased].flatMap((key) => {
      const { lease } = Entry.read(this.entries.get(key), now)
      return lease === undefined ? [] : [{ key, owner: lease.owner }]
    })
  }
}
