/**
 * Codecs turn values into bytes and back.
 *
 * A codec is two plain functions that may throw. A synchronous one costs neither a promise nor an Effect; one that needs
 * promises has `async: true`. An error thrown by `encode` becomes `EncodeFailed`. An error thrown by `decode` becomes a
 * miss or `DecodeFailed`, depending on `onInvalid`. The errors of the codecs here never quote a value, and those of your
 * own codecs should not either.
 *
 * @example
 * ```ts
 * import { Codec } from "@cache-locking/core"
 *
 * const users = Codec.compressed(Codec.json<{ readonly name: string }>(), { from: 4096 })
 * ```
 */
import * as Schema from "effect/Schema"
import * as Check from "../contract/Check.ts"
import * as Identity from "../contract/Identity.ts"
import * as Failure from "./Failure.ts"
import * as Structured from "./Structured.ts"

/** The properties of every codec. */
interface Named {
  /**
   * Names the format. A fingerprint of the name is stored with every value, so that bytes of one format are a miss for
   * another and never misread.
   */
  readonly name: string
  /**
   * The result of bytes that do not decode: `"miss"` (the default; counted, logged and loaded again) or `"fail"` (the
   * call fails with `DecodeFailed`).
   */
  readonly onInvalid?: "miss" | "fail" | undefined
}

/** A codec without promises. */
export interface SyncCodec<in out A> extends Named {
  readonly async?: false | undefined
  readonly encode: (value: A) => Uint8Array
  /** May return a view of `bytes`. Throws if it did not write them. */
  readonly decode: (bytes: Uint8Array) => A
}

/** A codec that may return promises. Its values are encoded before an adapter gets them. */
export interface AsyncCodec<in out A> extends Named {
  readonly async: true
  readonly encode: (value: A) => Uint8Array | Promise<Uint8Array>
  readonly decode: (bytes: Uint8Array) => A | Promise<A>
}

/** Turns values of `A` into bytes and back. */
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
   * Keeps what `structuredClone` keeps and JSON loses: Date, Map, Set, BigInt, `undefined`, NaN, -0, RegExp, URL, Error
   * (without its stack), DOMException, typed arrays, and references that are repeated or cyclic. A function, a symbol, an
   * instance of your own class (also of one that extends Array, Map or Date), and an array, Map or Date with properties of
   * its own are not changed but refused with `EncodeFailed`, which names their path: see `map`. A `Buffer` comes back as a
   * `Uint8Array`.
   */
  default_ as default
}

/**
 * Carries a leader's typed failure to the processes that wait for it: the default of the option `failureCodec`.
 *
 * Errors of clients hold requests, headers and parameters. So an error without a string `_tag` arrives with its name,
 * message, `code` and causes, and nothing else; one with a `_tag` with its own fields, too. The rule holds for every error
 * within it. Of an object that is no error, and has no `_tag`, name, message and `code` arrive. Messages arrive as they
 * are, stacks never. The class is unknown there: match by tag or name, not by `instanceof`.
 *
 * Fields that cannot be encoded are left out. A failure of which nothing may arrive is refused: others then hear that the
 * key cools down (`LOAD_COOLING`), and not why. To carry more, give the error a `_tag`, or take `Codec.default`.
 *
 * @example
 * ```ts
 * import { Codec } from "@cache-locking/core"
 *
 * class HttpError extends Error {
 *   readonly status: number
 *   constructor(status: number) {
 *     super(`answered ${status}`)
 *     this.status = status
 *   }
 * }
 *
 * const failureCodec = Codec.map(Codec.failure, {
 *   name: "http",
 *   encode: (error: unknown) => (error instanceof HttpError ? { _tag: "HttpError", status: error.status } : error),
 *   decode: (error) => (error?._tag === "HttpError" ? new HttpError(error.status) : error)
 * })
 * ```
 */
export const failure: SyncCodec<any> = {
  name: "failure",
  encode: Failure.encode,
  decode: Structured.decode
}

/** Plain JSON, readable by anyone. It loses what JSON loses: a Date comes back as text, a Map as `{}`. */
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

/** Text as UTF-8. Text with a lone surrogate is refused, because UTF-8 would change it. */
export const string: SyncCodec<string> = {
  name: "string",
  encode: (value) => {
    if (!value.isWellFormed()) throw new TypeError("The text has a lone surrogate, which UTF-8 cannot keep")
    return encoder.encode(value)
  },
  decode: (bytes) => decoder.decode(bytes)
}

/** Bytes as they are. The decoded bytes may be a view of the adapter's memory: do not write to them. */
export const bytes: SyncCodec<Uint8Array> = {
  name: "bytes",
  encode: (value) => value,
  decode: Structured.plainBytes
}

/**
 * Stores the JSON form of a schema and checks it when it is read. A value that no longer decodes, after the schema changed,
 * is a miss by default and `DecodeFailed` with `onInvalid: "fail"`.
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
  // One codec for each schema, so that callers that write it inline share flights.
  const memo = options?.onInvalid === "fail" ? strict : lenient
  return Identity.getOrMake(memo, schema, () => schemaCodec(schema, options?.onInvalid))
}

const strict = new WeakMap<object, SyncCodec<any>>()
const lenient = new WeakMap<object, SyncCodec<any>>()

const schemaCodec = <A, I>(
  schema: Schema.ConstraintCodec<A, I>,
  onInvalid: "miss" | "fail" | undefined
): SyncCodec<A> => {
  const form = Schema.toCodecJson(schema)
  // Without the input, an issue reports the path and the expected type, not the value.
  const encode = Schema.encodeUnknownSync(form, { reportInput: false })
  const decode = Schema.decodeUnknownSync(form, { reportInput: false })
  const codec: SyncCodec<A> = {
    name: "schema",
    onInvalid,
    encode: (value) => jsonCodec.encode(encode(value)),
    decode: (bytes) => decode(jsonCodec.decode(bytes))
  }
  schemas.set(codec, schema.ast)
  return codec
}

/** The schemas behind codecs. */
const schemas = new WeakMap<object, object>()

/** Notes that a codec was made of another: the schema behind it is the same. */
const madeOf = <C extends Codec<any>>(codec: C, inner: Codec<any>): C => {
  const schema = schemas.get(inner)
  if (schema !== undefined) schemas.set(codec, schema)
  return codec
}

/** The parts of a schema as text; `undefined` where they have no end. */
const textOf = (schema: object): string | undefined => {
  try {
    return JSON.stringify(schema, (_, part: unknown) =>
      typeof part === "object" && !(part instanceof RegExp) ? part : String(part)
    )
  } catch {
    return undefined
  }
}

/**
 * True when two codecs have the same format, by their names, and the same schema, if there is one. Schemas that were written
 * twice, as when a module is loaded again, are the same if their text is.
 */
export const equal = (one: Codec<any>, other: Codec<any>): boolean => {
  if (one === other) return true
  if (one.name !== other.name) return false
  const [first, second] = [schemas.get(one), schemas.get(other)]
  if (first === second) return true
  if (first === undefined || second === undefined) return false
  const text = textOf(first)
  return text !== undefined && text === textOf(second)
}

/** The formats of `CompressionStream` that every platform has. */
type Format = "gzip" | "deflate" | "deflate-raw"

/** The formats. Stored bytes contain their index, so the list may only be appended to. */
const formats: ReadonlyArray<Format> = ["gzip", "deflate", "deflate-raw"]

/** Options of `compressed`. */
export interface CompressedOptions {
  /** The bytes of the inner codec are compressed from this length on. Default 1024. */
  readonly from?: number | undefined
  /** The format of new values. All three are read. Default `"gzip"`. */
  readonly format?: Format | undefined
  /**
   * The most bytes that a stored value may decompress to, against decompression bombs. A value that exceeds it is invalid.
   * Larger values are written uncompressed. Default 64 MiB.
   */
  readonly maxBytes?: number | undefined
}

/**
 * Compresses the bytes of another codec with the platform's `CompressionStream`, where that makes them smaller. Bytes that
 * stay uncompressed become one byte longer.
 *
 * @throws InvalidOption
 */
export const compressed = <A>(codec: Codec<A>, options: CompressedOptions = {}): AsyncCodec<A> => {
  const from = Check.integer("from", options.from, { min: 0, default: 1024 })
  const maxBytes = Check.integer("maxBytes", options.maxBytes, { min: 0, default: 64 * 1024 * 1024 })
  const format = Check.oneOf("format", options.format, formats, "gzip")
  const kind = formats.indexOf(format) + 1
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

/** Compresses `bytes`. */
const compress = (bytes: Uint8Array, format: Format): Promise<Uint8Array> =>
  run(bytes, new CompressionStream(format), Number.POSITIVE_INFINITY)

/** Decompresses `bytes`. Rejects as soon as there are more than `maxBytes` of output, or when the input is damaged. */
const decompress = (bytes: Uint8Array, format: Format, maxBytes: number): Promise<Uint8Array> =>
  run(bytes, new DecompressionStream(format), maxBytes)

interface Pipe {
  readonly readable: ReadableStream<Uint8Array>
  readonly writable: WritableStream<Uint8Array<ArrayBuffer>>
}

const run = async (bytes: Uint8Array, pipe: Pipe, maxBytes: number): Promise<Uint8Array> => {
  const writer = pipe.writable.getWriter()
  // The reading side reports damage. Here it would only be an unhandled rejection.
  writer.write(bytes as Uint8Array<ArrayBuffer>).catch(ignore)
  writer.close().catch(ignore)
  const reader = pipe.readable.getReader()
  const chunks: Array<Uint8Array> = []
  let size = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return concat(chunks, size)
    size += value.length
    if (size > maxBytes) {
      reader.cancel().catch(ignore)
      throw new RangeError(`The bytes decompress to more than ${maxBytes} bytes`)
    }
    chunks.push(value)
  }
}

const concat = (chunks: ReadonlyArray<Uint8Array>, size: number): Uint8Array => {
  const all = new Uint8Array(size)
  let at = 0
  for (const chunk of chunks) {
    all.set(chunk, at)
    at += chunk.length
  }
  return all
}

const ignore = (): void => {}

/** A step that `transform` adds around the bytes of a codec. */
export interface SyncStep {
  /** Added to the codec's name. Change it when the format of the step changes. */
  readonly name: string
  readonly async?: false | undefined
  readonly encode: (bytes: Uint8Array) => Uint8Array
  /** Throws on bytes that it did not write. */
  readonly decode: (bytes: Uint8Array) => Uint8Array
}

/** A step that may return promises. */
export interface AsyncStep {
  readonly name: string
  readonly async: true
  readonly encode: (bytes: Uint8Array) => Uint8Array | Promise<Uint8Array>
  readonly decode: (bytes: Uint8Array) => Uint8Array | Promise<Uint8Array>
}

/**
 * Adds a step around the bytes of a codec: encryption, a checksum, another compression.
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
} = <A>(codec: Codec<A>, step: SyncStep | AsyncStep): any =>
  madeOf(
    {
      name: `${codec.name}+${step.name}`,
      async: codec.async === true || step.async === true,
      onInvalid: codec.onInvalid,
      encode: (value: A) => andThen(codec.encode(value), step.encode),
      decode: (bytes: Uint8Array) => andThen(step.decode(bytes), codec.decode)
    } as Codec<A>,
    codec
  )

/**
 * Makes a codec of other values from a codec, for example of your own class through its plain form.
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
} = <A, B>(codec: Codec<A>, via: Via<A, B>): any =>
  madeOf(
    {
      name: `${codec.name}+${via.name}`,
      async: codec.async,
      onInvalid: codec.onInvalid,
      encode: (value: B) => codec.encode(via.encode(value)),
      decode: (bytes: Uint8Array) => andThen(codec.decode(bytes), via.decode)
    } as Codec<B>,
    codec
  )

/** Converts `B` to `A` and back, for `map`. Either way may throw. */
export interface Via<in out A, in out B> {
  /** Added to the codec's name. Change it when the form changes. */
  readonly name: string
  readonly encode: (value: B) => A
  readonly decode: (value: A) => B
}

const andThen = <T, U>(value: T | Promise<T>, next: (value: T) => U | Promise<U>): U | Promise<U> =>
  Check.isPromise(value) ? Promise.resolve(value).then(next) : next(value)

const prefix = (first: number, rest: Uint8Array): Uint8Array => {
  const bytes = new Uint8Array(rest.length + 1)
  bytes[0] = first
  bytes.set(rest, 1)
  return bytes
}
