/**
 * What the client throws, as the contract's `AdapterError`.
 *
 * The client hangs the statement and its parameters on its errors, and the server quotes values in `detail` and
 * `where`: the cause that is passed on is a copy with the name, the code and the words, and nothing else.
 */
import { AdapterError, type Operation } from "@cache-locking/core"

/** SQLSTATE, as the server answers it. The client's own codes look otherwise. */
const isState = (code: unknown): code is string =>
  typeof code === "string" && /^[0-9A-Z]{5}$/.test(code) && !/^E[A-Z]+$/.test(code)

const codeOf = (error: unknown): unknown => (error as { code?: unknown } | undefined)?.code

/**
 * Classes and codes that may pass: connections, transactions that lost a race or were cut short, resources, operators,
 * the system and its insides; and a server that takes no writes, as before and after a failover. All else is wrong with the request, the
 * permission or the table, and asking again does not help.
 */
const passing = /^(08|40|53|57|58|XX|55P03|55006|25006)/

/** Whether the server answered, if only with an error: the connection is sound. */
export const isReply = (error: unknown): boolean => isState(codeOf(error)) && !/^(08|57P)/.test(String(codeOf(error)))

/** Whether nothing was done because somebody else was quicker: the statement may be sent again at once. */
export const lostRace = (error: unknown): boolean => /^40(001|P01)$/.test(String(codeOf(error)))

/** Whether the same thing was made by somebody else meanwhile: unique violation, duplicate table, duplicate schema. */
export const madeMeanwhile = (error: unknown): boolean => /^(23505|42P07|42P06|40001)$/.test(String(codeOf(error)))

/** What may be said of an error. The messages of class 22 and 23 quote data. */
const wordsOf = (error: unknown, code: unknown): string => {
  if (isState(code)) {
    if (code === "42P01") return "the table is not there: PostgresAdapter.setup makes it"
    if (/^2[23]/.test(code)) return `the server refused the data (${code})`
  }
  if (error instanceof Error && error.message !== "") return error.message
  return typeof code === "string" ? code : "the connection was lost"
}

/** A failure of the client or the server. */
export const failed = (operation: Operation, key: string | undefined, error: unknown): AdapterError => {
  if (error instanceof AdapterError) return error
  const code = codeOf(error)
  const words = wordsOf(error, code)
  const copy = new Error(words)
  if (error instanceof Error) copy.name = error.name
  return new AdapterError({
    adapter: "postgres",
    operation,
    key,
    reason: !isState(code) || passing.test(code) ? "Unavailable" : "Rejected",
    message: words,
    cause: typeof code === "string" ? Object.assign(copy, { code }) : copy
  })
}

/** No answer in time. It may still have been carried out. */
export const timedOut = (operation: Operation, key: string | undefined, timeout: number): AdapterError =>
  new AdapterError({
    adapter: "postgres",
    operation,
    key,
    reason: "Unavailable",
    message: `no answer within ${timeout} ms`
  })
