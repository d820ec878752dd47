/**
 * Decodes the bytes that core wrote, for a cache whose values are plain: without tags, and decoded without a promise.
 * Core decodes everything else.
 */
import { Codec, Envelope } from "@cache-locking/core"
import { ascii, bytesOf, headBytes, headText, type Payload } from "../wire/Compact.ts"

/** A value that was decoded. */
export class Decoded<out A> {
  readonly value: A

  constructor(value: A) {
    this.value = value
  }
}

/** The byte that the default codec writes before text, and the one before bytes. What follows them is the value itself. */
const textMark = Codec.default.encode("")[0]
const bytesMark = Codec.default.encode(new Uint8Array())[0]

/** The character `7`: the high bit of a byte is set if its first hexadecimal digit is greater. */
const seven = 0x37

export class Decoder<A> {
  private readonly codec: Codec.Codec<A>
  private readonly isDefault: boolean
  /** The envelope up to the milliseconds that the load took, in hexadecimal. */
  private readonly head: string

  constructor(codec: Codec.Codec<A> | undefined) {
    this.codec = codec ?? Codec.default
    this.isDefault = codec === undefined
    const header = Envelope.encode(new Uint8Array(), this.codec.name, { cost: 0, tags: [] })
    this.head = Buffer.from(header.subarray(0, headBytes - 1)).toString("hex")
  }

  /** With `kept`, the payload is the primary's own, and the value must not be a view of it. */
  decode(payload: Payload, kept: boolean): Decoded<A> | undefined {
    const { codec } = this
    if (codec.async === true) return undefined
    try {
      return typeof payload === "string" ? this.ofText(payload) : this.ofBytes(payload, kept)
    } catch {
      return undefined
    }
  }

  private ofText(payload: string): Decoded<A> | undefined {
    // Text in ASCII needs no bytes.
    if (this.isDefault && payload.charCodeAt(0) === ascii) {
      if (!payload.startsWith(this.head, 1)) return undefined
      let at = headText
      // The head ends with the first byte of the load's time. A set high bit says that one more byte follows: not two,
      // because the second would have its high bit set, and ASCII has none.
      if (payload.charCodeAt(headText - 2) > seven) at++
      if (payload.charCodeAt(at) === textMark) return new Decoded(payload.slice(at + 1) as A)
    }
    return this.ofBytes(bytesOf(payload), false)
  }

  private ofBytes(bytes: Uint8Array, kept: boolean): Decoded<A> | undefined {
    const opened = Envelope.decode(bytes, this.codec.name)
    if (opened === undefined || opened.tags.length > 0) return undefined
    const { payload } = opened
    const mayBeView = kept && !(this.isDefault && payload[0] !== bytesMark)
    return new Decoded(this.codec.decode(mayBeView ? payload.slice() : payload) as A)
  }
}
