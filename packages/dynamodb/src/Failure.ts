/**
 * What an error of the SDK means.
 *
 * The SDK hangs the response, and the item where a condition failed, on its errors.
 */
import { Failures } from "@cache-locking/core"
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

/** The client was pointed at no place. The SDK finds out with the first request, and gives the error no name. */
const isNowhere = (error: unknown, words: string): boolean =>
  Failures.codeOf(error) === "ERR_INVALID_URL" || /^Region (is missing|not accepted)/.test(words)

const isRejection = (error: unknown, words: string): boolean => {
  const name = Failures.nameOf(error)
  if (passing.has(name)) return false
  if (hopeless.has(name) || isNowhere(error, words)) return true
  const { $metadata } = (error ?? {}) as { readonly $metadata?: { readonly httpStatusCode?: number | undefined } }
  // Without a status there was no reply at all; from 500 on it was the service's own fault, or that of something between.
  const status = $metadata?.httpStatusCode ?? 0
  return status >= 400 && status < 500 && status !== 429
}

/** True for the service's error of that name. */
export const isNamed = (error: unknown, name: string): boolean => Failures.nameOf(error) === name

/** What was there when a condition failed (perhaps nothing), or `false` when the failure was another. */
export const unmet = (error: unknown): { readonly item: Item | undefined } | false =>
  isNamed(error, "ConditionalCheckFailedException") && { item: (error as { readonly Item?: Item }).Item }

/** The failures of requests to one table. */
export const failuresOf = (table: string): Failures.Failures =>
  Failures.make({
    adapter: "dynamodb",
    words: (error) =>
      // The reply's own words do not say which table it was.
      isNamed(error, "ResourceNotFoundException")
        ? `there is no table ${table}: make it, for example with DynamoDbAdapter.setup`
        : Failures.wordsOf(error, "the request failed"),
    isRejection
  })
