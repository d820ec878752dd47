/**
 * All errors of this library, as one union of tagged errors.
 *
 * The fetcher's and the hooks' own errors are not among them: they pass through
 * unchanged. No error carries a cached value.
 */
import * as Data from "effect/Data"

/** The step of a call in which the error occurred. */
export type Phase =
  | "options"
  | "acquire"
  | "wait"
  | "fetch"
  | "fill"
  | "renew"
  | "abandon"
  | "read"
  | "put"
  | "delete"
  | "encode"
  | "decode"
  | "keys"
  | "close"

/** The subject of an error. */
export interface ErrorContext {
  readonly key?: string | undefined
  readonly phase: Phase
  /** The adapter's name. */
  readonly adapter?: string | undefined
}

interface Fields {
  readonly context: ErrorContext
  readonly message: string
  readonly cause?: unknown
}

/** The store could not be read: `acquire` or `read` failed. `cause` is the `AdapterError`. */
export class CacheGetFailed extends Data.TaggedError("CACHE_GET_FAILED")<Fields> {}

/** The store could not be written: `fill` or `put` failed. `cause` is the `AdapterError`. */
export class CacheSetFailed extends Data.TaggedError("CACHE_SET_FAILED")<Fields> {}

/** The store could not delete. `cause` is the `AdapterError`. */
export class CacheDeleteFailed extends Data.TaggedError("CACHE_DELETE_FAILED")<Fields> {}

/** The lease could not be renewed or given back; reported to `onError`, never the answer of a call. */
export class LeaseFailed extends Data.TaggedError("LEASE_FAILED")<Fields> {}

/** Another flight's load took longer than `waitMax`, and `onWaitTimeout` is `"fail"` (or nothing stale was there). */
export class WaitTimeout extends Data.TaggedError("WAIT_TIMEOUT")<Fields & { readonly waited: number }> {}

/**
 * A load failed a moment ago and the key cools down. Callers get it where the leader's own failure could not be passed
 * on.
 */
export class LoadCooling extends Data.TaggedError("LOAD_COOLING")<Fields & { readonly retryIn: number }> {}

/** The fetcher took longer than the hard `fetchTimeout`. */
export class FetchTimeout extends Data.TaggedError("FETCH_TIMEOUT")<Fields & { readonly timeout: number }> {}

/**
 * A load in the background of a stale value failed; reported to `onError`, never the answer of a call. `cause` is the
 * fetcher's failure.
 */
export class RefreshFailed extends Data.TaggedError("REFRESH_FAILED")<Fields> {}

/** A fetcher asked for the key that it is loading, directly or through other keys. */
export class ReentrantLoad extends Data.TaggedError("REENTRANT_LOAD")<Fields> {}

/** A value could not be encoded. */
export class EncodeFailed extends Data.TaggedError("ENCODE_FAILED")<Fields> {}

/** The stored bytes could not be decoded, and the codec's `onInvalid` is `"fail"`. */
export class DecodeFailed extends Data.TaggedError("DECODE_FAILED")<Fields> {}

/** A value is larger than the adapter's `limits`. Nothing was changed. */
export class LimitExceeded extends Data.TaggedError("LIMIT_EXCEEDED")<
  Fields & {
    readonly limit: "valueBytes"
    readonly size: number
    readonly max: number
  }
> {}

/** The caller's `signal` fired; `cause` is the signal's own `reason`. */
export class Aborted extends Data.TaggedError("ABORTED")<Fields> {}

/** The adapter lacks an ability that the call needs: it cannot list its keys, for instance. */
export class Unsupported extends Data.TaggedError("UNSUPPORTED")<Fields> {}

/** The cache was closed. */
export class CacheClosed extends Data.TaggedError("CACHE_CLOSED")<Fields> {}

/** An option is invalid. Nothing was done. */
export class InvalidOption extends Data.TaggedError("INVALID_OPTION")<
  Fields & {
    /** The option's name, as written: `"waitMax"`, `"hooks.onHit"`. */
    readonly option: string
    /** The value; of an object, a function, and a text whose option does not exist, only the kind: they may hold a password. */
    readonly value: unknown
    /** The accepted values, in words. */
    readonly accepted: string
  }
> {}

/** Any error of this library. */
export type CacheLockingError =
  | CacheGetFailed
  | CacheSetFailed
  | CacheDeleteFailed
  | LeaseFailed
  | WaitTimeout
  | LoadCooling
  | FetchTimeout
  | RefreshFailed
  | ReentrantLoad
  | EncodeFailed
  | DecodeFailed
  | LimitExceeded
  | Aborted
  | Unsupported
  | CacheClosed
  | InvalidOption

/** The tags of the union. */
export type ErrorTag = CacheLockingError["_tag"]

/** Marks our errors for every copy of this module, in every realm, because each of these has classes of its own. */
const brand = Symbol.for("@cache-locking/core/CacheLockingError")

const classes = [
  CacheGetFailed,
  CacheSetFailed,
  CacheDeleteFailed,
  LeaseFailed,
  WaitTimeout,
  LoadCooling,
  FetchTimeout,
  RefreshFailed,
  ReentrantLoad,
  EncodeFailed,
  DecodeFailed,
  LimitExceeded,
  Aborted,
  Unsupported,
  CacheClosed,
  InvalidOption
] as const

for (const { prototype } of classes) Object.defineProperty(prototype, brand, { value: true })

/** The tag of an error of this library; `undefined` for any other value. Safe on any value. */
const tagOf = (error: unknown): ErrorTag | undefined => {
  if (typeof error !== "object" || error === null) return undefined
  try {
    return (error as { readonly [brand]?: true })[brand] === true ? (error as CacheLockingError)._tag : undefined
  } catch {
    // A getter, or a proxy, of the user's.
    return undefined
  }
}

/**
 * True for an error of this library. A brand tells, so that an error of another copy of it, or of another realm, counts
 * too.
 */
export const isCacheLockingError = (error: unknown): error is CacheLockingError => tagOf(error) !== undefined

/** True for the error of this library that has this tag. */
export const hasTag = <T extends ErrorTag>(
  error: unknown,
  tag: T
): error is Extract<CacheLockingError, { readonly _tag: T }> => tagOf(error) === tag

type Handlers = { readonly [T in ErrorTag]?: (error: Extract<CacheLockingError, { readonly _tag: T }>) => unknown }

type Answers<H> = { readonly [K in keyof H]: H[K] extends (error: never) => infer A ? A : never }[keyof H]

/**
 * Calls the handler for the error's tag. Either every tag has a handler, or `_` takes the rest.
 *
 * @example
 * ```ts
 * import { type CacheLockingError, formatCacheLockingError, matchCacheLockingError } from "@cache-locking/core"
 *
 * const advise = (error: CacheLockingError) =>
 *   matchCacheLockingError(error, {
 *     WAIT_TIMEOUT: (late) => `still loading after ${late.waited} ms`,
 *     _: formatCacheLockingError
 *   })
 * ```
 */
export const matchCacheLockingError = <
  const H extends Handlers & ({ readonly _: (error: CacheLockingError) => unknown } | Required<Handlers>)
>(
  error: CacheLockingError,
  handlers: H & { readonly [K in Exclude<keyof H, ErrorTag | "_">]: never }
): Answers<H> => {
  const byTag = handlers as { readonly [tag: string]: ((error: CacheLockingError) => unknown) | undefined }
  const handler = Object.hasOwn(byTag, error._tag) ? byTag[error._tag] : undefined
  return (handler ?? byTag["_"])?.(error) as Answers<H>
}

/** One line for people: the tag, the key, the phase, the adapter, the message. Never a value. */
export const formatCacheLockingError = (error: CacheLockingError): string => {
  const { adapter, key, phase } = error.context
  const where = [`phase ${phase}`, adapter && `adapter ${adapter}`, key !== undefined && `key ${JSON.stringify(key)}`]
  return `${error._tag}: ${error.message} (${where.filter(Boolean).join(", ")})`
}
