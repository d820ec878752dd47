/**
 * The meaning of the binding's errors. It throws plain errors whose messages end with a number:
 * `put: Reduce your concurrent request rate for the same object. (10058)`.
 */
import { Failures } from "@cache-locking/core"

/** The object was written too often recently: R2 takes one write a second of each. */
const busy = 10058

/** The verdicts about numbers. Every other failure may pass. */
const known = Failures.table({
  throttled: [busy],
  // A bad name, a value or metadata that is too large, no such bucket, no permission.
  final: [10002, 10003, 10004, 10005, 10006, 10011, 10012, 10019, 10020, 10029, 10030, 10032, 10035, 10042, 100100]
})

const numberOf = (error: unknown): number | undefined => {
  const found = error instanceof Error ? /\((\d{5,6})\)\s*$/.exec(error.message)?.[1] : undefined
  return found === undefined ? undefined : Number(found)
}

export const isBusy = (error: unknown): boolean => numberOf(error) === busy

/**
 * A type error means that the value is no binding, or that the call is wrong; with a cause it is the error of `fetch`,
 * and so of a binding that is reached through it, for a broken connection ("terminated", "fetch failed").
 */
const isWrongCall = (error: unknown): boolean => error instanceof TypeError && error.cause === undefined

export const failures = Failures.make({
  adapter: "r2",
  words: (error) => Failures.wordsOf(error, "the binding failed"),
  // As long as the store itself makes writers wait.
  pause: 1_000,
  verdict: (error) => (isWrongCall(error) ? "final" : (known(numberOf(error)) ?? "passes"))
})
