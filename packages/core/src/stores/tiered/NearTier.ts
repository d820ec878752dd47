/**
 * Copies of fresh values in this process, in a bounded LRU.
 *
 * A copy is returned only while all of this holds: the far tier said that it is fresh, its key did not change since the
 * far tier was asked, no change can have been missed (see `ChangeLog`), it is younger than this tier's own time to live,
 * and its tags are known to have the versions that it carries.
 */
import type * as Clock from "effect/Clock"
import { LRUCache } from "lru-cache"
import { DecodedCopy, EncodedValue, tagsOf } from "../../codec/EncodedValue.ts"
import type { Tag } from "../../codec/Envelope.ts"
import type { LocalClock, LocalHit, Snapshot, Value } from "../../contract/Adapter.ts"
import * as Monotonic from "../../contract/Monotonic.ts"
import { tagOf, versionOf } from "../../tags/Tags.ts"
import { ChangeLog, type Copies, type FarRequest } from "./ChangeLog.ts"

/** The bounds of a near tier; times in milliseconds. */
export interface Bounds {
  readonly maxEntries: number
  readonly maxBytes: number
  readonly sizeOf: (value: Value, key: string) => number
  /** The time from the request to the far tier for which a copy is returned. */
  readonly ttl: number
}

interface Copy {
  readonly value: Value
  readonly filledAt: number
  /** The instant at which the far tier's freshness ends. */
  readonly freshUntil: number
  /** The instant at which this tier's own time to live ends. */
  readonly until: number
  readonly tags: ReadonlyArray<Tag> | undefined
}

/** The record of a tag, as it was read. */
interface TagRecord {
  readonly record: Snapshot
  readonly version: string
  /** When the answer came. */
  readonly readAt: number
  readonly until: number
}

/** Tags whose records are kept. */
const maxTags = 10_000

export class NearTier implements Copies {
  hits = 0
  evictions = 0
  readonly log: ChangeLog
  private readonly ttl: number
  private readonly sizeOf: Bounds["sizeOf"] | undefined
  private readonly copies: LRUCache<string, Copy>
  private readonly tags = new Map<string, TagRecord>()
  /** When `find` read the clock. */
  private lookedAt = 0

  /** @param watched true when changes are reported */
  constructor({ maxBytes, maxEntries: max, sizeOf, ttl }: Bounds, watched: boolean) {
    const dispose = (_: Copy, __: string, reason: string) => {
      if (reason === "evict") this.evictions++
    }
    const bounded = maxBytes !== Infinity
    this.copies = new LRUCache(bounded ? { max, maxSize: maxBytes, dispose } : { max, dispose })
    this.sizeOf = bounded ? sizeOf : undefined
    this.ttl = ttl
    this.log = new ChangeLog(this, watched)
  }

  readonly hitUnsafe = (key: string, clock: LocalClock): LocalHit | undefined => {
    const copy = this.find(key, clock)
    if (copy === undefined) return undefined
    this.hits++
    const { filledAt, freshUntil, value } = copy
    if (this.isEndless(copy)) return { value, freshFor: Infinity, age: undefined }
    const now = this.lookedAt
    return { value, freshFor: freshUntil - now, age: now - filledAt }
  }

  readonly valueUnsafe = (key: string, clock: LocalClock): Value | undefined => {
    const copy = this.find(key, clock)
    if (copy !== undefined) this.hits++
    return copy?.value
  }

  private find(key: string, clock: LocalClock): Copy | undefined {
    const { log } = this
    if (log.suspended) return undefined
    const copy = this.copies.get(key)
    // Reading the clock would cost as much as all the rest.
    if (copy === undefined || this.isEndless(copy)) return copy
    const now = Monotonic.now(clock)
    this.lookedAt = now
    if (now >= log.validUntil) {
      log.suspend()
      return undefined
    }
    if (now >= copy.until || now >= copy.freshUntil) return undefined
    return copy.tags === undefined || this.areValid(copy.tags, now) ? copy : undefined
  }

  private isEndless({ freshUntil, tags, until }: Copy): boolean {
    return freshUntil === Infinity && until === Infinity && this.log.validUntil === Infinity && tags === undefined
  }

  private areValid(tags: ReadonlyArray<Tag>, now: number): boolean {
    for (const { name, version } of tags) {
      const known = this.tags.get(name)
      if (known === undefined || known.version !== version || now >= known.until) return false
    }
    return true
  }

  /**
   * Keeps a copy of a fresh answer of the far tier, and returns the value to pass on. The request must be current.
   */
  keep(request: FarRequest, key: string, given: Value, age: number, freshFor: number): Value {
    const tags = tagsOf(given)
    if (tags === undefined || freshFor <= 0) return given
    const value = given instanceof EncodedValue ? given : new DecodedCopy(compact(given.bytes))
    const kept = this.set(key, {
      value,
      filledAt: request.sentAt - age,
      freshUntil: request.sentAt + freshFor,
      until: request.sentAt + this.ttl,
      tags: tags.length === 0 ? undefined : tags
    })
    return kept ? value : given
  }

  /** Called when the far tier has made its value fresh for this long from the request on. */
  touched(request: FarRequest, key: string, freshFor: number): void {
    const copy = this.log.isCurrent(request, key) ? this.copies.peek(key) : undefined
    this.log.changed(key)
    if (copy !== undefined) this.set(key, { ...copy, freshUntil: request.sentAt + freshFor })
  }

  /** Sets a copy, unless its size is unknown. */
  private set(key: string, copy: Copy): boolean {
    if (this.sizeOf === undefined) {
      this.copies.set(key, copy)
      return true
    }
    const size = sizeBy(this.sizeOf, copy.value, key)
    if (size !== undefined) this.copies.set(key, copy, { size })
    return size !== undefined
  }

  /** Keeps the record of a tag. */
  learn(request: FarRequest, tag: string, record: Snapshot, clock: Clock.Clock): void {
    this.tags.delete(tag)
    if (this.tags.size >= maxTags) this.tags.delete(this.tags.keys().next().value as string)
    const until = request.sentAt + this.ttl
    this.tags.set(tag, { record, version: versionOf(record), readAt: Monotonic.now(clock), until })
  }

  /** The record of a tag as it would be read now, if it is known. */
  recordOf(tag: string, clock: Clock.Clock): Snapshot | undefined {
    const known = this.tags.get(tag)
    if (known === undefined || this.log.isOverdue(clock)) return undefined
    const now = Monotonic.now(clock)
    if (now >= known.until) return undefined
    const { readAt, record } = known
    if (record.value === undefined) return record
    const since = now - readAt
    const left = (time: number) => Math.max(0, time - since)
    return { ...record, age: record.age + since, freshFor: left(record.freshFor), keptFor: left(record.keptFor) }
  }

  /** If the key is the record of a tag, no copy that carries the tag is returned until the record is read again. */
  drop(key: string): void {
    this.copies.delete(key)
    const tag = tagOf(key)
    if (tag !== undefined) this.tags.delete(tag)
  }

  dropAll(): void {
    this.copies.clear()
    this.tags.clear()
  }
}

/** A small view of a large buffer, as network clients return them, would keep all of it in memory. */
const compact = (bytes: Uint8Array): Uint8Array =>
  bytes.byteLength * 2 < bytes.buffer.byteLength ? Uint8Array.from(bytes) : bytes

/** The size of a value, at least 1; `undefined` when `sizeOf` throws or gives no usable number. */
const sizeBy = (sizeOf: Bounds["sizeOf"], value: Value, key: string): number | undefined => {
  try {
    const size = Math.max(1, Math.ceil(sizeOf(value, key)))
    return Number.isSafeInteger(size) ? size : undefined
  } catch {
    return undefined
  }
}
