/** The reason for which a call failed in the primary. */
import type { Fault } from "../wire/Wire.ts"

/** Thrown by a verb that refuses its call. */
export class Refused extends Error {
  readonly reason: Fault["reason"]

  constructor(reason: Fault["reason"], message: string) {
    super(message)
    this.reason = reason
  }
}

/** The reason of a failed call, from the error that its verb threw. Any error but a refusal is a defect, and becomes the cause. */
export const reasonOf = (error: unknown): Omit<Fault, "cause"> & { readonly cause?: unknown } =>
  error instanceof Refused
    ? { reason: error.reason, message: error.message }
    : { reason: "Failed", message: "the primary failed to carry out the call", cause: error }
