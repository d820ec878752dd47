/**
 * A small value as the primary keeps it and as it travels: text of one byte a character. V8 keeps that in half of what a
 * `Uint8Array` with memory of its own takes, and every channel carries it faster.
 *
 * The first bytes, which core writes, are hexadecimal: as they are they would have to be escaped wherever a channel
 * knows only JSON. The others are the characters of their number, which for ASCII is what they say.
 */
import type { Value } from "@cache-locking/core"

/** So many bytes are hexadecimal. */
export const headBytes = 5

/** In so many characters. */
export const headText = 2 * headBytes

/** Where the overhead of a `Uint8Array` no longer counts. Bytes. */
const most = 1_024

/** Bytes, or the same as text. */
export type Payload = string | Uint8Array

const scratch = Buffer.alloc(most + headBytes)

const textOf = (bytes: Uint8Array): string => {
  for (let i = 0; i < headBytes; i++) {
    scratch[2 * i] = digitOf(bytes[i]! >> 4)
    scratch[2 * i + 1] = digitOf(bytes[i]! & 15)
  }
  scratch.set(bytes.subarray(headBytes), headText)
  return scratch.toString("latin1", 0, bytes.byteLength + headBytes)
}

const digitOf = (half: number): number => half + (half < 10 ? 48 : 87)

const halfOf = (digit: number): number => digit - (digit < 58 ? 48 : 87)

/** Bytes of one's own, if they were text. */
export const bytesOf = (payload: Payload): Uint8Array => {
  if (typeof payload !== "string") return payload
  const bytes = new Uint8Array(payload.length - headBytes)
  for (let i = 0; i < headBytes; i++) {
    bytes[i] = halfOf(payload.charCodeAt(2 * i)) * 16 + halfOf(payload.charCodeAt(2 * i + 1))
  }
  for (let i = headBytes; i < bytes.length; i++) bytes[i] = payload.charCodeAt(i + headBytes)
  return bytes
}

/** A value that is kept as text. Its bytes are made anew for whoever asks, so that nobody changes what is kept. */
class Compact implements Value {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }

  get bytes(): Uint8Array {
    return bytesOf(this.text)
  }
}

/** A value as it is kept. */
export const compact = (value: Value): Value => {
  if (value instanceof Compact) return value
  const { byteLength } = value.bytes
  return byteLength < headBytes || byteLength > most ? value : new Compact(textOf(value.bytes))
}

/** A value as it travels, where both ends know of it. */
export const payloadOf = (value: Value): Payload => (value instanceof Compact ? value.text : value.bytes)
