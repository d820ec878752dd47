/**
 * What an error of D1 means.
 */
import { Failures } from "@cache-locking/core"

/** Asking again does not help: the statement, the table, the size or the permission is wrong. */
const rejecting = /SQLITE_(ERROR|CONSTRAINT|TOOBIG|MISMATCH|AUTH|FULL|READONLY|CORRUPT|NOTADB)|D1_TYPE_ERROR/

/** True when the table is not there yet. */
export const isMissingTable = (error: unknown): boolean =>
  error instanceof Error && error.message.includes("no such table")

/** The words of SQLite name tables and columns, never what was bound. Those of the binding may show a value at their end. */
const wordsOf = (error: unknown): string => Failures.wordsOf(error, "D1 did not answer").split(/ for value /)[0]!

const advice = "create it by D1Adapter.migration or D1Adapter.setup, or give setup: true"

export const failures = Failures.make({
  adapter: "cloudflare-d1",
  words: (error) => (isMissingTable(error) ? `${wordsOf(error)}; ${advice}` : wordsOf(error)),
  isRejection: (_, words) => rejecting.test(words)
})
