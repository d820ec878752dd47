/**
 * What D1 throws, as the contract's `AdapterError`.
 *
 * The words of SQLite name tables and columns, never what was bound; those of the binding may show a value, and
 * are cut before it. The cause that is passed on has the words alone.
 */
import { AdapterError, type Operation } from "@cache-locking/core"

/** Asking again does not help: the statement, the table, the size or the permission is wrong. */
const rejecting = /SQLITE_(ERROR|CONSTRAINT|TOOBIG|MISMATCH|AUTH|FULL|READONLY|CORRUPT|NOTADB)|D1_TYPE_ERROR/

const wordsOf = (error: unknown): string => {
  if (!(error instanceof Error)) return "D1 did not answer"
  const words = error.message.split(/ for value /)[0]!
  return words === "" ? error.name : words
}

const copyOf = (words: string, error: unknown): Error => {
  const copy = new Error(words)
  if (error instanceof Error) copy.name = error.name
  return copy
}

/** Whether the table is not there yet. */
export const isMissingTable = (error: unknown): boolean =>
  error instanceof Error && error.message.includes("no such table")

/** A failure of D1, or of the way to it. */
export const failed = (operation: Operation, key: string | undefined, error: unknown): AdapterError => {
  const words = wordsOf(error)
  const told = isMissingTable(error)
    ? `${words}; create it by D1Adapter.migration or D1Adapter.setup, or give setup: true`
    : words
  const reason = rejecting.test(words) ? "Rejected" : "Unavailable"
  return new AdapterError({
    adapter: "cloudflare-d1",
    operation,
    key,
    reason,
    message: told,
    cause: copyOf(words, error)
  })
}

/** No answer in time. It may still have been carried out. */
export const timedOut = (operation: Operation, key: string | undefined, timeout: number): AdapterError =>
  new AdapterError({
    adapter: "cloudflare-d1",
    operation,
    key,
    reason: "Unavailable",
    message: `no answer within ${timeout} ms`
  })
