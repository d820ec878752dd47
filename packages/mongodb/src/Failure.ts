/**
 * What the driver throws, as the contract's `AdapterError`.
 *
 * Servers quote the command that they refuse, and a command holds values: what is passed on has the words before the
 * quotation, the code and the name, and nothing else.
 */
import { AdapterError, type Operation } from "@cache-locking/core"

/** Codes of the server with which asking again does not help. Every other may pass. */
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

/** Errors of the driver's own that are about what was asked, not about the connection. */
const misused: ReadonlySet<string> = new Set([
  "MongoInvalidArgumentError",
  "MongoCompatibilityError",
  "MongoMissingCredentialsError",
  "MongoParseError",
  "BSONError",
  "BSONVersionError"
])

const codeOf = (error: unknown): unknown => (error as { code?: unknown } | undefined | null)?.code

/** What follows the first quotation is data. */
const withoutData = (words: string): string => words.split(/[{"`]|(?<=^|\s)'/, 1)[0]!.replace(/[\s:,(]+$/, "")

const wordsOf = (error: unknown): string => {
  if (!(error instanceof Error)) return "the connection was lost"
  const { codeName } = error as { codeName?: unknown }
  const named = typeof codeName === "string" ? codeName : ""
  const words = withoutData(error.message)
  if (words === "") return named || error.name
  return named === "" || words.includes(named) ? words : `${named}: ${words}`
}

const copyOf = (error: unknown, words: string): Error => {
  const copy = new Error(words)
  if (error instanceof Error) copy.name = error.name
  const code = codeOf(error)
  return typeof code === "number" || typeof code === "string" ? Object.assign(copy, { code }) : copy
}

/**
 * Two made the document at once, and the other was first. DocumentDB, the engine of Azure and FerretDB, then fails to
 * understand the time; MongoDB says what it is.
 */
export const isLostUpsert = (error: unknown): boolean =>
  codeOf(error) === 11_000 || (codeOf(error) === 9 && error instanceof Error && error.message.includes("$$NOW"))

/** Whether asking again does not help. */
export const isRejection = (error: unknown): boolean =>
  rejecting.has(codeOf(error)) || (error instanceof Error && misused.has(error.name))

/** The words and the copy of an error that may be shown. */
export const shown = (error: unknown): { readonly message: string; readonly cause: Error } => {
  const message = wordsOf(error)
  return { message, cause: copyOf(error, message) }
}

/** A failure of the driver or the server. */
export const failed = (operation: Operation, key: string | undefined, error: unknown): AdapterError =>
  error instanceof AdapterError
    ? error
    : new AdapterError({
        adapter: "mongodb",
        operation,
        key,
        reason: isRejection(error) ? "Rejected" : "Unavailable",
        ...shown(error)
      })

/** A failure of our own finding. */
export const failure = (
  reason: AdapterError["reason"],
  operation: Operation,
  key: string | undefined,
  message: string
): AdapterError => new AdapterError({ adapter: "mongodb", operation, key, reason, message })

/** No answer in time. It may still have been carried out. */
export const timedOut = (operation: Operation, key: string | undefined, timeout: number): AdapterError =>
  failure("Unavailable", operation, key, `no answer within ${timeout} ms`)
