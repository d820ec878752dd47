/**
 * An `Entry` as bytes, for stores that keep everything about a key in one blob.
 *
 * A magic byte, a version, a byte of flags, then the parts that are present: numbers as 64-bit floats (they may be
 * `Infinity`), texts and values after their 32-bit lengths. Bytes that do not decode completely count as no record: a
 * miss, never an error.
 */
import { Token, type Value } from "../contract/Adapter.ts"
import type { Cooldown, Entry, Kept, Lease } from "../contract/Entry.ts"

const mark = 0xe5
const version = 1
const header = 3
const has = { kept: 1, lease: 2, cooldown: 4, cause: 8 } as const
const known = has.kept | has.lease | has.cooldown | has.cause

const encoder = new TextEncoder()
// A byte order mark is ordinary text here.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

const numberSize = 8
const sized = (bytes: Uint8Array): number => 4 + bytes.byteLength

class Writer {
  readonly bytes: Uint8Array<ArrayBuffer>
  private readonly view: DataView
  private at = header

  constructor(size: number) {
    this.bytes = new Uint8Array(size)
    this.view = new DataView(this.bytes.buffer)
  }

  number(value: number): void {
    this.view.setFloat64(this.at, value)
    this.at += numberSize
  }

  block(block: Uint8Array): void {
    this.view.setUint32(this.at, block.byteLength)
    this.bytes.set(block, this.at + 4)
    this.at += sized(block)
  }
}

/** Reads bytes of unknown origin. Every method throws when they cannot be right, and `decode` catches. */
class Reader {
  private readonly bytes: Uint8Array
  private readonly view: DataView
  private at = header

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  number(): number {
    const value = this.view.getFloat64(this.at)
    if (Number.isNaN(value)) throw new RangeError("not a number")
    this.at += numberSize
    return value
  }

  block(): Uint8Array {
    const start = this.at + 4
    const end = start + this.view.getUint32(this.at)
    if (end > this.bytes.byteLength) throw new RangeError("truncated")
    this.at = end
    return this.bytes.subarray(start, end)
  }

  text(): string {
    return decoder.decode(this.block())
  }

  end(): void {
    if (this.at !== this.bytes.byteLength) throw new RangeError("trailing bytes")
  }
}

/** The record of an entry. The absence of an entry has a record too, for stores that cannot remove conditionally. */
export const encode = (entry: Entry | undefined): Uint8Array<ArrayBuffer> => {
  const kept = entry?.kept && { ...entry.kept, bytes: entry.kept.value.bytes }
  const lease = entry?.lease && {
    since: entry.lease.since,
    until: entry.lease.until,
    owner: encoder.encode(entry.lease.owner),
    token: encoder.encode(entry.lease.token)
  }
  const cooldown = entry?.cooldown
  const cause = cooldown?.cause?.bytes
  const writer = new Writer(
    header +
      (kept ? 4 * numberSize + sized(kept.bytes) : 0) +
      (lease ? 2 * numberSize + sized(lease.owner) + sized(lease.token) : 0) +
      (cooldown ? numberSize : 0) +
      (cause ? sized(cause) : 0)
  )
  const flags =
    (kept ? has.kept : 0) | (lease ? has.lease : 0) | (cooldown ? has.cooldown : 0) | (cause ? has.cause : 0)
  writer.bytes.set([mark, version, flags])
  if (kept) {
    writer.number(kept.filledAt)
    writer.number(kept.took)
    writer.number(kept.lifetime.fresh)
    writer.number(kept.lifetime.stale)
    writer.block(kept.bytes)
  }
  if (lease) {
    writer.number(lease.since)
    writer.number(lease.until)
    writer.block(lease.owner)
    writer.block(lease.token)
  }
  if (cooldown) writer.number(cooldown.until)
  if (cause) writer.block(cause)
  return writer.bytes
}

/** The entry of a record. `undefined` when the bytes are no record, of another version, or cut short. */
export const decode = (bytes: Uint8Array): Entry | undefined => {
  if (bytes.byteLength < header || bytes[0] !== mark || bytes[1] !== version) return undefined
  const flags = bytes[2]!
  if ((flags & ~known) !== 0) return undefined
  try {
    return parts(new Reader(bytes), flags)
  } catch {
    return undefined
  }
}

const parts = (reader: Reader, flags: number): Entry | undefined => {
  const kept = flags & has.kept ? readKept(reader) : undefined
  const lease: Lease | undefined =
    flags & has.lease
      ? { since: reader.number(), until: reader.number(), owner: reader.text(), token: Token(reader.text()) }
      : undefined
  const cooldown: Cooldown | undefined =
    flags & has.cooldown
      ? { until: reader.number(), cause: flags & has.cause ? { bytes: reader.block() } : undefined }
      : undefined
  reader.end()
  return kept || lease || cooldown ? { kept, lease, cooldown } : undefined
}

const readKept = (reader: Reader): Kept => {
  const filledAt = reader.number()
  const took = reader.number()
  const lifetime = { fresh: reader.number(), stale: reader.number() }
  const value: Value = { bytes: reader.block() }
  return { value, filledAt, took, lifetime }
}
