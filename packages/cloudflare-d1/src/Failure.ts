/** * The meaning of D1's errors. */
import { Failures } from "@cache-locking/core"

/** Asking again does not help: the statement, the table, the size or the permission is wrong. */
const rejecting = /SQLITE_(ERROR|CONSTRAINT|TOOBIG|MISMATCH|AUTH|FULL|READONLY|CORRUPT|NOTADB)|D1_TYPE_ERROR/

/** The database has more to do than it can, for now. */
const throttling = /SQLITE_BUSY|D1 DB is overloaded|queued for too long/

/** True when the table does not exist yet. */
export const isMissingTable = (error: unknown): boolean =>
  error instanceof Error && error.message.includes("no such table")

/** SQLite's messages name tables and columns, never bound values. The binding's own may end with a value. */
const wordsOf = (error: unknown): string => Failures.wordsOf(error, "D1 did not answer").split(/ for value /)[0]!

const advice = "create it by D1Adapter.migration or D1Adapter.setup, or give setup: true"

export const failures = Failures.make({
  adapter: "cloudflare-d1",
  words: (error) => (isMissingTable(error) ? `${wordsOf(error)}; ${advice}` : wordsOf(error)),
  verdict: (_, words) => (throttling.test(words) ? "throttled" : rejecting.test(words) ? "final" : "passes")
})
