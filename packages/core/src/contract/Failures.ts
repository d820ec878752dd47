/**
 * A client's errors as the contract's `AdapterError`, with a cause that is fit for a log.
 *
 * Clients attach the command, its parameters or the whole response to their errors, and those contain values and
 * passwords. So the cause is a copy that has the name, the message and the code of the error, and nothing else.
 */
import { AdapterError, isAdapterError, type Operation } from "./Adapter.ts"

/** An adapter's own knowledge of its client's errors. */
export interface Verdicts {
  /** The adapter's name. */
  readonly adapter: string
  /**
   * True when asking again does not help: the request, the permission or the data is wrong. Any other failure may be
   * temporary.
   */
  readonly isRejection: (error: unknown, words: string) => boolean
  /** The message that may be shown, where the error's own may quote data. Default: `wordsOf`. */
  readonly words?: ((error: unknown) => string) | undefined
  /** The fields that the cause keeps beside its name, message and code. */
  readonly details?: ((error: unknown) => object) | undefined
}

/** True for an error of any realm: of another Jest environment, of a `vm` context. Safe on any value. */
export const isError = (thing: unknown): thing is Error => {
  try {
    if (thing instanceof Error) return true
    const tag = Object.prototype.toString.call(thing)
    return tag === "[object Error]" || tag === "[object DOMException]"
  } catch {
    // A proxy of the user's.
    return false
  }
}

/** The code of an error, as Node, databases and drivers give one. */
export const codeOf = (error: unknown): string | number | undefined => {
  const { code } = (error ?? {}) as { readonly code?: unknown }
  return typeof code === "string" || typeof code === "number" ? code : undefined
}

/** The name of an error; `"Error"` for everything that has none. */
export const nameOf = (error: unknown): string => {
  const { name } = (error ?? {}) as { readonly name?: unknown }
  return typeof name === "string" ? name : "Error"
}

/** The message of an error, or else its code or its name. */
export const wordsOf = (error: unknown, otherwise = "the connection was lost"): string => {
  const message = typeof error === "string" ? error : ((error ?? {}) as { readonly message?: unknown }).message
  if (typeof message === "string" && message !== "") return message
  const code = codeOf(error)
  if (typeof code === "string") return code
  const name = nameOf(error)
  return name === "Error" ? otherwise : name
}

/** The failures of one adapter. */
export class Failures {
  private readonly verdicts: Verdicts

  constructor(verdicts: Verdicts) {
    this.verdicts = verdicts
  }

  /** The failure that a client's error means. An `AdapterError` stays what it is. */
  of(operation: Operation, key: string | undefined, error: unknown): AdapterError {
    if (isAdapterError(error)) return error
    const { adapter, details, isRejection, words = wordsOf } = this.verdicts
    const message = words(error)
    const [name, code] = [nameOf(error), codeOf(error)]
    const cause = Object.assign(
      new Error(message),
      name !== "Error" && { name },
      code !== undefined && { code },
      details?.(error)
    )
    const reason = isRejection(error, message) ? "Rejected" : "Unavailable"
    return new AdapterError({ adapter, operation, key, reason, message, cause })
  }

  /** A failure that may be temporary, found by the adapter itself. */
  unavailable(operation: Operation, key: string | undefined, message: string): AdapterError {
    return new AdapterError({ adapter: this.verdicts.adapter, operation, key, reason: "Unavailable", message })
  }

  /** A permanent failure, found by the adapter itself. */
  rejected(operation: Operation, key: string | undefined, message: string): AdapterError {
    return new AdapterError({ adapter: this.verdicts.adapter, operation, key, reason: "Rejected", message })
  }
}

/**
 * Makes the failures of one adapter.
 *
 * @example
 * ```ts
 * import { Failures } from "@cache-locking/core"
 *
 * const failures = Failures.make({ adapter: "my-store", isRejection: (error) => Failures.codeOf(error) === "EACCES" })
 * const error = failures.of("read", "user:1", new Error("connect ECONNREFUSED"))
 * ```
 */
export const make = (verdicts: Verdicts): Failures => new Failures(verdicts)
