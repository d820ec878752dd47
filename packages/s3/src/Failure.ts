/**
 * The meaning of the client's errors. A cause keeps the status of the answer and the number of times that the request
 * was sent, by which the adapter judges it.
 */
import { Failures } from "@cache-locking/core"

/** Refusals that may be temporary, although their status says otherwise. */
const passing = new Set(["ExpiredToken", "ExpiredTokenException", "RequestTimeout", "RequestTimeTooSkewed", "SlowDown"])

/** Permanent failures without a status. */
const lasting = new Set(["CredentialsProviderError"])

/** The status of the answer, if there was one, in the client's error or a copy of it. */
const statusOf = (error: unknown): number | undefined => {
  const { $metadata, status } = (error ?? {}) as { $metadata?: { httpStatusCode?: number }; status?: number }
  return status ?? $metadata?.httpStatusCode
}

/** The number of times that the client sent the request. */
const attemptsOf = (error: unknown): number => {
  const { $metadata, attempts } = (error ?? {}) as { $metadata?: { attempts?: number }; attempts?: number }
  return attempts ?? $metadata?.attempts ?? 1
}

/** True when there is no such object. The store reports a missing bucket differently. */
export const isMissing = (error: unknown): boolean =>
  statusOf(error) === 404 && Failures.nameOf(error) !== "NoSuchBucket"

/** True when a condition did not hold: another writer was faster. */
export const isOvertaken = (error: unknown): boolean => statusOf(error) === 412 || isMissing(error)

/** True when two conditional writes met and neither is decided: the same request may be sent again. */
export const isConflict = (error: unknown): boolean => statusOf(error) === 409

/** True when the object was written too often recently: R2 takes one write a second of each. */
export const isBusy = (error: unknown): boolean => statusOf(error) === 429

/** True when the request was sent before, and may have been carried out then. */
export const isRepeated = (error: unknown): boolean => attemptsOf(error) > 1

const isPassing = (error: unknown): boolean => {
  const status = statusOf(error)
  const name = Failures.nameOf(error)
  if (passing.has(name)) return true
  if (status === undefined) return !lasting.has(name)
  return status >= 500 || status === 408 || status === 409 || status === 429
}

export const failures = Failures.make({
  adapter: "s3",
  words: (error) => {
    const [name, words] = [Failures.nameOf(error), Failures.wordsOf(error)]
    return name === "Error" || words.includes(name) ? words : `${name}: ${words}`
  },
  isRejection: (error) => !isPassing(error),
  details: (error) => {
    const [status, attempts] = [statusOf(error), attemptsOf(error)]
    return { ...(status !== undefined && { status }), ...(attempts > 1 && { attempts }) }
  }
})
