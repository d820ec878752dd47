/** The errors of this package. */
import { AdapterError, type CacheLockingError, Failures, type Operation } from "@cache-locking/core"
import * as Data from "effect/Data"
import { deserializeError } from "../wire/SerializedError.ts"
import type { Fault } from "../wire/Wire.ts"

/**
 * A call failed.
 *
 * - `Timeout`: no answer in time; the call may still have been carried out
 * - `Disconnected`: the primary is gone
 * - `Version`: the primary speaks another version of the protocol
 * - `Namespace`: the namespace is open with other options
 * - `NotANumber`: `incr` met a value that is not a number
 * - `TooLarge`: the value is larger than the namespace allows
 * - `Codec`: a value could not be encoded or decoded
 * - `Malformed`, `Failed`: the primary could not read the call, or failed to carry it out
 */
export class ClusterError extends Data.TaggedError("CLUSTER_ERROR")<{
  readonly reason: "Timeout" | "Disconnected" | "Version" | "Codec" | Fault["reason"]
  readonly message: string
  readonly key?: string | undefined
  readonly cause?: unknown
}> {
  /** True when the same call may succeed later. */
  get retryable(): boolean {
    return this.reason === "Timeout" || this.reason === "Disconnected"
  }
}

/**
 * An error of the primary as an error of this process. Its cause has the name, code, stack and causes of the original.
 */
export const ofFault = ({ cause, message, reason }: Fault): ClusterError =>
  new ClusterError({ reason, message, cause: cause && deserializeError(cause) })

/** The same error as an `AdapterError`. */
export const toAdapterError =
  (operation: Operation, key: string | undefined) =>
  (error: ClusterError): AdapterError =>
    new AdapterError({
      adapter: "cluster",
      operation,
      key,
      reason: error.retryable ? "Unavailable" : "Rejected",
      message: error.message,
      cause: error
    })

/** The error of this package that caused core's, or else core's own as one of this package. */
export const ofCore =
  (key?: string) =>
  (error: unknown): ClusterError => {
    for (let at = error as { cause?: unknown } | undefined; Failures.isError(at); at = at.cause as typeof at) {
      if (at instanceof ClusterError) {
        return at.key === undefined && key !== undefined ? new ClusterError({ ...at, message: at.message, key }) : at
      }
    }
    const { _tag, message } = error as CacheLockingError
    const codec = _tag === "ENCODE_FAILED" || _tag === "DECODE_FAILED"
    return new ClusterError({ reason: codec ? "Codec" : "Failed", message, key, cause: error })
  }
