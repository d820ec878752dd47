/**
 * Opens what core wrote, for a cache whose values have nothing about them: no tags, no promise to decode them. Whatever looks
 * otherwise is core's to open.
 */
import { Codec } from "@cache-locking/core"
import { ascii, bytesOf, headBytes, headText, type Payload } from "./Compact.ts"
import { headerOf } from "./Header.ts"

/** A value that was opened. */
export class Opened<out A> {
  readonly value: A

  constructor(value: A) {
    this.value = value
  }
}

/** What core's default codec writes before text and before JSON. */
const text = 0x73
const bytes = 0x62

/** The character `7`: a byte that begins with a later digit has its high bit set. */
const seven = 0x37

export class Opener<A> {
  private readonly codec: Codec.Codec<A>
  private readonly isDefault: boolean
  /** All but the last part of the header: how long the load took, whose every byte but its last has the high bit. */
  private learnt: string | undefined
  /** The same in hexadecimal. */
  private head = ""

  constructor(codec: Codec.Codec<A> | undefined) {
    this.codec = codec ?? Codec.default
    this.isDefault = codec === undefined
  }

  /** `kept`: they are what the primary keeps, of which no value may be a view. */
  open(payload: Payload, kept: boolean): Opened<A> | undefined {
    const { codec } = this
    if (codec.async === true) return undefined
    try {
      const { header } = this
      return typeof payload === "string" ? this.ofText(payload, header) : this.ofBytes(payload, header, kept)
    } catch {
      return undefined
    }
  }

  private get header(): string {
    if (this.learnt === undefined) {
      this.learnt = headerOf(this.codec.name).slice(0, -1)
      this.head = Buffer.from(this.learnt, "latin1").toString("hex")
    }
    return this.learnt
  }

  private ofText(payload: string, header: string): Opened<A> | undefined {
    // Text in ASCII needs no bytes.
    if (this.isDefault && header.length === headBytes - 1 && payload.charCodeAt(0) === ascii) {
      if (!payload.startsWith(this.head, 1)) return undefined
      let at = headText
      // The cost's first byte ends the head. It goes on behind it where that has the high bit, and ASCII has none: one byte.
      if (payload.charCodeAt(headText - 2) > seven) at++
      if (payload.charCodeAt(at) === text) return new Opened(payload.slice(at + 1) as A)
    }
    return this.ofBytes(bytesOf(payload), header, false)
  }

  private ofBytes(payload: Uint8Array, header: string, kept: boolean): Opened<A> | undefined {
    for (let i = 0; i < header.length; i++) if (payload[i] !== header.charCodeAt(i)) return undefined
    let at = header.length
    while (payload[at]! > 127) at++
    const rest = payload.subarray(at + 1)
    const owned = kept && !(this.isDefault && rest[0] !== bytes) ? rest.slice() : rest
    return new Opened(this.codec.decode(owned) as A)
  }
}
