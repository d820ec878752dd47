/**
 * What the client throws, as the contract's `AdapterError`.
 *
 * The client hangs the whole response on its errors, and some of them quote credentials: the cause that is passed on
 * is a copy with the name, the words, the status and how often it was sent, and nothing else.
 */
import { AdapterError, type Operation } from "@cache-locking/core"

export const adapterName = "s3"

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

const nameOf = (error: unknown): string => (error instanceof Error ? error.name : "Error")

/** Whether there is no such object; of a bucket that is missing the store says so. */
export const isMissing = (error: unknown): boolean => statusOf(error) === 404 && nameOf(error) !== "NoSuchBucket"

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
  const name = nameOf(error)
  if (passing.has(name)) return true
  if (status === undefined) return !lasting.has(name)
  return status >= 500 || status === 408 || status === 409 || status === 429
}

const wordsOf = (error: unknown): string => {
  const name = nameOf(error)
  const words = error instanceof Error ? error.message : ""
  if (words === "") return name === "Error" ? "the connection was lost" : name
  return name === "Error" || words.includes(name) ? words : `${name}: ${words}`
}

const copyOf = (error: unknown, words: string): Error => {
  const copy = new Error(words)
  copy.name = nameOf(error)
  const code = (error as { code?: unknown } | undefined)?.code
  const status = statusOf(error)
  const attempts = attemptsOf(error)
  return Object.assign(
    copy,
    typeof code === "string" ? { code } : {},
    status === undefined ? {} : { status },
    attempts === 1 ? {} : { attempts }
  )
}

/** A failure of the client or the store. */
export const failed = (operation: Operation, error: unknown): AdapterError => {
  if (error instanceof AdapterError) return error
  const message = wordsOf(error)
  const reason = isPassing(error) ? "Unavailable" : "Rejected"
  return new AdapterError({ adapter: adapterName, operation, reason, message, cause: copyOf(error, message) })
}

/** No answer in time. It may still have been carried out. */
export const timedOut = (operation: Operation, timeout: number): AdapterError =>
  new AdapterError({
    adapter: adapterName,
    operation,
    reason: "Unavailable",
    message: `no answer within ${timeout} ms`
  })

/** The store tells no time. */
export const timeless = (operation: Operation): AdapterError =>
  new AdapterError({
    adapter: adapterName,
    operation,
    reason: "Rejected",
    message: "the store's answers have no Date to go by; if your hosts' clocks agree, give clock: \"client\""
  })
