/**
 * The form in which the primary keeps a small value, and in which it travels: text of one byte a character. V8 keeps that
 * in half the memory of a `Uint8Array` of its own, and every channel carries it faster.
 *
 * The first character says whether the text after the head is ASCII, and so the same as its bytes decoded. The head is
 * the part that core writes first. It is hexadecimal, because as plain characters JSON would escape it. Every other
 * byte is one character.
 */
import { isAscii } from "node:buffer"
import type { Value } from "@cache-locking/core"

/** The bytes that become hexadecimal. */
export const headBytes = 5

/** The index after the characters of the head. */
export const headText = 1 + 2 * headBytes

/** The number of characters beyond that of bytes. */
const overhead = headText - headBytes

/** The first character: `a` for ASCII, `b` for anything else. */
export const ascii = 97
const other = 98

/** The largest value that is kept as text. Beyond it the overhead of a `Uint8Array` does not matter. */
const maxBytes = 1_024

/** Bytes, or the same as text. */
export type Payload = string | Uint8Array

const scratch = Buffer.alloc(maxBytes + overhead)

const textOf = (bytes: Uint8Array): string => {
  const rest = bytes.subarray(headBytes)
  scratch[0] = isAscii(rest) ? ascii : other
  for (let i = 0; i < headBytes; i++) {
    scratch[2 * i + 1] = digitOf(bytes[i]! >> 4)
    scratch[2 * i + 2] = digitOf(bytes[i]! & 15)
  }
  scratch.set(rest, headText)
  return scratch.toString("latin1", 0, bytes.byteLength + overhead)
}

const digitOf = (half: number): number => half + (half < 10 ? 48 : 87)

const halfOf = (digit: number): number => digit - (digit < 58 ? 48 : 87)

/** The bytes of a payload. Those of text are made anew. */
export const bytesOf = (payload: Payload): Uint8Array => {
  if (typeof payload !== "string") return payload
  const bytes = new Uint8Array(payload.length - overhead)
  for (let i = 0; i < headBytes; i++) {
    bytes[i] = halfOf(payload.charCodeAt(2 * i + 1)) * 16 + halfOf(payload.charCodeAt(2 * i + 2))
  }
  for (let i = headBytes; i < bytes.length; i++) bytes[i] = payload.charCodeAt(i + overhead)
  return bytes
}

/** A value that is kept as text. Each reader gets bytes of its own, so no reader can change what is kept. */
class Compact implements Value {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }

  get bytes(): Uint8Array {
    return bytesOf(this.text)
  }
}

/** The value as it is kept. */
export const compact = (value: Value): Value => {
  if (value instanceof Compact) return value
  const { byteLength } = value.bytes
  return byteLength < headBytes || byteLength > maxBytes ? value : new Compact(textOf(value.bytes))
}

/** The value as it travels between ends that both know the compact form. */
export const payloadOf = (value: Value): Payload => (value instanceof Compact ? value.text : value.bytes)

/** Bytes without a larger buffer behind them: a view would send, or keep, all of that buffer. */
export const ownBytes = (bytes: Uint8Array): Uint8Array => {
  const whole = bytes.constructor === Uint8Array && bytes.byteLength === bytes.buffer.byteLength
  return whole ? bytes : new Uint8Array(bytes)
}
