/** * The meaning of errors of the driver and the server.
 *
 * Servers quote the command that they refuse, and a command contains values: only the words before the quotation are
 * shown.
 */
import { Failures } from "@cache-locking/core"

/** The verdicts about codes of the server. Every other failure may pass. */
const knownCode = Failures.table({
  throttled: [
    24, // LockTimeout
    46, // LockBusy
    112, // WriteConflict
    462, // IngressRequestRateLimitExceeded
    // More requests than were paid for, of a hosted service
    16_500
  ],
  final: [
    2, // BadValue
    9, // FailedToParse
    13, // Unauthorized
    14, // TypeMismatch
    18, // AuthenticationFailed
    20, // IllegalOperation
    52, // DollarPrefixedFieldName
    59, // CommandNotFound
    66, // ImmutableField
    72, // InvalidOptions
    73, // InvalidNamespace
    79, // UnknownReplWriteConcern
    85, // IndexOptionsConflict
    86, // IndexKeySpecsConflict
    100, // UnsatisfiableWriteConcern
    115, // CommandNotSupported
    121, // DocumentValidationFailure
    166, // CommandNotSupportedOnView
    // Documents and commands that are too large
    10_334,
    17_419,
    17_420,
    // Credentials that a hosted service refuses
    8000,
    // Not a stage, an expression or a variable of this server
    40_324,
    40_573,
    17_276
  ]
})

/** The verdicts about errors of the driver itself that concern the request or the client, not the connection. */
const knownName = Failures.table({
  final: [
    "MongoInvalidArgumentError",
    "MongoCompatibilityError",
    "MongoMissingCredentialsError",
    "MongoParseError",
    "BSONError",
    "BSONVersionError",
    // The client was closed. Until its owner connects it again it sends nothing.
    "MongoNotConnectedError",
    "MongoTopologyClosedError",
    "MongoClientClosedError"
  ]
})

/** Servers and drivers label what a server refuses because it has too much to do. */
const isOverload = (error: unknown): boolean => {
  const { hasErrorLabel } = (error ?? {}) as { readonly hasErrorLabel?: (label: string) => boolean }
  return typeof hasErrorLabel === "function" && hasErrorLabel.call(error, "SystemOverloadedError")
}

/** The words before the first quotation. The rest may be data. */
const withoutData = (words: string): string => words.split(/[{"`]|(?<=^|\s)'/, 1)[0]!.replace(/[\s:,(]+$/, "")

const wordsOf = (error: unknown): string => {
  if (!(error instanceof Error)) return "the connection was lost"
  const { codeName } = error as { codeName?: unknown }
  const named = typeof codeName === "string" ? codeName : ""
  const words = withoutData(error.message)
  if (words === "") return named || error.name
  return named === "" || words.includes(named) ? words : `${named}: ${words}`
}

/**
 * True when two clients made the document at once and the other was first. MongoDB then reports a duplicate key;
 * DocumentDB, the engine of Azure and FerretDB, reports a fault in `$$NOW`.
 */
export const isLostUpsert = (error: unknown): boolean =>
  Failures.codeOf(error) === 11_000 ||
  (Failures.codeOf(error) === 9 && error instanceof Error && error.message.includes("$$NOW"))

/** True when a pipeline met a field of a type that it cannot compute with: another program wrote the document. */
export const isMistyped = (error: unknown): boolean => mistyped.has(Failures.codeOf(error))

const mistyped: ReadonlySet<unknown> = new Set([14, 16_554, 16_556])

export const failures = Failures.make({
  adapter: "mongodb",
  words: wordsOf,
  verdict: (error) =>
    knownName(Failures.nameOf(error)) ??
    (isOverload(error) ? "throttled" : undefined) ??
    knownCode(Failures.codeOf(error)) ??
    "passes"
})
