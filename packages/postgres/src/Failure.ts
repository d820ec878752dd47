/** * The meaning of errors of the client and the server.
 *
 * The client attaches the statement and its parameters to its errors, and the server quotes values in `detail` and
 * `where`.
 */
import { Failures } from "@cache-locking/core"

/** A SQLSTATE, which the server returns. The client's own codes have another form. */
const stateOf = (error: unknown): string | undefined => {
  const code = String(Failures.codeOf(error))
  return /^[0-9A-Z]{5}$/.test(code) && !/^E[A-Z]+$/.test(code) ? code : undefined
}

/**
 * Classes and codes that may be temporary: connections, transactions that lost a race or were ended, resources,
 * intervention by operators, system and internal errors; and a server that takes no writes, as before and after a
 * failover. Every other error means that the request, the permission or the table is wrong, and asking again does not
 * help.
 */
const passing = /^(08|40|53|57|58|XX|55P03|55006|25006)/

/** True when the server answered, even with an error: the connection works. */
export const isReply = (error: unknown): boolean => /^(?!08|57P)./.test(stateOf(error) ?? "")

/** True when nothing was done because another client was faster: the statement may be sent again at once. */
export const lostRace = (error: unknown): boolean => /^40(001|P01)$/.test(stateOf(error) ?? "")

/** True when another client made the same thing meanwhile: unique violation, duplicate table, duplicate schema. */
export const madeMeanwhile = (error: unknown): boolean => /^(23505|42P07|42P06|40001)$/.test(stateOf(error) ?? "")

export const failures = Failures.make({
  adapter: "postgres",
  words: (error) => {
    const state = stateOf(error) ?? ""
    if (state === "42P01") return "the table does not exist: PostgresAdapter.setup makes it"
    // The messages of class 22 and 23 quote data.
    return /^2[23]/.test(state) ? `the server refused the data (${state})` : Failures.wordsOf(error)
  },
  isRejection: (error) => {
    const state = stateOf(error)
    return state !== undefined && !passing.test(state)
  }
})
