/**
 * The envelope around the bytes of a value in every store.
 *
 * ```
 * version  1 byte   1; another layout gets another number
 * flags    1 byte   1 = tags, 2 = extra; an envelope with any other flag is unreadable
 * codec    2 bytes  a fingerprint of the codec's name
 * cost     varint   duration of the load in milliseconds
 * tags     varint count, then for each: varint length, UTF-8 name, varint length, UTF-8 version
 * extra    varint length, then that many bytes, which readers may skip
 * payload  the rest
 * ```
 *
 * That is five bytes without tags. Other bytes are unreadable, which is an answer and never an error. A later release puts
 * what old readers may ignore into `extra`, and marks what they must not ignore by a flag.
 *
 * The flag 4 stands for no value at all: the last result of the key was not to be cached (`mark`).
 */

/**
 * The most tags of a value. Each is one more record to read with every hit, and a record that claims more is unreadable: it
 * could keep a process busy for minutes.
 */
export const mostTags = 256

/** A tag of an entry. */
export interface Tag {
  readonly name: string
  /** The tag's version when the entry was loaded. The entry is valid while the tag still has it. */
  readonly version: string
}

/** The properties stored beside a value. */
export interface Info {
  /** Whole milliseconds that the load took. */
  readonly cost: number
  readonly tags: ReadonlyArray<Tag>
}

/** A decoded envelope. */
export interface Decoded extends Info {
  /** A view of the bytes given. */
  readonly payload: Uint8Array
}

const VERSION = 1
const TAGS = 1
const EXTRA = 2
const MARK = 4

/**
 * In the place of a value: the last result of the key was not to be cached. It is of no codec, and has neither tags nor
 * payload. Releases that do not know it find an unreadable envelope, which is a miss.
 */
export const mark: Uint8Array = Uint8Array.of(VERSION, MARK, 0, 0, 0)

/** True for the bytes of `mark`. */
export const isMark = (bytes: Uint8Array): boolean =>
  bytes.length === mark.length && bytes[0] === VERSION && bytes[1] === MARK
const NO_TAGS: ReadonlyArray<Tag> = []

const encoder = new TextEncoder()
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** Makes an envelope, copying `payload` once. Throws a `RangeError` or `TypeError` when `info` cannot be written. */
export const encode = (payload: Uint8Array, codec: string, info: Info): Uint8Array => {
  const head: Array<number> = []
  const print = fingerprint(codec)
  head.push(VERSION, info.tags.length > 0 ? TAGS : 0, print & 0xff, print >> 8)
  writeNumber(head, info.cost)
  if (info.tags.length > 0) writeTags(head, info.tags)
  const bytes = new Uint8Array(head.length + payload.length)
  bytes.set(head)
  bytes.set(payload, head.length)
  return bytes
}

/** Decodes an envelope without copying; `undefined` if the bytes are no envelope of this codec. */
export const decode = (bytes: Uint8Array, codec: string): Decoded | undefined => {
  const flags = bytes[1]
  if (bytes.length < 5 || bytes[0] !== VERSION || flags === undefined || flags > (TAGS | EXTRA)) return undefined
  const print = fingerprint(codec)
  if (bytes[2] !== (print & 0xff) || bytes[3] !== print >> 8) return undefined
  const reader = new Reader(bytes, 4)
  const cost = reader.number()
  const tags = (flags & TAGS) === 0 ? NO_TAGS : reader.tags()
  if ((flags & EXTRA) !== 0) reader.skip(reader.number())
  return reader.ok ? { cost, tags, payload: bytes.subarray(reader.at) } : undefined
}

/** The tags in an envelope of any codec: none if the bytes are no envelope, `undefined` if they cannot be read. */
export const tagsOf = (bytes: Uint8Array): ReadonlyArray<Tag> | undefined => {
  if (bytes.length < 5 || bytes[0] !== VERSION || (bytes[1]! & TAGS) === 0) return NO_TAGS
  const reader = new Reader(bytes, 4)
  reader.number()
  const tags = reader.tags()
  return reader.ok ? tags : undefined
}

const writeTags = (head: Array<number>, tags: ReadonlyArray<Tag>): void => {
  if (tags.length > mostTags) throw new RangeError(`A value has at most ${mostTags} tags, not ${tags.length}`)
  writeNumber(head, tags.length)
  for (const { name, version } of tags) {
    writeText(head, name)
    writeText(head, version)
  }
}

const writeText = (head: Array<number>, text: string): void => {
  // UTF-8 would change the tag, and an invalidation would then be missed.
  if (!text.isWellFormed()) throw new TypeError("A tag has a lone surrogate, which UTF-8 cannot keep")
  const bytes = encoder.encode(text)
  writeNumber(head, bytes.length)
  for (const byte of bytes) head.push(byte)
}

/** Seven bits a byte, the lowest first. By arithmetic, because bit operators end at 32 bits and instants do not. */
const writeNumber = (head: Array<number>, number: number): void => {
  if (!Number.isSafeInteger(number) || number < 0) throw new RangeError(`Not a whole number from 0: ${number}`)
  let rest = number
  while (rest > 127) {
    head.push((rest % 128) + 128)
    rest = Math.floor(rest / 128)
  }
  head.push(rest)
}

/** Reads from `at` on. Once something is missing, `ok` is false and every answer is empty. */
class Reader {
  readonly bytes: Uint8Array
  at: number
  ok = true

  constructor(bytes: Uint8Array, at: number) {
    this.bytes = bytes
    this.at = at
  }

  number(): number {
    let number = 0
    for (let factor = 1; factor <= Number.MAX_SAFE_INTEGER; factor *= 128) {
      const byte = this.bytes[this.at++]
      if (byte === undefined) break
      number += (byte & 127) * factor
      if (byte < 128) return Number.isSafeInteger(number) ? number : this.fail()
    }
    return this.fail()
  }

  skip(length: number): void {
    this.at += length
    if (this.at > this.bytes.length) this.fail()
  }

  tags(): ReadonlyArray<Tag> {
    const tags: Array<Tag> = []
    const count = this.number()
    if (count > mostTags) this.fail()
    // With a false count, the loop ends at the end of the bytes.
    for (let left = count; left > 0 && this.ok; left--) {
      tags.push({ name: this.text(), version: this.text() })
    }
    return tags
  }

  text(): string {
    const length = this.number()
    const from = this.at
    this.skip(length)
    if (!this.ok) return ""
    try {
      return decoder.decode(this.bytes.subarray(from, this.at))
    } catch {
      this.fail()
      return ""
    }
  }

  fail(): number {
    this.ok = false
    return 0
  }
}

/** FNV-1a over UTF-16 units, folded to 16 bits. */
const fingerprint = (name: string): number => {
  let hash = 0x811c9dc5
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193)
  return ((hash >>> 16) ^ hash) & 0xffff
}
