/**
 * A client's errors as the contract's `AdapterError`, with a cause that is fit for a log.
 *
 * Clients attach the command, its parameters or the whole response to their errors, and those contain values and
 * passwords. So the cause is a copy that has the name, the message and the code of the error, and nothing else.
 */
import { AdapterError, isAdapterError, type Operation } from "./Adapter.ts"

/**
 * The meaning of an error for everybody who might ask again:
 *
 * - `"passes"`: it may pass, and the call may be repeated at once
 * - `"throttled"`: the store is asked for too much, or another call has the record: it may pass after a pause
 * - `"final"`: asking again does not help, because the request, the permission or the data is wrong
 */
export type Verdict = "passes" | "throttled" | "final"

/** An adapter's own knowledge of its client's errors. */
export interface Verdicts {
  /** The adapter's name. */
  readonly adapter: string
  readonly verdict: (error: unknown, words: string) => Verdict
  /**
   * True for an error that the server itself sent: it can be reached, so it is not down, however often it refuses. Default:
   * no error is.
   */
  readonly isReply?: ((error: unknown) => boolean) | undefined
  /** The pause after a throttled call, in milliseconds. Default 100. */
  readonly pause?: number | undefined
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

/**
 * A table of verdicts by the words, names or codes of a service. It answers `undefined` for any other.
 *
 * @example
 * ```ts
 * import { Failures } from "@cache-locking/core"
 *
 * const known = Failures.table({ throttled: ["SlowDown", 429], final: ["AccessDenied"] })
 * const failures = Failures.make({ adapter: "my-store", verdict: (error) => known(Failures.nameOf(error)) ?? "passes" })
 * ```
 */
export const table = (
  rows: Readonly<Partial<Record<Verdict, ReadonlyArray<string | number>>>>
): ((word: string | number | undefined) => Verdict | undefined) => {
  const verdicts = new Map<string | number | undefined, Verdict>()
  for (const [verdict, words = []] of Object.entries(rows)) {
    for (const word of words) verdicts.set(word, verdict as Verdict)
  }
  return (word) => verdicts.get(word)
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

const defaultPause = 100

/** The failures of one adapter. */
export class Failures {
  private readonly verdicts: Verdicts
  private readonly pause: number

  constructor(verdicts: Verdicts) {
    this.verdicts = verdicts
    this.pause = verdicts.pause ?? defaultPause
  }

  /** The failure that a client's error means. An `AdapterError` stays what it is. */
  of(operation: Operation, key: string | undefined, error: unknown): AdapterError {
    if (isAdapterError(error)) return error
    const { adapter, details, isReply, verdict, words = wordsOf } = this.verdicts
    const message = words(error)
    const [name, code] = [nameOf(error), codeOf(error)]
    const cause = Object.assign(
      new Error(message),
      name !== "Error" && { name },
      code !== undefined && { code },
      details?.(error)
    )
    const found = verdict(error, message)
    const reason = found === "final" ? "Rejected" : "Unavailable"
    const retryAfter = found === "throttled" ? this.pause : undefined
    const answered = isReply?.(error)
    return new AdapterError({ adapter, operation, key, reason, message, cause, retryAfter, answered })
  }

  /**
   * A failure that may be temporary, found by the adapter itself.
   *
   * @param answered true when the server refused: it can be reached
   */
  unavailable(operation: Operation, key: string | undefined, message: string, answered?: boolean): AdapterError {
    const { adapter } = this.verdicts
    return new AdapterError({ adapter, operation, key, reason: "Unavailable", message, answered })
  }

  /**
   * The failure of a request that had no answer within its bound, in milliseconds. A process that was not awake all the
   * time cannot tell whether the store was silent.
   */
  silent(operation: Operation, key: string | undefined, bound: number, wasAwake: boolean): AdapterError {
    const { adapter } = this.verdicts
    const message = `no answer within ${bound} ms`
    const unanswered = wasAwake ? bound : undefined
    return new AdapterError({ adapter, operation, key, reason: "Unavailable", message, unanswered })
  }

  /** A failure of a store that is asked for too much, found by the adapter itself. */
  throttled(operation: Operation, key: string | undefined, message: string): AdapterError {
    const { adapter } = this.verdicts
    return new AdapterError({ adapter, operation, key, reason: "Unavailable", message, retryAfter: this.pause })
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
 * const failures = Failures.make({
 *   adapter: "my-store",
 *   verdict: (error) => (Failures.codeOf(error) === "EACCES" ? "final" : "passes")
 * })
 * const error = failures.of("read", "user:1", new Error("connect ECONNREFUSED"))
 * ```
 */
export const make = (verdicts: Verdicts): Failures => new Failures(verdicts)
