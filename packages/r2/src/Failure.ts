/**
 * What the binding throws, as the contract's `AdapterError`. It throws plain errors whose words end with a number:
 * `put: Reduce your concurrent request rate for the same object. (10058)`.
 */
import { AdapterError, type Operation } from "@cache-locking/core"

export const adapterName = "r2"

/** Numbers that will not pass: a bad name, a value or metadata that is too large, no such bucket, no permission. */
const rejecting = new Set([
  10002, 10003, 10004, 10005, 10006, 10011, 10012, 10019, 10020, 10029, 10030, 10032, 10035, 10042, 100100
])

/** The object was written too often of late: R2 takes a write a second of each. */
const busy = new Set([10058])

const numberOf = (error: unknown): number | undefined => {
  const found = error instanceof Error ? /\((\d{5,6})\)\s*$/.exec(error.message)?.[1] : undefined
  return found === undefined ? undefined : Number(found)
}

export const isBusy = (error: unknown): boolean => busy.has(numberOf(error) ?? 0)

/** A binding that is none, or is called as one must not. */
const isMisuse = (error: unknown): boolean => error instanceof TypeError

/** A failure of the binding. */
export const failed = (operation: Operation, error: unknown): AdapterError => {
  const message = error instanceof Error && error.message !== "" ? error.message : "the binding failed"
  const passing = !isMisuse(error) && !rejecting.has(numberOf(error) ?? 0)
  const cause = new Error(message)
  if (error instanceof Error) cause.name = error.name
  return new AdapterError({
    adapter: adapterName,
    operation,
    reason: passing ? "Unavailable" : "Rejected",
    message,
    cause
  })
}

/** No answer in time. It may still be carried out. */
export const timedOut = (operation: Operation, timeout: number): AdapterError =>
  new AdapterError({
    adapter: adapterName,
    operation,
    reason: "Unavailable",
    message: `no answer within ${timeout} ms`
  })
