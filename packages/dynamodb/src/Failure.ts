/** * The meaning of the SDK's errors.
 *
 * The SDK attaches the response, and the item where a condition failed, to its errors.
 */
import { Failures } from "@cache-locking/core"
import type { Item } from "./Item.ts"

/** The verdicts about names. */
const known = Failures.table({
  // The SDK gets new credentials, or corrects its clock.
  passes: [
    "ExpiredToken",
    "ExpiredTokenException",
    "RequestExpired",
    "RequestTimeTooSkewed",
    "RequestTimeout",
    "RequestTimeoutException"
  ],
  throttled: [
    "LimitExceededException",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "ReplicatedWriteConflictException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    // A transaction of another program has the item, or the table is being made or changed.
    "ResourceInUseException",
    "TransactionConflictException",
    "TransactionInProgressException"
  ],
  final: ["CredentialsProviderError", "TokenProviderError", "ParseError"]
})

/**
 * True when the client's region or endpoint is invalid. The SDK notices at the first request, and gives the error no
 * name.
 */
const isNowhere = (error: unknown, words: string): boolean =>
  Failures.codeOf(error) === "ERR_INVALID_URL" || /^Region (is missing|not accepted)/.test(words)

const verdict = (error: unknown, words: string): Failures.Verdict => {
  const named = known(Failures.nameOf(error))
  if (named !== undefined) return named
  if (isNowhere(error, words)) return "final"
  const { $metadata } = (error ?? {}) as { readonly $metadata?: { readonly httpStatusCode?: number | undefined } }
  // Without a status there was no reply at all. From 500 on the fault is the service's own, or a proxy's.
  const status = $metadata?.httpStatusCode ?? 0
  if (status === 429) return "throttled"
  return status >= 400 && status < 500 ? "final" : "passes"
}

/** True for the service's error of that name. */
export const isNamed = (error: unknown, name: string): boolean => Failures.nameOf(error) === name

/** The item when a condition failed (`undefined` if there was none); `false` for another failure. */
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
    verdict
  })
