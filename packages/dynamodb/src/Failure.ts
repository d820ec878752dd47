/**
 * What the SDK throws, as the contract's `AdapterError`.
 *
 * The SDK hangs the response, and the item where a condition failed, on its errors: the cause that is passed on is a
 * copy with the name, the code and the words, and nothing else.
 */
import { AdapterError, type Operation } from "@cache-locking/core"
import type { Item } from "./Item.ts"

/** Client's faults that may pass: throttling, and what the service settles by itself. */
const passing = new Set([
  "LimitExceededException",
  "PriorRequestNotComplete",
  "ProvisionedThroughputExceededException",
  "ReplicatedWriteConflictException",
  "RequestLimitExceeded",
  "RequestTimeout",
  "RequestTimeoutException",
  "ResourceInUseException",
  "SlowDown",
  "ThrottledException",
  "Throttling",
  "ThrottlingException",
  "TooManyRequestsException",
  "TransactionConflictException",
  "TransactionInProgressException"
])

/** Not replies, and yet not worth asking again. */
const hopeless = new Set(["CredentialsProviderError", "TokenProviderError", "ParseError"])

interface Thrown {
  readonly name?: unknown
  readonly message?: unknown
  readonly code?: unknown
  readonly $metadata?: { readonly httpStatusCode?: number | undefined } | undefined
}

const nameOf = (error: unknown): string => {
  const name = (error as Thrown | undefined)?.name
  return typeof name === "string" ? name : "Error"
}

const codeOf = (error: unknown): string | undefined => {
  const code = (error as Thrown | undefined)?.code
  return typeof code === "string" ? code : undefined
}

const statusOf = (error: unknown): number | undefined => (error as Thrown | undefined)?.$metadata?.httpStatusCode

/** A table's own words say nothing of which table it was. */
const hints: Readonly<Record<string, (table: string) => string>> = {
  ResourceNotFoundException: (table) => `there is no table ${table}: make it, for example with DynamoDbAdapter.setup`
}

const wordsOf = (error: unknown, table: string): string => {
  const hint = hints[nameOf(error)]
  if (hint !== undefined) return hint(table)
  const message = (error as Thrown | undefined)?.message
  if (typeof message === "string" && message !== "") return message
  return codeOf(error) ?? (error instanceof Error ? error.name : "the request failed")
}

/** Where the client was told to go is no place. The SDK finds out with the first request, and gives it no name. */
const isNowhere = (error: unknown): boolean =>
  codeOf(error) === "ERR_INVALID_URL" || /^Region (is missing|not accepted)/.test(wordsOf(error, ""))

const isPassing = (error: unknown): boolean => {
  const name = nameOf(error)
  if (passing.has(name)) return true
  if (hopeless.has(name) || isNowhere(error)) return false
  const status = statusOf(error)
  // No reply at all, one of the service's own faults, or one of something in between.
  return status === undefined || status < 400 || status >= 500 || status === 429
}

const copyOf = (error: unknown, words: string): Error => {
  const copy = new Error(words)
  copy.name = nameOf(error)
  const code = codeOf(error)
  return code === undefined ? copy : Object.assign(copy, { code })
}

/** Whether it is the service's error of that name. */
export const isNamed = (error: unknown, name: string): boolean => nameOf(error) === name

/** What was there when a condition failed (perhaps nothing), or `false` when the failure was another. */
export const unmet = (error: unknown): { readonly item: Item | undefined } | false =>
  isNamed(error, "ConditionalCheckFailedException") && { item: (error as { readonly Item?: Item }).Item }

/** A failure of the client or the service. */
export const failed = (operation: Operation, key: string | undefined, table: string, error: unknown): AdapterError => {
  if (error instanceof AdapterError) return error
  const words = wordsOf(error, table)
  return new AdapterError({
    adapter: "dynamodb",
    operation,
    key,
    reason: isPassing(error) ? "Unavailable" : "Rejected",
    message: words,
    cause: copyOf(error, words)
  })
}

/** No answer in time. It may still have been carried out. */
export const timedOut = (operation: Operation, key: string | undefined, timeout: number): AdapterError =>
  new AdapterError({
    adapter: "dynamodb",
    operation,
    key,
    reason: "Unavailable",
    message: `no answer within ${timeout} ms`
  })
