/**
 * Values to bytes and back.
 *
 * A codec is two plain functions that may throw. Synchronous ones cost neither a
 * promise nor an Effect; one that needs promises says `async: true`. Core turns what
 * they throw into `EncodeFailed`, and into a miss or `DecodeFailed` by `onInvalid`.
 * What the codecs here throw never quotes a value; an own codec should not either.
 *
 * @example
 * ```ts
 * import { Codec } from "@cache-locking/core"
 *
 * const users = Codec.compressed(Codec.json<{ readonly name: string }>(), { from: 4096 })
 * ```
 */
import * as Schema from "effect/Schema"
import { InvalidOption } from "../contract/CacheLockingError.ts"
import { compress, decompress, type Format, formats } from "./Compression.ts"
import * as Structured from "./Structured.ts"

/** What every codec has. */
interface Named {
  /**
   * Names the format. A fingerprint of it is stored with every value, so that bytes
   * written by one format are a miss for another and never misread.
   */
  readonly name: string
  /**
   * What bytes that do not decode are: `"miss"` (the default; loaded anew, counted and
   * logged) or `"fail"` (the call fails with `DecodeFailed`).
   */
  readonly onInvalid?: "miss" | "fail" | undefined
}

/** A codec without promises. */
export interface SyncCodec<in out A> extends Named {
  readonly async?: false | undefined
  readonly encode: (value: A) => Uint8Array
  /** May return a view of `bytes`, and throws if they are not its own. */
  readonly decode: (bytes: Uint8Array) => A
}

/** A codec that may answer with promises. A value of it is encoded before it is handed to an adapter. */
export interface AsyncCodec<in out A> extends Named {
  readonly async: true
  readonly encode: (value: A) => Uint8Array | Promise<Uint8Array>
  readonly decode: (bytes: Uint8Array) => A | Promise<A>
}

/** Values of `A` to bytes and back. */
export type Codec<A> = SyncCodec<A> | AsyncCodec<A>

/** The type of a codec's values. */
export type Type<C> = C extends { readonly decode: (bytes: Uint8Array) => infer A } ? Awaited<A> : never

const encoder = new TextEncoder()
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

const default_: SyncCodec<any> = {
  name: "default",
  encode: Structured.encode,
  decode: Structured.decode
}

export {
  /**
   * Keeps what `structuredClone` keeps and JSON loses: Date, Map, Set, BigInt, `undefined`,
   * NaN, -0, RegExp, URL, Error (without its stack), typed arrays, and references that are
   * repeated or cyclic. A function, a symbol or an instance of an own class is refused by
   * `EncodeFailed` rather than changed: see `map`. A `Buffer` comes back as a `Uint8Array`.
   */
  default_ as default
}

/** Plain JSON, readable by anyone. What JSON loses is lost: a Date comes back as text, a Map as `{}`. */
export const json = <A>(): SyncCodec<A> => jsonCodec

const jsonCodec: SyncCodec<any> = {
  name: "json",
  encode: (value) => {
    const text = JSON.stringify(value)
    if (text === undefined) throw new TypeError(`JSON has no ${typeof value}`)
    return encoder.encode(text)
  },
  decode: (bytes) => Structured.parseJson(decoder.decode(bytes))
}

/** Text as UTF-8. Text with half a surrogate pair is refused, for UTF-8 would change it. */
export const string: SyncCodec<string> = {
  name: "string",
  encode: (value) => {
    if (!value.isWellFormed()) throw new TypeError("The text has a lone surrogate, which UTF-8 cannot keep")
    return encoder.encode(value)
  },
  decode: (bytes) => decoder.decode(bytes)
}

/** Bytes as they are. What is decoded may be a view of the adapter's memory: do not write to it. */
export const bytes: SyncCodec<Uint8Array> = {
  name: "bytes",
  encode: (value) => value,
  decode: Structured.plainBytes
}

/**
 * Stores the schema's JSON form and checks what it reads. By default a value that no longer
 * decodes, after the schema changed, is a miss; with `onInvalid: "fail"` it is `DecodeFailed`.
 *
 * @example
 * ```ts
 * import { Codec } from "@cache-locking/core"
 * import * as Schema from "effect/Schema"
 *
 * const codec = Codec.schema(Schema.Struct({ id: Schema.Int, at: Schema.Date }), { onInvalid: "fail" })
 * ```
 */
export const schema = <A, I>(
  schema: Schema.ConstraintCodec<A, I>,
  options?: { readonly onInvalid?: "miss" | "fail" | undefined }
): SyncCodec<A> => {
  // One codec for one schema: callers who write it inline share flights.
  const memo = options?.onInvalid === "fail" ? strict : lenient
  const made = memo.get(schema)
  if (made !== undefined) return made as SyncCodec<A>
  const codec = schemaCodec<A, I>(schema, options?.onInvalid)
  memo.set(schema, codec)
  return codec
}

const strict = new WeakMap<object, SyncCodec<any>>()
const lenient = new WeakMap<object, SyncCodec<any>>()

const schemaCodec = <A, I>(
  schema: Schema.ConstraintCodec<A, I>,
  onInvalid: "miss" | "fail" | undefined
): SyncCodec<A> => {
  const form = Schema.toCodecJson(schema)
  // Without its input an issue tells the path and what was expected, not the value.
  const encode = Schema.encodeUnknownSync(form, { reportInput: false })
  const decode = Schema.decodeUnknownSync(form, { reportInput: false })
  return {
    name: "schema",
    onInvalid,
    encode: (value) => jsonCodec.encode(encode(value)),
    decode: (bytes) => decode(jsonCodec.decode(bytes))
  }
}

/** What `compressed` accepts. */
export interface CompressedOptions {
  /** What the inner codec wrote is compressed from this many bytes on. Default 1024. */
  readonly from?: number | undefined
  /** How values are written; all three are read. Default `"gzip"`. */
  readonly format?: Format | undefined
  /**
   * The most bytes that a stored value may unfold to, against decompression bombs: one that does not
   * stop there is invalid. What is larger when written stays uncompressed. Default 64 MiB.
   */
  readonly maxBytes?: number | undefined
}

/**
 * Compresses what another codec wrote, through the platform's `CompressionStream`, where that
 * makes it smaller. One byte more for what stays as it is. Throws `InvalidOption`.
 */
export const compressed = <A>(codec: Codec<A>, options: CompressedOptions = {}): AsyncCodec<A> => {
  const from = wholeNumber("from", options.from ?? 1024)
  const maxBytes = wholeNumber("maxBytes", options.maxBytes ?? 64 * 1024 * 1024)
  const format = options.format ?? "gzip"
  const kind = formats.indexOf(format) + 1
  if (kind === 0) throw invalid("format", format, `one of ${formats.join(", ")}`)
  return transform(codec, {
    name: "compressed",
    async: true,
    encode: (bytes) => {
      if (bytes.length < from || bytes.length > maxBytes) return prefix(0, bytes)
      return compress(bytes, format).then((small) =>
        small.length < bytes.length ? prefix(kind, small) : prefix(0, bytes)
      )
    },
    decode: (bytes) => {
      const rest = bytes.subarray(1)
      if (bytes[0] === 0) return rest
      const written = formats[(bytes[0] ?? 0) - 1]
      if (written === undefined) throw new TypeError("The bytes are not in the compressed codec's format")
      return decompress(rest, written, maxBytes)
    }
  })
}

/** A step that `transform` adds around a codec's bytes. */
export interface SyncStep {
  /** Added to the codec's name: change it when the step's format changes. */
  readonly name: string
  readonly async?: false | undefined
  readonly encode: (bytes: Uint8Array) => Uint8Array
  /** Throws on bytes that are not its own. */
  readonly decode: (bytes: Uint8Array) => Uint8Array
}

/** A step that may answer with promises. */
export interface AsyncStep {
  readonly name: string
  readonly async: true
  readonly encode: (bytes: Uint8Array) => Uint8Array | Promise<Uint8Array>
  readonly decode: (bytes: Uint8Array) => Uint8Array | Promise<Uint8Array>
}

/**
 * Wraps a codec's bytes once more: encryption, a checksum, a compression of your own.
 *
 * @example
 * ```ts
 * import { Codec } from "@cache-locking/core"
 * import { brotliCompressSync, brotliDecompressSync } from "node:zlib"
 *
 * const codec = Codec.transform(Codec.default, {
 *   name: "brotli",
 *   encode: brotliCompressSync,
 *   decode: (bytes) => brotliDecompressSync(bytes, { maxOutputLength: 10_000_000 })
 * })
 * ```
 */
export const transform: {
  <A>(codec: SyncCodec<A>, step: SyncStep): SyncCodec<A>
  <A>(codec: Codec<A>, step: SyncStep | AsyncStep): AsyncCodec<A>
} = <A>(codec: Codec<A>, step: SyncStep | AsyncStep): any => ({
  name: `${codec.name}+${step.name}`,
  async: codec.async === true || step.async === true,
  onInvalid: codec.onInvalid,
  encode: (value: A) => andThen(codec.encode(value), step.encode),
  decode: (bytes: Uint8Array) => andThen(step.decode(bytes), codec.decode)
})

/**
 * A codec of other values, through values that a codec knows: an own class through its plain form.
 *
 * @example
 * ```ts
 * import { Codec } from "@cache-locking/core"
 *
 * class Money {
 *   readonly cents: bigint
 *   constructor(cents: bigint) {
 *     this.cents = cents
 *   }
 * }
 *
 * const codec = Codec.map(Codec.default, {
 *   name: "money",
 *   encode: (money: Money): bigint => money.cents,
 *   decode: (cents) => new Money(cents)
 * })
 * ```
 */
export const map: {
  <A, B>(codec: SyncCodec<A>, via: Via<A, B>): SyncCodec<B>
  <A, B>(codec: Codec<A>, via: Via<A, B>): AsyncCodec<B>
} = <A, B>(codec: Codec<A>, via: Via<A, B>): any => ({
  name: `${codec.name}+${via.name}`,
  async: codec.async,
  onInvalid: codec.onInvalid,
  encode: (value: B) => codec.encode(via.encode(value)),
  decode: (bytes: Uint8Array) => andThen(codec.decode(bytes), via.decode)
})

/** How `map` goes from `B` to `A` and back. Either way may throw. */
export interface Via<in out A, in out B> {
  /** Added to the codec's name: change it when the form changes. */
  readonly name: string
  readonly encode: (value: B) => A
  readonly decode: (value: A) => B
}

const andThen = <T, U>(value: T | Promise<T>, next: (value: T) => U | Promise<U>): U | Promise<U> =>
  value instanceof Promise ? value.then(next) : next(value)

const prefix = (first: number, rest: Uint8Array): Uint8Array => {
  const bytes = new Uint8Array(rest.length + 1)
  bytes[0] = first
  bytes.set(rest, 1)
  return bytes
}

const wholeNumber = (option: string, value: number): number => {
  if (Number.isSafeInteger(value) && value >= 0) return value
  throw invalid(option, value, "a whole number of bytes, 0 or more")
}

const invalid = (option: string, value: unknown, accepted: string) =>
  new InvalidOption({
    context: { phase: "options" },
    message: `Codec.compressed: ${option} must be ${accepted}`,
    option,
    value,
    accepted
  })
