/**
 * Errors that travel from one process to another: name, message, code, stack and causes.
 *
 * The other end does not know their classes. Match such an error by name, code or tag, not by `instanceof`.
 */
import { Codec, Failures } from "@cache-locking/core"

/** An error as it travels. */
export interface SerializedError {
  readonly name: string
  readonly message: string
  readonly code?: string | number | undefined
  readonly stack?: string | undefined
  readonly cause?: SerializedError | undefined
}

/** Causes of causes that travel. A limit is needed, because an error may be its own cause. */
const maxCauses = 8

export const serializeError = (error: Error, depth = 0): SerializedError => {
  const { cause, code, message, name, stack } = error as Error & { readonly code?: unknown }
  return {
    name,
    message,
    ...((typeof code === "string" || typeof code === "number") && { code }),
    ...(typeof stack === "string" && { stack }),
    ...(Failures.isError(cause) && depth < maxCauses && { cause: serializeError(cause, depth + 1) })
  }
}

/** The inverse. Never throws, whatever the input. */
export const deserializeError = (serialized: SerializedError, depth = 0): Error => {
  const { cause, code, message, name } = serialized
  const error = new Error(String(message))
  define(error, "name", String(name))
  setStack(error, serialized)
  if (typeof cause === "object" && cause !== null && depth < maxCauses)
    define(error, "cause", deserializeError(cause, depth + 1))
  return code === undefined ? error : Object.assign(error, { code })
}

/** Sets a property as errors have theirs: not enumerable. */
const define = (error: Error, key: string, value: unknown): void => {
  Object.defineProperty(error, key, { value, enumerable: false, writable: true, configurable: true })
}

const setStack = (error: Error, { stack }: SerializedError): void => {
  if (typeof stack === "string") define(error, "stack", stack)
}

/**
 * Carries a load's failure to the workers that wait for it, as core's default codec does, and with its stacks: all workers
 * are one service on one machine. Fields that cannot be encoded are left out.
 */
export const failureCodec: Codec.SyncCodec<any> = {
  name: "cluster-failure",
  encode: (failure) => {
    const serialized = Failures.isError(failure) ? serializeError(failure) : undefined
    for (const each of [failure, withoutUnencodable(failure)])
      if (encodes(each)) return Codec.default.encode([each, serialized])
    return Codec.default.encode([undefined, serialized])
  },
  decode: (bytes) => {
    const [failure, serialized]: readonly [unknown, SerializedError | undefined] = Codec.default.decode(bytes)
    if (!Failures.isError(failure))
      return failure === undefined && serialized !== undefined ? deserializeError(serialized) : failure
    let at: unknown = failure
    for (let sent = serialized; sent !== undefined && Failures.isError(at); sent = sent.cause, at = at.cause)
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

const withoutUnencodable = (failure: unknown): unknown => {
  if (typeof failure !== "object" || failure === null) return undefined
  try {
    const fields = Object.fromEntries(Object.entries(failure).filter(([, value]) => encodes(value)))
    if (!Failures.isError(failure)) return fields
    const error = Object.assign(new Error(failure.message), fields)
    define(error, "name", failure.name)
    if (encodes(failure.cause)) define(error, "cause", failure.cause)
    return error
  } catch {
    // A getter of the failure throws.
    return undefined
  }
}
