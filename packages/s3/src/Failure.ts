/**
 * The meaning of the client's errors. A cause keeps the status of the answer and the number of times that the request
 * was sent, by which the adapter judges it.
 */
import { Failures } from "@cache-locking/core"

/** The verdicts about names, which matter more than statuses. */
const known = Failures.table({
  // The client gets new credentials, or corrects its clock.
  passes: [
    "ExpiredToken",
    "ExpiredTokenException",
    "RequestExpired",
    "RequestTimeout",
    "RequestTimeoutException",
    "RequestTimeTooSkewed"
  ],
  throttled: [
    "BandwidthLimitExceeded",
    "LimitExceededException",
    "OperationAborted",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequests",
    "TooManyRequestsException"
  ],
  final: ["CredentialsProviderError", "TokenProviderError"]
})

/** The verdicts about statuses. Any other answer below 500 is final, and any other from 500 on may pass. */
const knownStatus = Failures.table({
  passes: [307, 408],
  // Of 409: two writes met and neither is decided.
  throttled: [409, 429],
  // The store does not know the request: it will not learn it.
  final: [501, 505]
})

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

const verdict = (error: unknown): Failures.Verdict => {
  // Codes of the service that keeps the bucket's keys follow its name.
  const named = known(Failures.nameOf(error).replace(/^KMS\./, ""))
  if (named !== undefined) return named
  const status = statusOf(error)
  return knownStatus(status) ?? (status === undefined || status >= 500 ? "passes" : "final")
}

/** The remedies for refusals whose own words do not name one. */
const remedies: ReadonlyArray<readonly [applies: (name: string, words: string, status?: number) => boolean, string]> = [
  [
    (name, words, status) =>
      (status === 400 || status === 501 || status === 403) &&
      /x-amz-(sdk-)?(checksum|trailer)|aws-chunked|STREAMING-UNSIGNED|XAmzContentSHA256Mismatch/i.test(
        `${name} ${words}`
      ),
    'does this store know the checksums that the SDK sends? Give the client requestChecksumCalculation: "WHEN_REQUIRED"'
  ],
  [
    (name, _, status) => status === 403 && /^(AccessDenied|Forbidden|403|Unknown\w*|\w*Error)$/.test(name),
    "grant s3:GetObject, s3:PutObject, s3:DeleteObject, and s3:ListBucket, without which S3 says this of an object that is not there"
  ],
  [
    (name, _, status) => status === 301 || name === "PermanentRedirect",
    "the bucket is in another region, or at another endpoint, than the client's"
  ]
]

export const failures = Failures.make({
  adapter: "s3",
  words: (error) => {
    const [name, words] = [Failures.nameOf(error), Failures.wordsOf(error)]
    const said = name === "Error" || words.includes(name) ? words : `${name}: ${words}`
    const remedy = remedies.find(([applies]) => applies(name, words, statusOf(error)))
    return remedy === undefined ? said : `${said.replace(/\.$/, "")} (${remedy[1]})`
  },
  verdict,
  details: (error) => {
    const [status, attempts] = [statusOf(error), attemptsOf(error)]
    return { ...(status !== undefined && { status }), ...(attempts > 1 && { attempts }) }
  }
})
