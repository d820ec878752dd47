/**
 * What an error of the client means. Causes keep the status of the answer and how often the request was sent, by which
 * the adapter judges them.
 */
import { Failures } from "@cache-locking/core"

/** Refusals that may pass though their status says otherwise. */
const passing = new Set(["ExpiredToken", "ExpiredTokenException", "RequestTimeout", "RequestTimeTooSkewed", "SlowDown"])

/** Failures without a status that will not pass. */
const lasting = new Set(["CredentialsProviderError"])

/** The status of the answer, if there was one: of what the client threw, or of a copy of it. */
const statusOf = (error: unknown): number | undefined => {
  const { $metadata, status } = (error ?? {}) as { $metadata?: { httpStatusCode?: number }; status?: number }
  return status ?? $metadata?.httpStatusCode
}

/** How often the client sent the request by itself. */
const attemptsOf = (error: unknown): number => {
  const { $metadata, attempts } = (error ?? {}) as { $metadata?: { attempts?: number }; attempts?: number }
  return attempts ?? $metadata?.attempts ?? 1
}

/** Whether there is no such object; of a bucket that is missing the store says so. */
export const isMissing = (error: unknown): boolean =>
  statusOf(error) === 404 && Failures.nameOf(error) !== "NoSuchBucket"

/** Whether a condition did not hold: another writer was faster. */
export const isOvertaken = (error: unknown): boolean => statusOf(error) === 412 || isMissing(error)

/** Whether two conditional writes met and neither is decided: the same may be asked again. */
export const isConflict = (error: unknown): boolean => statusOf(error) === 409

/** Whether the object was written too often of late: R2 takes a write a second of each. */
export const isBusy = (error: unknown): boolean => statusOf(error) === 429

/** Whether an earlier sending of the same request may have been carried out. */
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
