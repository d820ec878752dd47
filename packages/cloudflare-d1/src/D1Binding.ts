/**
 * The part of a D1 binding that is used. The `env.DB` of a Worker has it, and miniflare's bindings have it too.
 *
 * It is described here, so that users of this package need none of the platform's own types.
 */

/** A prepared statement. */
export interface Statement {
  bind(...values: Array<unknown>): Statement
}

/** The rows that a statement returned. */
export interface Answer {
  readonly results: Array<unknown>
}

/** A D1 database, as a Worker gets it. */
export interface Database {
  prepare(sql: string): Statement & { all(): Promise<Answer> }
  batch(statements: Array<Statement>): Promise<Array<Answer>>
}

/** A statement with its bound values. */
export type Bound = readonly [sql: string, ...values: ReadonlyArray<unknown>]

/** True for a database, and not for a session of one, whose replicas may answer with old rows. */
export const isDatabase = (given: unknown): given is Database => {
  if (typeof given !== "object" || given === null) return false
  const { batch, getBookmark, prepare } = given as Record<string, unknown>
  return typeof prepare === "function" && typeof batch === "function" && typeof getBookmark !== "function"
}
