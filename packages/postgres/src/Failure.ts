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

/** A server that takes no writes, as before and after a failover. */
const readOnly = "25006"

/**
 * The verdicts about classes and codes of the server, and codes of the client. Every other error of the server means
 * that the request, the permission or the table is wrong. Every other error of the client concerns the connection.
 */
const known = Failures.table({
  // Connections, transactions that lost a race, resources, intervention by operators, system and internal errors.
  passes: ["08", "40", "53", "57", "58", "XX", readOnly],
  // Another transaction has locked the row or the table.
  throttled: ["55P03", "55006"],
  // The client was ended, and cannot be used again.
  final: ["CONNECTION_ENDED"]
})

/** True when the server takes no writes at present, although it can be read. */
export const isReadOnly = (error: unknown): boolean => Failures.codeOf(error) === readOnly

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
  isReply,
  verdict: (error) => {
    const state = stateOf(error)
    if (state === undefined) return known(Failures.codeOf(error)) ?? "passes"
    return known(state) ?? known(state.slice(0, 2)) ?? "final"
  }
})
