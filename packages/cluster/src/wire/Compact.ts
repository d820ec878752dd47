/**
 * A small value as the primary keeps it and as it travels: text of one byte a character. V8 keeps that in half of what a
 * `Uint8Array` with memory of its own takes, and every channel carries it faster.
 *
 * The first character says whether the text after the head is ASCII, and so what its bytes say. The head, which core writes, is
 * hexadecimal: as it is it would have to be escaped wherever a channel knows only JSON. Every other byte is one character.
 */
import { isAscii } from "node:buffer"
import type { Value } from "@cache-locking/core"

/** So many bytes are hexadecimal. */
export const headBytes = 5

/** Where the characters of the head end. */
export const headText = 1 + 2 * headBytes

/** How many characters there are more than bytes. */
const more = headText - headBytes

/** The first characters: `a` and `b`. */
export const ascii = 97
const other = 98

/** Where the overhead of a `Uint8Array` no longer counts. Bytes. */
const most = 1_024

/** Bytes, or the same as text. */
export type Payload = string | Uint8Array

const scratch = Buffer.alloc(most + more)

const textOf = (bytes: Uint8Array): string => {
  const rest = bytes.subarray(headBytes)
  scratch[0] = isAscii(rest) ? ascii : other
  for (let i = 0; i < headBytes; i++) {
    scratch[2 * i + 1] = digitOf(bytes[i]! >> 4)
    scratch[2 * i + 2] = digitOf(bytes[i]! & 15)
  }
  scratch.set(rest, headText)
  return scratch.toString("latin1", 0, bytes.byteLength + more)
}

const digitOf = (half: number): number => half + (half < 10 ? 48 : 87)

const halfOf = (digit: number): number => digit - (digit < 58 ? 48 : 87)

/** Bytes of one's own, if they were text. */
export const bytesOf = (payload: Payload): Uint8Array => {
  if (typeof payload !== "string") return payload
  const bytes = new Uint8Array(payload.length - more)
  for (let i = 0; i < headBytes; i++) {
    bytes[i] = halfOf(payload.charCodeAt(2 * i + 1)) * 16 + halfOf(payload.charCodeAt(2 * i + 2))
  }
  for (let i = headBytes; i < bytes.length; i++) bytes[i] = payload.charCodeAt(i + more)
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
