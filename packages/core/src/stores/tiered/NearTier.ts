/**
 * Copies of fresh values in this process, in a bounded LRU.
 *
 * A copy is answered only while all of this is so: the far tier said that it is fresh, no change of its key was told
 * since the far tier was asked for it, what tells of changes is trusted, the copy is younger than this tier's
 * own time to live, and its tags have the versions that it carries, as far as they are known.
 *
 * Instants are those of the caller's clock, counted from the first. A clock that goes back makes every age
 * untrue, so everything is dropped when that is seen.
 */
import type * as Clock from "effect/Clock"
import { LRUCache } from "lru-cache"
import { DecodedCopy, EncodedValue, tagsOf } from "../../codec/EncodedValue.ts"
import type { Tag } from "../../codec/Envelope.ts"
import type { LocalClock, LocalHit, Snapshot, Value } from "../../contract/Adapter.ts"
import { tagOf, versionOf } from "../../tags/Tags.ts"

/** How a near tier is bounded; times in milliseconds. */
export interface Bounds {
  readonly maxEntries: number
  readonly maxBytes: number
  readonly sizeOf: (value: Value, key: string) => number
  /** How long a copy is answered after the far tier was asked for it. */
  readonly ttl: number
}

interface Kept {
  readonly value: Value
  readonly filledAt: number
  /** When the far tier's freshness ends. */
  readonly freshUntil: number
  /** When this tier's own time to live ends. */
  readonly until: number
  readonly tags: ReadonlyArray<Tag> | undefined
}

/** What the far tier is being asked. */
export interface Asking {
  /** When it was asked. */
  readonly at: number
  /** How many changes were told before. */
  readonly mark: number
}

/** A tag's record, as it was read. */
interface Known {
  readonly record: Snapshot
  readonly version: string
  /** When the answer came, in milliseconds of a clock that never goes back. */
  readonly readAt: number
  readonly until: number
}

/** Changes remembered for the askings under way; when there are more, all of those are forgotten instead. */
const mostRecent = 10_000

/** Tags whose versions are known. */
const mostTags = 10_000

/** Milliseconds of a clock that never goes back. */
export const steady = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe()) / 1e6

export class NearTier {
  hits = 0
  /** How often the far tier had to be asked. */
  misses = 0
  evictions = 0
  /** Whether changes are told. */
  trusted: boolean
  private trustedUntil = Infinity
  private readonly ttl: number
  private readonly sizeOf: Bounds["sizeOf"] | undefined
  private readonly copies: LRUCache<string, Kept>
  private readonly tags = new Map<string, Known>()
  private changes = 0
  /** Askings that began before so many changes were told are not kept. */
  private floor = 0
  private readonly recent = new Map<string, number>()
  private underWay = 0
  private epoch = Number.NaN
  private latest = 0

  /** @param told whether something is to tell of changes; it is not trusted before `trust` */
  constructor({ maxBytes, maxEntries: max, sizeOf, ttl }: Bounds, told: boolean) {
    const dispose = (_kept: Kept, _key: string, reason: string) => {
      if (reason === "evict") this.evictions++
    }
    const bounded = maxBytes !== Infinity
    this.copies = new LRUCache(bounded ? { max, maxSize: maxBytes, dispose } : { max, dispose })
    this.sizeOf = bounded ? sizeOf : undefined
    this.ttl = ttl
    this.trusted = !told
  }

  readonly hitUnsafe = (key: string, clock: LocalClock): LocalHit | undefined => {
    const kept = this.find(key, clock)
    if (kept === undefined) return undefined
    this.hits++
    const { filledAt, freshUntil, value } = kept
    if (this.isEndless(kept)) return { value, freshFor: Infinity, age: undefined }
    return { value, freshFor: freshUntil - this.latest, age: Math.max(0, this.latest - filledAt) }
  }

  readonly valueUnsafe = (key: string, clock: LocalClock): Value | undefined => {
    const kept = this.find(key, clock)
    if (kept !== undefined) this.hits++
    return kept?.value
  }

  private find(key: string, clock: LocalClock): Kept | undefined {
    if (!this.trusted) return undefined
    const kept = this.copies.get(key)
    // Reading the clock would cost as much as all the rest.
    if (kept === undefined || this.isEndless(kept)) return kept
    const { floor } = this
    const now = this.now(clock)
    if (now >= this.trustedUntil) this.distrust()
    if (floor !== this.floor || now >= kept.until || now >= kept.freshUntil) return undefined
    return kept.tags === undefined || this.areValid(kept.tags, now) ? kept : undefined
  }

  private isEndless({ freshUntil, tags, until }: Kept): boolean {
    return freshUntil === Infinity && until === Infinity && this.trustedUntil === Infinity && tags === undefined
  }

  private areValid(tags: ReadonlyArray<Tag>, now: number): boolean {
    for (const { name, version } of tags) {
      const known = this.tags.get(name)
      if (known === undefined || known.version !== version || now >= known.until) return false
    }
    return true
  }

  /** The instant, in milliseconds since the first that was asked for. */
  now(clock: LocalClock): number {
    const millis = clock.currentTimeMillisUnsafe()
    if (Number.isNaN(this.epoch)) this.epoch = millis
    const since = millis - this.epoch
    // A small integer takes no memory of its own; the difference of two doubles does.
    const whole = since | 0
    const now = whole === since ? whole : since
    if (now < this.latest) {
      this.clear()
      if (this.trustedUntil !== Infinity) this.trusted = false
    }
    this.latest = now
    return now
  }

  /** The far tier is about to be asked. `end` must follow. */
  begin(clock: LocalClock): Asking {
    const at = this.now(clock)
    this.underWay++
    return { at, mark: this.changes }
  }

  end(): void {
    if (--this.underWay === 0) this.recent.clear()
  }

  /** Whether no change of the key was told since, and none can have been missed. */
  isCurrent({ mark }: Asking, key: string): boolean {
    return this.trusted && this.floor <= mark && (this.recent.get(key) ?? 0) <= mark
  }

  /** Keeps a copy of what the far tier said of a key; answers the value to hand on. Give it no `asking` that is not current. */
  keep(asking: Asking, key: string, given: Value, age: number, freshFor: number): Value {
    const tags = tagsOf(given)
    if (tags === undefined || freshFor <= 0) return given
    const value = given instanceof EncodedValue ? given : new DecodedCopy(compact(given.bytes))
    const kept: Kept = {
      value,
      filledAt: asking.at - age,
      freshUntil: asking.at + freshFor,
      until: asking.at + this.ttl,
      tags: tags.length === 0 ? undefined : tags
    }
    const size = this.sizeOf === undefined ? 0 : sizeBy(this.sizeOf, value, key)
    if (size === undefined) return given
    this.copies.set(key, kept, size === 0 ? undefined : { size })
    return value
  }

  /** The far tier was asked to make its value fresh for so long, and did. */
  touched(asking: Asking, key: string, freshFor: number): void {
    const kept = this.isCurrent(asking, key) ? this.copies.peek(key) : undefined
    this.changed(key)
    if (kept === undefined) return
    const size = this.sizeOf === undefined ? 0 : sizeBy(this.sizeOf, kept.value, key)
    if (size === undefined) return
    this.copies.set(key, { ...kept, freshUntil: asking.at + freshFor }, size === 0 ? undefined : { size })
  }

  /**
   * The value of a key is not what it was, or may not be: drops the copy, now and of every asking under way. If it is
   * the record of a tag, no copy that carries the tag is answered until the record is read again.
   */
  changed(key: string): void {
    this.changes++
    this.copies.delete(key)
    const tag = tagOf(key)
    if (tag !== undefined) this.tags.delete(tag)
    if (this.underWay === 0) return
    if (this.recent.size >= mostRecent) {
      this.floor = this.changes
      this.recent.clear()
    }
    this.recent.set(key, this.changes)
  }

  /** The far tier has no fresh value of a key. */
  drop(key: string): void {
    this.copies.delete(key)
  }

  /** Keeps the version of a tag, as its record was read. */
  learn(asking: Asking, tag: string, record: Snapshot, clock: Clock.Clock): void {
    this.tags.delete(tag)
    if (this.tags.size >= mostTags) this.tags.delete(this.tags.keys().next().value as string)
    const until = asking.at + this.ttl
    this.tags.set(tag, { record, version: versionOf(record), readAt: steady(clock), until })
  }

  /** The record of a tag, if it is known. */
  recordOf(tag: string, clock: Clock.Clock): Snapshot | undefined {
    const known = this.trusted ? this.tags.get(tag) : undefined
    if (known === undefined) return undefined
    const now = this.now(clock)
    if (now >= known.until || now >= this.trustedUntil || !this.tags.has(tag)) return undefined
    const { readAt, record } = known
    if (record.value === undefined) return record
    const since = Math.max(0, steady(clock) - readAt)
    const left = (time: number) => Math.max(0, time - since)
    return { ...record, age: record.age + since, freshFor: left(record.freshFor), keptFor: left(record.keptFor) }
  }

  /** Drops every copy, now and of every asking under way. */
  clear(): void {
    this.floor = ++this.changes
    this.copies.clear()
    this.tags.clear()
    this.recent.clear()
  }

  /** Changes are told, and none is missed until the instant given. */
  trust(until: number): void {
    this.trusted = true
    this.trustedUntil = until
  }

  /** Whether changes may have been missed by now. */
  isOverdue(clock: LocalClock): boolean {
    const now = this.now(clock)
    return !this.trusted || now >= this.trustedUntil
  }

  /** Changes may be missed. */
  distrust(): void {
    this.trusted = false
    this.clear()
  }
}

/** A small view of a large buffer, as network clients answer them, would keep all of it in memory. */
const compact = (bytes: Uint8Array): Uint8Array =>
  bytes.byteLength * 2 < bytes.buffer.byteLength ? Uint8Array.from(bytes) : bytes

/** The size of a value, or nothing when it cannot be told; at least 1. */
const sizeBy = (sizeOf: Bounds["sizeOf"], value: Value, key: string): number | undefined => {
  try {
    const size = Math.max(1, Math.ceil(sizeOf(value, key)))
    return Number.isSafeInteger(size) ? size : undefined
  } catch {
    return undefined
  }
}
