/** The cost of calls to a D1. It needs nothing of Node, so that a Worker can use it. */

interface Statement {
  bind(...values: Array<unknown>): Statement
}

interface Answer {
  readonly results: Array<unknown>
}

type Runnable = Statement & { all(): Promise<Answer> }

/** A D1, as a Worker gets it. */
export interface D1 {
  prepare(sql: string): Runnable
  batch(statements: Array<Statement>): Promise<Array<Answer>>
}

/** Requests to D1, statements in them, and the rows that are billed. */
export interface D1Cost {
  readonly requests: number
  readonly statements: number
  readonly read: number
  readonly written: number
}

const nothing: D1Cost = { requests: 0, statements: 0, read: 0, written: 0 }

/** The database, with its requests counted. */
export const metered = (database: D1) => {
  let cost = nothing
  const plain = new WeakMap<object, Statement>()
  const counted = <A extends ReadonlyArray<Answer>>(answers: A): A => {
    const metas = (answers as ReadonlyArray<unknown> as ReadonlyArray<{ meta: Record<string, number> }>).map(
      ({ meta }) => meta
    )
    cost = {
      requests: cost.requests + 1,
      statements: cost.statements + metas.length,
      read: metas.reduce((sum, meta) => sum + meta["rows_read"]!, cost.read),
      written: metas.reduce((sum, meta) => sum + meta["rows_written"]!, cost.written)
    }
    return answers
  }
  const wrapped = (statement: Runnable): Runnable => {
    const wrap: Runnable = {
      bind: (...values) => wrapped(statement.bind(...values) as Runnable),
      all: async () => counted([await statement.all()] as const)[0]
    }
    plain.set(wrap, statement)
    return wrap
  }
  const meter: D1 = {
    prepare: (sql) => wrapped(database.prepare(sql)),
    batch: async (statements) => counted(await database.batch(statements.map((one) => plain.get(one)!)))
  }
  /** The cost of the calls since the last time. */
  const spent = (): D1Cost => {
    const now = cost
    cost = nothing
    return now
  }
  return { database: meter, spent }
}
