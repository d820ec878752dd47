/**
 * Errors on their way from one process to another, with their name, message, code, stack and causes.
 *
 * A class is not known at the other end: match by name, code or tag, not by `instanceof`.
 */
import { Codec } from "@cache-locking/core"

/** An error as it travels. */
export interface Thrown {
  readonly name: string
  readonly message: string
  readonly code?: string | number | undefined
  readonly stack?: string | undefined
  readonly cause?: Thrown | undefined
}

/** Causes of causes that travel; a cause may be its own. */
const deepest = 8

/** What travels of an error. */
export const thrownOf = (error: Error, depth = 0): Thrown => {
  const { cause, code, message, name, stack } = error as Error & { readonly code?: unknown }
  return {
    name,
    message,
    ...((typeof code === "string" || typeof code === "number") && { code }),
    ...(typeof stack === "string" && { stack }),
    ...(cause instanceof Error && depth < deepest && { cause: thrownOf(cause, depth + 1) })
  }
}

/** The error that travelled. Whatever came, this does not throw. */
export const revived = (thrown: Thrown, depth = 0): Error => {
  const { cause, code, message, name } = thrown
  const error = new Error(String(message))
  hide(error, "name", String(name))
  restack(error, thrown)
  if (typeof cause === "object" && cause !== null && depth < deepest) hide(error, "cause", revived(cause, depth + 1))
  return code === undefined ? error : Object.assign(error, { code })
}

const hide = (error: Error, key: string, value: unknown): void => {
  Object.defineProperty(error, key, { value, enumerable: false, writable: true, configurable: true })
}

const restack = (error: Error, { stack }: Thrown): void => {
  if (typeof stack === "string") hide(error, "stack", stack)
}

/**
 * How a load's failure reaches the workers that wait for it: whole, as core's own codec has it, and with its stacks, for all
 * workers are one service on one machine. What cannot be encoded loses the fields at fault.
 */
export const failureCodec: Codec.SyncCodec<any> = {
  name: "cluster-failure",
  encode: (failure) => {
    const thrown = failure instanceof Error ? thrownOf(failure) : undefined
    for (const each of [failure, shrunk(failure)]) if (encodes(each)) return Codec.default.encode([each, thrown])
    return Codec.default.encode([undefined, thrown])
  },
  decode: (bytes) => {
    const [failure, thrown]: readonly [unknown, Thrown | undefined] = Codec.default.decode(bytes)
    if (!(failure instanceof Error)) return failure === undefined && thrown !== undefined ? revived(thrown) : failure
    let at: unknown = failure
    for (let sent = thrown; sent !== undefined && at instanceof Error; sent = sent.cause, at = at.cause)
      restack(at, sent)
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
const shrunk = (failure: unknown): unknown => {
  if (typeof failure !== "object" || failure === null) return undefined
  try {
    const fields = Object.fromEntries(Object.entries(failure).filter(([, value]) => encodes(value)))
    if (!(failure instanceof Error)) return fields
    const error = Object.assign(new Error(failure.message), fields)
    hide(error, "name", failure.name)
    if (encodes(failure.cause)) hide(error, "cause", failure.cause)
    return error
  } catch {
    // A getter of the failure's own that throws.
    return undefined
  }
}
