/**
 * A value as core passes it to adapters, and as they return it.
 *
 * An adapter in the process keeps the `EncodedValue` itself, by reference, and nothing is ever encoded. An adapter that
 * leaves the process reads `bytes`, which are made at the first read, once.
 */
import type { Lifetime, Value } from "../contract/Adapter.ts"
import { EncodeFailed } from "../contract/CacheLockingError.ts"
import * as Check from "../contract/Check.ts"
import type { Codec } from "./Codec.ts"
import * as Envelope from "./Envelope.ts"

const NO_TAGS: ReadonlyArray<Envelope.Tag> = []

/**
 * A value with its cost and tags, and with its bytes after their first use. It has three fields and no more, because a
 * hundred thousand of these stay in memory.
 */
export class EncodedValue<out A> implements Value {
  readonly value: A
  /** The cost alone where there are no tags: a small integer takes no memory of its own. */
  private readonly info: number | Envelope.Info
  /** The codec that makes `bytes`, then the bytes. Of `any`, because a codec is invariant and a value is not. */
  private source: Codec<any> | Uint8Array

  /** Use `encodedValue`. */
  constructor(value: A, source: Codec<any> | Uint8Array, info: number | Envelope.Info) {
    this.value = value
    this.info = info
    this.source = source
  }

  /** The same value with the times that a memory adapter keeps beside it. */
  keep(filledAt: number, took: number, lifetime: Lifetime): KeptValue<A> {
    return new KeptValue(this.value, this.source, this.info, filledAt, took, lifetime)
  }

  /** Whole milliseconds that the load took. */
  get cost(): number {
    return typeof this.info === "number" ? this.info : this.info.cost
  }

  get tags(): ReadonlyArray<Envelope.Tag> {
    return typeof this.info === "number" ? NO_TAGS : this.info.tags
  }

  /** True when `bytes` were already made. */
  get encoded(): boolean {
    return this.source instanceof Uint8Array
  }

  /**
   * The envelope, made when it is first read. Throws `EncodeFailed`, without a key, if the codec cannot encode the value,
   * or if it may need a promise and `encode` was not called.
   */
  get bytes(): Uint8Array {
    const { source } = this
    if (source instanceof Uint8Array) return source
    if (source.async === true) throw failed(`The codec ${source.name} is asynchronous: encode the value first`)
    return this.wrap(
      source.name,
      attempt(source, () => source.encode(this.value))
    )
  }

  /** Makes `bytes` now. Returns a promise only if the codec did. Throws or rejects with `EncodeFailed`, without a key. */
  encode(): void | Promise<void> {
    const { source } = this
    if (source instanceof Uint8Array) return
    const payload = attempt<Uint8Array | Promise<Uint8Array>>(source, () => source.encode(this.value))
    if (!Check.isPromise(payload)) return void this.wrap(source.name, payload)
    return Promise.resolve(payload).then(
      (bytes) => void this.wrap(source.name, bytes),
      (cause) => Promise.reject(failed(`The codec ${source.name} cannot encode the value`, cause))
    )
  }

  private wrap(name: string, payload: Uint8Array): Uint8Array {
    const { cost, tags } = this
    if (!ArrayBuffer.isView(payload)) {
      Check.silence(payload)
      throw failed(`encode of the codec ${name} answered ${Check.kindOf(payload)}; accepted: a Uint8Array`)
    }
    this.source = attempt({ name }, () => Envelope.encode(payload, name, { cost, tags }))
    return this.source
  }
}

/**
 * Bytes that remember the value they were decoded to. A near tier keeps these, so that its hits decode nothing.
 */
export class DecodedCopy implements Value {
  readonly bytes: Uint8Array
  private decoded: EncodedValue<any> | undefined
  private by: Codec<any> | undefined

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }

  /** The value that this very codec made of the bytes, if it was the last to decode them. */
  decodedBy<A>(codec: Codec<A>): EncodedValue<A> | undefined {
    return this.by === codec ? this.decoded : undefined
  }

  /** Remembers the value that a codec made of the bytes. */
  remember<A>(codec: Codec<A>, decoded: EncodedValue<A>): void {
    this.by = codec
    this.decoded = decoded
  }
}

/** An `EncodedValue` in a memory adapter, with its times: one object instead of two, because there are many. */
export class KeptValue<out A> extends EncodedValue<A> {
  readonly filledAt: number
  readonly took: number
  readonly lifetime: Lifetime

  /** Use `keep`. */
  constructor(
    value: A,
    source: Codec<any> | Uint8Array,
    info: number | Envelope.Info,
    filledAt: number,
    took: number,
    lifetime: Lifetime
  ) {
    super(value, source, info)
    this.filledAt = filledAt
    this.took = took
    this.lifetime = lifetime
  }

  /** The value, as an adapter returns it. */
  get stored(): Value {
    return this
  }
}

/**
 * Bytes that contain no readable value. They are no envelope of this codec (`"envelope"`), or the codec refused them
 * (`"payload"`), or they are a mark (`"mark"`). With `fatal` the call fails, as `onInvalid: "fail"` asks; otherwise it is a
 * miss.
 */
export class Unreadable {
  readonly _tag = "Unreadable"
  readonly reason: "envelope" | "payload" | "mark"
  readonly fatal: boolean
  /** The error that the codec threw. */
  readonly cause: unknown

  constructor(reason: "envelope" | "payload" | "mark", fatal: boolean, cause?: unknown) {
    this.reason = reason
    this.fatal = fatal
    this.cause = cause
  }
}

/** In the place of a value: see `Envelope.mark`. */
export const mark: Value = { bytes: Envelope.mark }

/** True for a mark, also for one that another copy of this module made. */
export const isMark = (value: Value): boolean => {
  if (value instanceof EncodedValue) return false
  try {
    return Envelope.isMark(value.bytes)
  } catch {
    // A value of another copy of this module encodes late.
    return false
  }
}

/** Prepares a value for adapters. `cost` is in milliseconds and is rounded. Default 0. */
export const encodedValue = <A>(
  value: A,
  codec: Codec<NoInfer<A>>,
  about?: { readonly cost?: number | undefined; readonly tags?: ReadonlyArray<Envelope.Tag> | undefined }
): EncodedValue<A> => new EncodedValue(value, codec, compact(Math.round(about?.cost ?? 0), about?.tags ?? NO_TAGS))

/**
 * Decodes the answer of an adapter: at once if the adapter kept the `EncodedValue` itself or the codec is synchronous,
 * else in a promise. Never throws or rejects: bytes without a readable value give an `Unreadable`.
 */
export const decodeValue = <A>(
  value: Value,
  codec: Codec<A>
): EncodedValue<A> | Unreadable | Promise<EncodedValue<A> | Unreadable> => {
  if (value instanceof EncodedValue) return value
  const copy = value instanceof DecodedCopy ? value : undefined
  const known = copy?.decodedBy(codec)
  if (known !== undefined) return known
  const envelope = envelopeOf(value, codec)
  if (envelope === undefined) return new Unreadable(isMark(value) ? "mark" : "envelope", false)
  const info = compact(envelope.cost, envelope.tags)
  const made = (decoded: A): EncodedValue<A> => {
    const result = new EncodedValue(decoded, copy?.bytes ?? codec, info)
    copy?.remember(codec, result)
    return result
  }
  const refused = (cause: unknown) => new Unreadable("payload", codec.onInvalid === "fail", cause)
  try {
    const decoded = codec.decode(envelope.payload)
    if (!Check.isPromise(decoded)) return made(decoded)
    if (codec.async === true) return Promise.resolve(decoded).then(made, refused)
    Check.silence(decoded)
    return refused(
      new TypeError(`decode of the codec ${codec.name} answered a promise, and the codec has not async: true`)
    )
  } catch (cause) {
    return refused(cause)
  }
}

/** The envelope, if an adapter answered one. Another copy of this module may have kept its own object, which encodes late. */
const envelopeOf = (value: Value, codec: Codec<any>): Envelope.Decoded | undefined => {
  try {
    return Envelope.decode(value.bytes, codec.name)
  } catch {
    return undefined
  }
}

/** The tags of a value of any codec; `undefined` if they cannot be read. */
export const tagsOf = (value: Value): ReadonlyArray<Envelope.Tag> | undefined =>
  value instanceof EncodedValue ? value.tags : Envelope.tagsOf(value.bytes)

const compact = (cost: number, tags: ReadonlyArray<Envelope.Tag>): number | Envelope.Info =>
  tags.length === 0 ? cost : { cost, tags }

const failed = (message: string, cause?: unknown) =>
  new EncodeFailed({ context: { phase: "encode" }, message, ...(cause === undefined ? {} : { cause }) })

const attempt = <T>(codec: { readonly name: string }, encode: () => T): T => {
  try {
    return encode()
  } catch (cause) {
    throw failed(`The codec ${codec.name} cannot encode the value`, cause)
  }
}
