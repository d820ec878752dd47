/**
 * Statements as effects: each bounded in time, each with a typed failure, and none that leaves a timer behind.
 */
import type { AdapterError, Operation } from "@cache-locking/core"
import * as Effect from "effect/Effect"
import type { Answer, Bound, Database } from "./D1Binding.ts"
import { failed, isMissingTable, timedOut } from "./Failure.ts"

const send = async (database: Database, bound: ReadonlyArray<Bound>): Promise<ReadonlyArray<Answer>> => {
  const [[sql, ...values]] = bound as readonly [Bound]
  if (bound.length === 1) {
    const statement = database.prepare(sql)
    return [await (statement.bind(...values) as typeof statement).all()]
  }
  return database.batch(bound.map(([sql, ...values]) => database.prepare(sql).bind(...values)))
}

/** The calls to one database, with one bound. */
export class Calls {
  private readonly database: Database
  private readonly timeout: number
  private readonly create: string | undefined

  /** @param create the migration, where a table that is missing is to be created */
  constructor(database: Database, timeout: number, create: string | undefined) {
    this.database = database
    this.timeout = timeout
    this.create = create
  }

  /** One request: a statement, or several as one transaction. Answers the rows of each. */
  run(
    operation: Operation,
    key: string | undefined,
    bound: () => ReadonlyArray<Bound>
  ): Effect.Effect<ReadonlyArray<ReadonlyArray<unknown>>, AdapterError> {
    return Effect.callback((resume) => {
      // A timer of the call's own, however many there are: in a Worker a timer ends with the request that made it.
      const timer = setTimeout(
        () => resume(Effect.fail(timedOut(operation, key, this.timeout))),
        Math.min(this.timeout, 2 ** 31 - 1)
      )
      const settle = (effect: Effect.Effect<ReadonlyArray<ReadonlyArray<unknown>>, AdapterError>) => {
        clearTimeout(timer)
        resume(effect)
      }
      this.send(bound).then(
        (answers) => settle(Effect.succeed(answers.map(({ results }) => results))),
        (error) => settle(Effect.fail(failed(operation, key, error)))
      )
      // A statement cannot be taken back, and nobody hears its answer.
      return Effect.sync(() => clearTimeout(timer))
    })
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
