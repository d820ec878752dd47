/**
 * Encodes and decodes the values of one cache: with its codec, within the adapter's limits, and with a rule for bytes
 * that contain no readable value.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type { Adapter, Value } from "../contract/Adapter.ts"
import { DecodeFailed, EncodeFailed, LimitExceeded } from "../contract/CacheLockingError.ts"
import { isError } from "../contract/Failures.ts"
import type { Counters } from "../stats/Stats.ts"
import * as Codec from "./Codec.ts"
import { DecodedCopy, decodeValue, EncodedValue, encodedValue, Unreadable } from "./EncodedValue.ts"
import type { Tag } from "./Envelope.ts"
import * as Structured from "./Structured.ts"

/** Milliseconds that one cache spends, in development, on finding values that another store would refuse. */
const lookingTime = 200

/** True unless the process says that it is in production. Bundlers replace just this expression. */
const inDevelopment = (): boolean => typeof process === "object" && process.env.NODE_ENV !== "production"

/** The longest failure that is passed on, in bytes. Of a larger one, only the fact is passed on, without its cause. */
const maxFailureBytes = 65_536

export class ValueCodec<A> {
  /** Caches with the same codec share their flights. */
  readonly codec: Codec.Codec<A>
  private readonly adapter: Adapter
  private readonly counters: Counters
  private readonly failures: Codec.Codec<unknown>
  private readonly byReference: boolean
  /** The kinds of values that it has warned of. */
  private readonly warned = new Set<string>()
  /** The milliseconds for which it still looks for such values. */
  private looking: number

  constructor(
    adapter: Adapter,
    counters: Counters,
    codec: Codec.Codec<A> | undefined,
    failures: Codec.Codec<unknown> | undefined
  ) {
    this.adapter = adapter
    this.counters = counters
    this.codec = codec ?? Codec.default
    this.failures = failures ?? Codec.failure
    this.byReference = adapter.keepsReferences === true && codec === undefined
    this.looking = this.byReference && inDevelopment() ? lookingTime : 0
  }

  /**
   * Prepares a value for the adapter. Unless it is kept by reference it goes through the codec and back, so that the
   * leader gets the same value as everyone else.
   */
  encode(
    key: string,
    value: A,
    about: { readonly cost: number; readonly tags: ReadonlyArray<Tag> }
  ): Effect.Effect<EncodedValue<A>, EncodeFailed | DecodeFailed | LimitExceeded> {
    const encoded = encodedValue(value, this.codec, about)
    if (this.byReference) return this.looking > 0 ? this.advise(key, encoded) : Effect.succeed(encoded)
    const checked = Effect.flatMap(this.encodeBytes(key, encoded), () => this.check(key, encoded))
    return Effect.mapError(checked, (error) => this.counters.erred(error))
  }

  /**
   * Warns, in development, of a value that is kept by reference here and that another store would refuse: once for each
   * kind.
   */
  private advise(key: string, encoded: EncodedValue<A>): Effect.Effect<EncodedValue<A>> {
    const { warned } = this
    const began = performance.now()
    let fault: string | undefined
    try {
      Structured.encode(encoded.value)
    } catch (error) {
      fault = isError(error) ? error.message : "a getter of the value threw"
    }
    this.looking -= performance.now() - began
    const kind = fault?.replace(/ \(at .*/, "")
    if (kind === undefined || warned.has(kind)) return Effect.succeed(encoded)
    warned.add(kind)
    const text =
      `cache-locking: ${this.adapter.name} keeps by reference what any other store refuses: ${fault}. ` +
      "Cache plain data, or give a codec. Reported once, and not in production"
    return Effect.as(Effect.annotateLogs(Effect.logWarning(text), { key }), encoded)
  }

  private encodeBytes(key: string, encoded: EncodedValue<unknown>): Effect.Effect<void, EncodeFailed> {
    const withKey = (error: unknown): EncodeFailed => {
      const { cause, message } = error as EncodeFailed
      return new EncodeFailed({ context: { key, phase: "encode", adapter: this.adapter.name }, message, cause })
    }
    try {
      const encoding = encoded.encode()
      return encoding === undefined ? Effect.void : Effect.tryPromise({ try: () => encoding, catch: withKey })
    } catch (error) {
      return Effect.fail(withKey(error))
    }
  }

  private check(key: string, encoded: EncodedValue<A>): Effect.Effect<EncodedValue<A>, DecodeFailed | LimitExceeded> {
    const { bytes } = encoded
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
    // Where the adapter stores bytes, they are not made twice. Where it stores the object, none are kept.
    const again = this.adapter.keepsReferences === true ? { bytes } : new DecodedCopy(bytes)
    return Effect.flatMap(settled(decodeValue(again, this.codec)), (decoded) =>
      decoded instanceof Unreadable ? Effect.fail(this.decodeFailed(key, decoded)) : Effect.succeed(decoded)
    )
  }

  /**
   * Decodes the answer of the adapter. `undefined` is a miss.
   *
   * @param reported true when the miss was counted and logged before
   */
  decode(key: string, value: Value, reported = false): Effect.Effect<EncodedValue<A> | undefined, DecodeFailed> {
    const found = decodeValue(value, this.codec)
    if (found instanceof EncodedValue) return Effect.succeed(found)
    return Effect.flatMap(settled(found), (decoded) => {
      if (decoded instanceof EncodedValue) return Effect.succeed(decoded)
      if (decoded.reason === "mark") return Effect.undefined
      if (!reported || decoded.fatal) {
        this.counters.undecodable++
        this.counters.count("DECODE_FAILED")
      }
      if (decoded.fatal) return Effect.fail(this.decodeFailed(key, decoded))
      if (reported) return Effect.undefined
      return Effect.as(
        Effect.logWarning(
          `cache-locking: the codec ${this.codec.name} cannot read a stored value; it is loaded again`
        ).pipe(Effect.annotateLogs({ key, adapter: this.adapter.name })),
        undefined
      )
    })
  }

  /** Decodes a local value, if that needs no promise and no check of tags. */
  decodeUnsafe(value: Value): EncodedValue<A> | undefined {
    const decoded = value instanceof DecodedCopy ? this.decodeNow(value) : value
    if (!(decoded instanceof EncodedValue)) return undefined
    return decoded.tags.length === 0 || this.adapter.dropsTagged === true ? decoded : undefined
  }

  /** The decoded value, if that needs no promise. */
  private decodeNow(value: Value): Value | Unreadable | undefined {
    const { codec } = this
    if (codec.async !== true) return decodeValue(value, codec) as EncodedValue<A> | Unreadable
    return value instanceof DecodedCopy ? value.decodedBy(codec) : value
  }

  /** Decodes any value, if that needs no promise and the value has no tags. */
  decodeUntaggedUnsafe(value: Value): EncodedValue<A> | undefined {
    const decoded = this.decodeNow(value)
    return decoded instanceof EncodedValue && decoded.tags.length === 0 ? decoded : undefined
  }

  private decodeFailed(key: string, unreadable: Unreadable): DecodeFailed {
    return new DecodeFailed({
      context: { key, phase: "decode", adapter: this.adapter.name },
      message: `the codec ${this.codec.name} cannot read a stored value`,
      cause: unreadable.cause
    })
  }

  /** Encodes a typed failure for the callers that wait for this load. A defect is not passed on. */
  encodeFailure(cause: Cause.Cause<unknown>): Effect.Effect<Value | undefined> {
    const failure = cause.reasons.find(Cause.isFailReason)
    if (failure === undefined) return Effect.undefined
    const encoded = encodedValue(failure.error, this.failures)
    if (this.adapter.keepsReferences === true) return Effect.succeed(encoded)
    const fits = () => encoded.bytes.byteLength <= Math.min(maxFailureBytes, this.adapter.limits.valueBytes)
    return Effect.match(
      Effect.suspend(() => this.encodeBytes("", encoded)),
      { onFailure: () => undefined, onSuccess: () => (fits() ? encoded : undefined) }
    )
  }

  /** Decodes the failure that a leader left, if there is one that can be read. */
  decodeFailure(value: Value | undefined): Effect.Effect<{ readonly error: unknown } | undefined> {
    if (value === undefined) return Effect.undefined
    return Effect.map(settled(decodeValue<unknown>(value, this.failures)), (decoded) =>
      decoded instanceof EncodedValue ? { error: decoded.value } : undefined
    )
  }
}

/** An effect of a result that may be a promise that never rejects. */
const settled = <T>(result: T | Promise<T>): Effect.Effect<T> =>
  result instanceof Promise ? Effect.promise(() => result) : Effect.succeed(result)
