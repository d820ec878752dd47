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
 * Carries a load's failure to the workers that wait for it, as core's default does, and with its stacks: all workers are one
 * service on one machine. Of fields, only those of errors with a `_tag` arrive.
 */
export const failureCodec: Codec.SyncCodec<any> = {
  name: "cluster-failure",
  encode: (failure) => {
    const serialized = Failures.isError(failure) ? serializeError(failure) : undefined
    return Codec.default.encode([serialized ? encoded(failure) : Codec.failure.encode(failure), serialized])
  },
  decode: (bytes) => {
    const [part, serialized]: readonly [Uint8Array | undefined, SerializedError | undefined] =
      Codec.default.decode(bytes)
    if (part === undefined) return serialized && deserializeError(serialized)
    const failure = Codec.failure.decode(part)
    let at: unknown = failure
    for (let sent = serialized; sent !== undefined && Failures.isError(at); sent = sent.cause, at = at.cause)
      setStack(at, sent)
    return failure
  }
}

/** An error as core carries it, or nothing where core cannot. */
const encoded = (error: Error): Uint8Array | undefined => {
  try {
    return Codec.failure.encode(error)
  } catch {
    return undefined
  }
}
