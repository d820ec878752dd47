/**
 * Errors on their way from one process to another, with their name, message, code, stack and causes.
 *
 * A class is not known at the other end: match by name, code or tag, not by `instanceof`.
 */
import { Codec } from "@cache-locking/core"

/** An error as it travels. */
export interface SerializedError {
  readonly name: string
  readonly message: string
  readonly code?: string | number | undefined
  readonly stack?: string | undefined
  readonly cause?: SerializedError | undefined
}

/** Causes of causes that travel; a cause may be its own. */
const deepest = 8

/** What travels of an error. */
export const serializeError = (error: Error, depth = 0): SerializedError => {
  const { cause, code, message, name, stack } = error as Error & { readonly code?: unknown }
  return {
    name,
    message,
    ...((typeof code === "string" || typeof code === "number") && { code }),
    ...(typeof stack === "string" && { stack }),
    ...(cause instanceof Error && depth < deepest && { cause: serializeError(cause, depth + 1) })
  }
}

/** The error that travelled. Whatever came, this does not throw. */
export const deserializeError = (thrown: SerializedError, depth = 0): Error => {
  const { cause, code, message, name } = thrown
  const error = new Error(String(message))
  define(error, "name", String(name))
  setStack(error, thrown)
  if (typeof cause === "object" && cause !== null && depth < deepest)
    define(error, "cause", deserializeError(cause, depth + 1))
  return code === undefined ? error : Object.assign(error, { code })
}

const define = (error: Error, key: string, value: unknown): void => {
  Object.defineProperty(error, key, { value, enumerable: false, writable: true, configurable: true })
}

const setStack = (error: Error, { stack }: SerializedError): void => {
  if (typeof stack === "string") define(error, "stack", stack)
}

/**
 * How a load's failure reaches the workers that wait for it: whole, as core's own codec has it, and with its stacks, for all
 * workers are one service on one machine. What cannot be encoded loses the fields at fault.
 */
export const failureCodec: Codec.SyncCodec<any> = {
  name: "cluster-failure",
  encode: (failure) => {
    const thrown = failure instanceof Error ? serializeError(failure) : undefined
    for (const each of [failure, withoutUnencodable(failure)])
      if (encodes(each)) return Codec.default.encode([each, thrown])
    return Codec.default.encode([undefined, thrown])
  },
  decode: (bytes) => {
    const [failure, thrown]: readonly [unknown, SerializedError | undefined] = Codec.default.decode(bytes)
    if (!(failure instanceof Error))
      return failure === undefined && thrown !== undefined ? deserializeError(thrown) : failure
    let at: unknown = failure
    for (let sent = thrown; sent !== undefined && at instanceof Error; sent = sent.cause, at = at.cause)
      setStack(at, sent)
    return failure
  }
}

const encodes = (value: unknown): boolean => {
  try {
    Codec.default.encode(value)
    return true
  } catch {
    return false
  }
}

/** A failure without the fields that cannot be encoded. */
const withoutUnencodable = (failure: unknown): unknown => {
  if (typeof failure !== "object" || failure === null) return undefined
  try {
    const fields = Object.fromEntries(Object.entries(failure).filter(([, value]) => encodes(value)))
    if (!(failure instanceof Error)) return fields
    const error = Object.assign(new Error(failure.message), fields)
    define(error, "name", failure.name)
    if (encodes(failure.cause)) define(error, "cause", failure.cause)
    return error
  } catch {
    // A getter of the failure's own that throws.
    return undefined
  }
}
