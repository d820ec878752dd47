/**
 * Values on their way to an adapter and back, for one cache: the codec, the limits, and what
 * to do with bytes that give no value.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type { Adapter, Value } from "../contract/Adapter.ts"
import { DecodeFailed, EncodeFailed, LimitExceeded } from "../contract/CacheLockingError.ts"
import type { Counters } from "../stats/Stats.ts"
import * as Codec from "./Codec.ts"
import { DecodedCopy, decodeValue, EncodedValue, encodedValue, Unreadable } from "./EncodedValue.ts"
import type { Tag } from "./Envelope.ts"
import * as Structured from "./Structured.ts"

/** A failure is a message, not a store of data. */
const mostFailureBytes = 65_536

/** Seals and unseals the values of a cache. */
export class ValueCodec<A> {
  /** The codec; what makes two caches share their flights. */
  readonly codec: Codec.Codec<A>
  private readonly adapter: Adapter
  private readonly counters: Counters
  private readonly failures: Codec.Codec<any>
  private readonly byReference: boolean

  constructor(
    adapter: Adapter,
    counters: Counters,
    codec: Codec.Codec<A> | undefined,
    failures: Codec.Codec<any> | undefined
  ) {
    this.adapter = adapter
    this.counters = counters
    this.codec = codec ?? Codec.default
    this.failures = failures ?? failureCodec
    this.byReference = adapter.keepsReferences === true && codec === undefined
  }

  /**
   * Makes a value ready for the adapter. Unless it is kept by reference it goes through the codec and
   * back, so that the leader sees what everyone else will.
   */
  encode(
    key: string,
    value: A,
    about: { readonly cost: number; readonly tags: ReadonlyArray<Tag> }
  ): Effect.Effect<EncodedValue<A>, EncodeFailed | DecodeFailed | LimitExceeded> {
    const sealed = encodedValue(value, this.codec, about)
    if (this.byReference) return Effect.succeed(sealed)
    const checked = Effect.flatMap(this.encodeBytes(key, sealed), () => this.check(key, sealed))
    return Effect.mapError(checked, (error) => this.counters.erred(error))
  }

  private encodeBytes(key: string, sealed: EncodedValue<any>): Effect.Effect<void, EncodeFailed> {
    const blame = (error: unknown): EncodeFailed => {
      const { cause, message } = error as EncodeFailed
      return new EncodeFailed({ context: { key, phase: "encode", adapter: this.adapter.name }, message, cause })
    }
    try {
      const encoding = sealed.encode()
      return encoding === undefined ? Effect.void : Effect.tryPromise({ try: () => encoding, catch: blame })
    } catch (error) {
      return Effect.fail(blame(error))
    }
  }

  private check(key: string, sealed: EncodedValue<A>): Effect.Effect<EncodedValue<A>, DecodeFailed | LimitExceeded> {
    const { bytes } = sealed
    const max = this.adapter.limits.valueBytes
    if (bytes.byteLength > max) {
      return Effect.fail(
        new LimitExceeded({
          context: { key, phase: "encode", adapter: this.adapter.name },
          message: `the value has ${bytes.byteLength} bytes; ${this.adapter.name} takes ${max}`,
          limit: "valueBytes",
          size: bytes.byteLength,
          max
        })
      )
    }
    // A store that takes the bytes is not to have them made again; one that keeps the object does without them.
    const again = this.adapter.keepsReferences === true ? { bytes } : new DecodedCopy(bytes)
    return Effect.flatMap(this.open(again), (opened) =>
      opened instanceof Unreadable ? Effect.fail(this.decodeFailed(key, opened)) : Effect.succeed(opened)
    )
  }

  private open(value: Value): Effect.Effect<EncodedValue<A> | Unreadable> {
    const opened = decodeValue(value, this.codec)
    return opened instanceof Promise ? Effect.promise(() => opened) : Effect.succeed(opened)
  }

  /** Opens what the adapter answered; `undefined` is a miss: counted and logged, unless told before, and loaded anew. */
  decode(key: string, value: Value, told = false): Effect.Effect<EncodedValue<A> | undefined, DecodeFailed> {
    const opened = decodeValue(value, this.codec)
    if (opened instanceof EncodedValue) return Effect.succeed(opened)
    return Effect.flatMap(
      opened instanceof Promise ? Effect.promise(() => opened) : Effect.succeed(opened),
      (opened) => {
        if (opened instanceof EncodedValue) return Effect.succeed(opened)
        if (!told || opened.fatal) {
          this.counters.undecodable++
          this.counters.count("DECODE_FAILED")
        }
        if (opened.fatal) return Effect.fail(this.decodeFailed(key, opened))
        if (told) return Effect.undefined
        return Effect.as(
          Effect.logWarning(
            `cache-locking: a stored value is not readable by the codec ${this.codec.name}; loading anew`
          ).pipe(Effect.annotateLogs({ key, adapter: this.adapter.name })),
          undefined
        )
      }
    )
  }

  /** Opens a value that is here already, and needs nobody else's word; or answers nothing. */
  decodeUnsafe(value: Value): EncodedValue<A> | undefined {
    const opened = value instanceof DecodedCopy ? this.openNow(value) : value
    if (!(opened instanceof EncodedValue)) return undefined
    return opened.tags.length === 0 || this.adapter.dropsTagged === true ? opened : undefined
  }

  /** What needs no promise. */
  private openNow(value: Value): Value | Unreadable | undefined {
    const { codec } = this
    if (codec.async !== true) return decodeValue(value, codec) as EncodedValue<A> | Unreadable
    return value instanceof DecodedCopy ? value.decodedBy(codec) : value
  }

  /** Opens a value if that needs no promise, no look at tags, and goes well. */
  decodeUntaggedUnsafe(value: Value): EncodedValue<A> | undefined {
    const opened = this.openNow(value)
    return opened instanceof EncodedValue && opened.tags.length === 0 ? opened : undefined
  }

  private decodeFailed(key: string, unreadable: Unreadable): DecodeFailed {
    return new DecodeFailed({
      context: { key, phase: "decode", adapter: this.adapter.name },
      message: `a stored value is not readable by the codec ${this.codec.name}`,
      cause: unreadable.cause
    })
  }

  /** A typed failure for those who wait for this load; a defect is not for others to see. */
  encodeFailure(cause: Cause.Cause<unknown>): Effect.Effect<Value | undefined> {
    const failure = cause.reasons.find(Cause.isFailReason)
    if (failure === undefined) return Effect.undefined
    const sealed = encodedValue(failure.error, this.failures)
    if (this.adapter.keepsReferences === true) return Effect.succeed(sealed)
    // A failure that cannot be written is told without its cause.
    const fits = () => sealed.bytes.byteLength <= Math.min(mostFailureBytes, this.adapter.limits.valueBytes)
    return Effect.match(
      Effect.suspend(() => this.encodeBytes("", sealed)),
      { onFailure: () => undefined, onSuccess: () => (fits() ? sealed : undefined) }
    )
  }

  /** The failure that a leader left, if it left one that can be read. */
  decodeFailure(value: Value | undefined): Effect.Effect<{ readonly error: unknown } | undefined> {
    if (value === undefined) return Effect.undefined
    const opened = decodeValue(value, this.failures)
    const failure = (opened: EncodedValue<any> | Unreadable) =>
      opened instanceof EncodedValue ? { error: opened.value as unknown } : undefined
    return opened instanceof Promise
      ? Effect.map(
          Effect.promise(() => opened),
          failure
        )
      : Effect.succeed(failure(opened))
  }
}

/**
 * How a leader's typed failure crosses to the processes that wait for it.
 *
 * An `Error` arrives as an `Error` with the same name, message, `_tag`, cause and own fields, so that
 * `Effect.catchTag` works there too; its stack stays home, and its class is not known there: match by tag
 * or name, not by `instanceof`. Other failures arrive as they were, and an instance of an own class as a
 * plain object. A failure that cannot be encoded whole loses the fields at fault rather than fail a second time.
 *
 * Encoding never throws; decoding throws on bytes that are not its own.
 */
export const failureCodec: Codec.SyncCodec<any> = {
  name: "failure",
  encode: (failure) => encoded(failure) ?? encoded(shrunk(failure)) ?? Structured.encode(new Error(NONE)),
  decode: Structured.decode
}

const NONE = "The failure could not be encoded"

const encoded = (value: unknown): Uint8Array | undefined => {
  try {
    return Structured.encode(value)
  } catch {
    return undefined
  }
}

/** What is left of a failure without the fields that cannot be encoded. */
const shrunk = (failure: unknown): unknown => {
  try {
    if (typeof failure !== "object" || failure === null) return new Error(NONE)
    const fields = Structured.fieldsOf(failure)
    for (const key of Object.keys(fields)) if (encoded(fields[key]) === undefined) delete fields[key]
    if (!(failure instanceof Error)) return fields
    const error = Object.assign(new Error(failure.message), fields)
    error.name = failure.name
    return error
  } catch {
    // A getter of the failure's own that throws.
    return new Error(NONE)
  }
}
