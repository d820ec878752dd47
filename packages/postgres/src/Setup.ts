/**
 * Makes the table, if it does not exist, and refuses a table of another kind.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import { failures, madeMeanwhile } from "./Failure.ts"
import type { Client } from "./Link.ts"
import * as Schema from "./Schema.ts"

/**
 * The table could not be made. `Unavailable` may be temporary (a connection, a timeout), `Rejected` is permanent (a
 * permission). `Unrecognised` means that another table has this name; it was not touched.
 */
export class SetupFailed extends Data.TaggedError("SetupFailed")<{
  readonly schema: string
  readonly table: string
  readonly reason: "Unavailable" | "Rejected" | "Unrecognised"
  readonly message: string
  readonly cause?: unknown
}> {
  /** True when asking again may help. */
  get retryable(): boolean {
    return this.reason === "Unavailable"
  }
}

/** All set-ups wait for each other by this lock. It may be any number that no other program uses. */
const lock = "4719261846362218373"

/** Enough for a dozen quick statements, and for other processes that run the same set-up at the same time. */
const within = "30 seconds"

/** A client, or a transaction of it. */
type Asker = Pick<Client, "unsafe">

const ask = (
  asker: Asker,
  text: string,
  parameters: Array<string>
): Promise<ReadonlyArray<ReadonlyArray<string | null>>> =>
  asker
    .unsafe(text, parameters, { prepare: false })
    .raw()
    .then((rows) => rows.map((row) => [...row].map((field) => (field === null ? null : String(field)))))

/** True when the table exists. Throws when it is of another kind. */
const isThere = async (asker: Asker, table: Schema.Table): Promise<boolean> => {
  const [found] = await ask(asker, Schema.inspection, [table.schema, table.table])
  if (found === undefined) return false
  const objection = Schema.objection(found, table)
  if (objection === undefined) return true
  const message = `there is a table ${table.schema}.${table.table} already, but ${objection}`
  throw new SetupFailed({ schema: table.schema, table: table.table, reason: "Unrecognised", message })
}

/** Makes the table in one transaction, under the lock: of two that make the same thing at once, one would fail. */
const create = async (client: Client, table: Schema.Table): Promise<void> => {
  await client.begin(async (transaction) => {
    await transaction.unsafe(`select pg_advisory_xact_lock(${lock})`)
    if (await isThere(transaction, table)) return
    const [createSchema, ...rest] = Schema.statements(table)
    // `create schema if not exists` needs the permission even if the schema exists.
    const known = await ask(transaction, Schema.schemaInspection, [table.schema])
    for (const statement of known.length > 0 ? rest : [createSchema!, ...rest]) await transaction.unsafe(statement)
  })
}

const setUp = async (client: Client, table: Schema.Table): Promise<void> => {
  if (await isThere(client, table)) return
  try {
    await create(client, table)
  } catch (error) {
    // Another program made it, without the lock.
    if (!madeMeanwhile(error)) throw error
    await create(client, table)
  }
}

const failure = (table: Schema.Table, error: unknown): SetupFailed => {
  if (error instanceof SetupFailed) return error
  const { cause, message, reason } = failures.of("put", undefined, error)
  return new SetupFailed({ schema: table.schema, table: table.table, reason, message, cause })
}

/** Makes the table, if it does not exist. */
export const run = (client: Client, table: Schema.Table): Effect.Effect<void, SetupFailed> =>
  Effect.timeoutOrElse(
    Effect.tryPromise({ try: () => setUp(client, table), catch: (error) => failure(table, error) }),
    {
      duration: within,
      orElse: () => Effect.fail(failure(table, new Error(`not done within ${within}`)))
    }
  )
