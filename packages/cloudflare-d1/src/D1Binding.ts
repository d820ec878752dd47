/**
 * What is used of a D1 binding: the `env.DB` of a Worker has it, and so has what miniflare hands out.
 *
 * Described here, so that nothing of the platform's own types is needed by who uses this package.
 */

/** A prepared statement. */
export interface Statement {
  bind(...values: Array<unknown>): Statement
}

/** The rows that a statement answered. */
export interface Answer {
  readonly results: Array<unknown>
}

/** A D1 database, as a Worker is given it. */
export interface Database {
  prepare(sql: string): Statement & { all(): Promise<Answer> }
  batch(statements: Array<Statement>): Promise<Array<Answer>>
}

/** Statements with what is bound to them. */
export type Bound = readonly [sql: string, ...values: ReadonlyArray<unknown>]

/** Whether something is a database, and not a session of one, whose replicas may answer with what was. */
export const isDatabase = (given: unknown): given is Database => {
  if (typeof given !== "object" || given === null) return false
  const { batch, getBookmark, prepare } = given as Record<string, unknown>
  return typeof prepare === "function" && typeof batch === "function" && typeof getBookmark !== "function"
}
