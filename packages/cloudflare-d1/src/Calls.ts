/**
 * The statements of an adapter, as bounded calls.
 */
import { type AdapterError, BoundedCalls, type Operation } from "@cache-locking/core"
import * as Effect from "effect/Effect"
import type { Answer, Bound, Database } from "./D1Binding.ts"
import { failures, isMissingTable } from "./Failure.ts"

const send = async (database: Database, bound: ReadonlyArray<Bound>): Promise<ReadonlyArray<Answer>> => {
  const [[sql, ...values]] = bound as readonly [Bound]
  if (bound.length === 1) {
    const statement = database.prepare(sql)
    return [await (statement.bind(...values) as typeof statement).all()]
  }
  return database.batch(bound.map(([sql, ...values]) => database.prepare(sql).bind(...values)))
}

/** The calls to one database. */
export class Calls {
  private readonly database: Database
  private readonly calls: BoundedCalls.Calls
  private readonly create: string | undefined

  /** @param create the migration, if a missing table should be created */
  constructor(database: Database, timeout: number, create: string | undefined) {
    this.database = database
    this.calls = BoundedCalls.make({ failures, timeout, timers: "own" })
    this.create = create
  }

  /** Sends one request, a statement or several as one transaction, and returns the rows of each. */
  run(
    operation: Operation,
    key: string | undefined,
    bound: () => ReadonlyArray<Bound>
  ): Effect.Effect<ReadonlyArray<ReadonlyArray<unknown>>, AdapterError> {
    return this.calls.run(
      operation,
      key,
      () => this.send(bound),
      (answers) => Effect.succeed(answers.map(({ results }) => results))
    )
  }

  private async send(make: () => ReadonlyArray<Bound>): Promise<ReadonlyArray<Answer>> {
    const bound = make()
    try {
      return await send(this.database, bound)
    } catch (error) {
      if (this.create === undefined || !isMissingTable(error)) throw error
      await send(this.database, [[this.create]])
      return send(this.database, bound)
    }
  }
}
