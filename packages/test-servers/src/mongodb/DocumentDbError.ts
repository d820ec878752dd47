import { deserialize, Int32, serialize } from "bson"

/** An error as MongoDB reports it: a number, a name and a message. */
export class MongoError extends Error {
  override readonly name = "MongoError"
  readonly code: number

  constructor(code: number, message: string) {
    super(message)
    this.code = code
  }
}

/** DocumentDB's own SQL states, numbered as its errors are listed; and those of Postgres that a client must tell apart. */
const codes: Readonly<Record<string, number>> = {
  M0000: 1,
  M0001: 2,
  M0003: 9,
  M0004: 14,
  M0005: 15,
  M0006: 20,
  M0008: 26,
  M0009: 27,
  M000A: 28,
  M000D: 40,
  M000E: 43,
  M000F: 48,
  M000M: 66,
  M000N: 67,
  M000O: 68,
  M000P: 72,
  M000Q: 73,
  M000R: 85,
  M000S: 86,
  M000U: 115,
  M001B: 10_334,
  M001C: 11_000,
  M00EX: 50,
  M00EY: 59,
  M00F1: 112,
  M007U: 40_324,
  // unique_violation, exclusion_violation
  23505: 11_000,
  "23P01": 11_000,
  // deadlock_detected, serialization_failure, lock_not_available, query_canceled
  "40P01": 112,
  40001: 112,
  "55P03": 24,
  57014: 50
}

const names: Readonly<Record<number, string>> = {
  2: "BadValue",
  9: "FailedToParse",
  14: "TypeMismatch",
  20: "IllegalOperation",
  24: "LockTimeout",
  26: "NamespaceNotFound",
  27: "IndexNotFound",
  43: "CursorNotFound",
  48: "NamespaceExists",
  50: "MaxTimeMSExpired",
  59: "CommandNotFound",
  66: "ImmutableField",
  85: "IndexOptionsConflict",
  86: "IndexKeySpecsConflict",
  112: "WriteConflict",
  115: "CommandNotSupported",
  11000: "DuplicateKey"
}

const internalError = 8
const duplicateKey = 11_000

/** Postgres packs the five characters of a SQL state into a number, six bits each, and DocumentDB passes it on. */
const unpackState = (packed: number): string =>
  Array.from({ length: 5 }, (_, i) => String.fromCharCode(48 + ((packed >> (6 * i)) & 63))).join("")

// No code of MongoDB's is that large, and every packed state is.
const smallestState = 1_000_000

export const unpackCode = (code: number): number =>
  code < smallestState ? code : (codes[unpackState(code)] ?? internalError)

const told = (code: number, message: string): string =>
  code === duplicateKey && !message.startsWith("E11000") ? `E11000 duplicate key error: ${message}` : message

/** The reply to a command that failed. */
export const errorReply = (error: unknown): Uint8Array => {
  const message = error instanceof Error ? error.message : String(error)
  const state = typeof error === "object" && error !== null && "code" in error ? error.code : undefined
  const known = typeof state === "number" ? state : codes[String(state)]
  const code = known ?? (String(state).startsWith("M") ? 1 : internalError)
  return serialize({ ok: 0, errmsg: told(code, message), code, codeName: names[code] ?? `Location${code}` })
}

/** The errors of single writes stand in the reply to the command; their codes are still DocumentDB's. */
export const repairWriteErrors = (reply: Buffer): Uint8Array => {
  if (!reply.includes("writeErrors")) return reply
  const { writeErrors, ...rest } = deserialize(reply, { promoteValues: false })
  if (!Array.isArray(writeErrors) || writeErrors.length === 0) return serialize(rest)
  const repaired = writeErrors.map((error) => {
    const code = unpackCode(Number(error.code))
    return { ...error, code: new Int32(code), errmsg: told(code, String(error.errmsg)) }
  })
  return serialize({ ...rest, writeErrors: repaired })
}
