/**
 * The upkeep of the table: creating it, and removing expired rows.
 */
import type { AdapterError } from "@cache-locking/core"
import * as Effect from "effect/Effect"
import { Calls } from "./Calls.ts"
import { failures } from "./Failure.ts"
import { type Place, resolvePlace } from "./Options.ts"
import * as Statements from "./Statements.ts"
import { nextOf, page } from "./Sweeper.ts"
import * as Table from "./Table.ts"

/** D1's own bound for a statement. */
const timeout = 30_000

const opened = (place: Place) => {
  const { database, table } = resolvePlace(place)
  return { table, calls: new Calls(database, timeout, undefined) }
}

/**
 * The table as SQL, for a migration: `CREATE TABLE IF NOT EXISTS …`.
 *
 * @param table the table's name; `"cache_locking"` unless given
 * @throws InvalidOption
 */
export const migration = (table?: string): string => `${Table.migration(Table.nameOf(table))};\n`

/**
 * Creates the table if it does not exist. It may run again, and in many isolates at once. A table of that name with
 * other columns is refused and not touched.
 *
 * @throws InvalidOption
 */
export const setup = (place: Place): Effect.Effect<void, AdapterError> => {
  const { calls, table } = opened(place)
  return Effect.flatMap(
    calls.run("put", undefined, () => [[Table.migration(table)], [Table.description, table]]),
    ([, columns]) => {
      if (Table.isRecognised(columns!)) return Effect.void
      const message = `there is a table ${Table.quoted(table)} already, with other columns: give another name`
      return Effect.fail(failures.rejected("put", undefined, message))
    }
  )
}

/**
 * Removes all expired rows, page by page, and returns their number: for a scheduled Worker. Writes do the same a little
 * at a time; run this for tables that are seldom written.
 *
 * @throws InvalidOption
 */
export const collect = (place: Place): Effect.Effect<number, AdapterError> => {
  const { calls, table } = opened(place)
  const statements = Statements.of(table)
  const from = (after: string, gone: number): Effect.Effect<number, AdapterError> =>
    Effect.flatMap(
      calls.run("delete", undefined, () => page(statements, after)),
      (answers) => {
        const sum = gone + answers[1]!.length
        const next = nextOf(answers)
        return next === undefined ? Effect.succeed(sum) : from(next, sum)
      }
    )
  return Effect.suspend(() => from("", 0))
}
