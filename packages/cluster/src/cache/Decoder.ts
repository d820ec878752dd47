/**
 * Opens what core wrote, for a cache whose values have nothing about them: no tags, no promise to decode them. Whatever looks
 * otherwise is core's to open.
 */
import { Codec, Envelope } from "@cache-locking/core"
import { ascii, bytesOf, headBytes, headText, type Payload } from "../wire/Compact.ts"

/** A value that was opened. */
export class Decoded<out A> {
  readonly value: A

  constructor(value: A) {
    this.value = value
  }
}

/** What core's default codec writes before text and before bytes. */
const text = 0x73
const binary = 0x62

/** The character `7`: a byte that begins with a later digit has its high bit set. */
const seven = 0x37

export class Decoder<A> {
  private readonly codec: Codec.Codec<A>
  private readonly isDefault: boolean
  /** What is before the milliseconds that the load took, in hexadecimal. */
  private readonly head: string

  constructor(codec: Codec.Codec<A> | undefined) {
    this.codec = codec ?? Codec.default
    this.isDefault = codec === undefined
    const header = Envelope.encode(new Uint8Array(), this.codec.name, { cost: 0, tags: [] })
    this.head = Buffer.from(header.subarray(0, headBytes - 1)).toString("hex")
  }

  /** `kept`: they are what the primary keeps, of which no value may be a view. */
  open(payload: Payload, kept: boolean): Decoded<A> | undefined {
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
      // The cost's first byte ends the head. It goes on behind it where that has the high bit, and ASCII has none: one byte.
      if (payload.charCodeAt(headText - 2) > seven) at++
      if (payload.charCodeAt(at) === text) return new Decoded(payload.slice(at + 1) as A)
    }
    return this.ofBytes(bytesOf(payload), false)
  }

  private ofBytes(bytes: Uint8Array, kept: boolean): Decoded<A> | undefined {
    const opened = Envelope.decode(bytes, this.codec.name)
    if (opened === undefined || opened.tags.length > 0) return undefined
    const { payload } = opened
    const owned = kept && !(this.isDefault && payload[0] !== binary) ? payload.slice() : payload
    return new Decoded(this.codec.decode(owned) as A)
  }
}
