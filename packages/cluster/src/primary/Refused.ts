/** The reason for which a call failed in the primary. */
import type { Fault } from "../wire/Wire.ts"

/** Marks the refusals of every copy of this package that serves one primary. */
const brand = Symbol.for("@cache-locking/cluster/Refused")

/** Thrown by a verb that refuses its call. */
export class Refused extends Error {
  readonly reason: Fault["reason"]
  readonly [brand] = true

  constructor(reason: Fault["reason"], message: string) {
    super(message)
    this.reason = reason
  }
}

/** True for a refusal, also by another copy of this package. */
export const isRefused = (error: unknown): error is Refused =>
  typeof error === "object" && error !== null && brand in error

/** The reason of a failed call, from the error that its verb threw. Any error but a refusal is a defect, and becomes the cause. */
export const reasonOf = (error: unknown): Omit<Fault, "cause"> & { readonly cause?: unknown } =>
  isRefused(error)
    ? { reason: error.reason, message: error.message }
    : { reason: "Failed", message: "the primary failed to carry out the call", cause: error }
