/** What can go wrong between a worker and the primary. */
import { AdapterError, type Operation } from "@cache-locking/core"
import * as Data from "effect/Data"
import type { Fault } from "./Wire.ts"

/**
 * A call failed.
 *
 * - `Timeout`: no answer in time; it may still have been carried out
 * - `Disconnected`: the primary is gone
 * - `Version`: the primary speaks another version of the protocol
 * - `Namespace`: somebody opened the namespace with other options
 * - `NotANumber`: what `incr` found is not a number
 * - `TooLarge`: the value is larger than the namespace allows
 * - `Codec`: a value could not be encoded or decoded
 * - `Malformed`, `Failed`: the primary could not make sense of the call, or broke at it
 */
export class ClusterError extends Data.TaggedError("CLUSTER_ERROR")<{
  readonly reason: "Timeout" | "Disconnected" | "Version" | "Codec" | Fault["reason"]
  readonly message: string
  readonly key?: string | undefined
  readonly cause?: unknown
}> {
  /** Whether asking again may help. */
  get retryable(): boolean {
    return this.reason === "Timeout" || this.reason === "Disconnected"
  }
}

/** What the primary said, as an error here, with the name, code and stack of what was thrown there. */
export const ofFault = ({ cause, message, reason }: Fault): ClusterError =>
  new ClusterError({ reason, message, cause: cause && revived(cause) })

const revived = ({ code, message, name, stack }: NonNullable<Fault["cause"]>): Error => {
  const error = new Error(message)
  const define = (key: string, value: unknown) =>
    Object.defineProperty(error, key, { value, enumerable: false, writable: true, configurable: true })
  define("name", name)
  if (typeof stack === "string") define("stack", stack)
  return code === undefined ? error : Object.assign(error, { code })
}

/** The same as the contract has it. */
export const toAdapterError = (operation: Operation, key: string | undefined, error: ClusterError): AdapterError =>
  new AdapterError({
    adapter: "cluster",
    operation,
    key,
    reason: error.retryable ? "Unavailable" : "Rejected",
    message: error.message,
    cause: error
  })
