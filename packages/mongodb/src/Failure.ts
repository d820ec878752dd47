/** * The meaning of errors of the driver and the server.
 *
 * Servers quote the command that they refuse, and a command contains values: only the words before the quotation are
 * shown.
 */
import { Failures } from "@cache-locking/core"

/** Codes of the server after which asking again does not help. Every other failure may be temporary. */
const rejecting: ReadonlySet<unknown> = new Set([
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
])

/** Errors of the driver itself that concern the request, not the connection. */
const misused: ReadonlySet<string> = new Set([
  "MongoInvalidArgumentError",
  "MongoCompatibilityError",
  "MongoMissingCredentialsError",
  "MongoParseError",
  "BSONError",
  "BSONVersionError"
])

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

export const failures = Failures.make({
  adapter: "mongodb",
  words: wordsOf,
  isRejection: (error) => rejecting.has(Failures.codeOf(error)) || misused.has(Failures.nameOf(error))
})
