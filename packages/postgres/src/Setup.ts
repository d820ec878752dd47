/**
 * Makes the table, if it is not there, and refuses one that is another's.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import { failures, madeMeanwhile } from "./Failure.ts"
import type { Client } from "./Link.ts"
import * as Schema from "./Schema.ts"

/**
 * The table could not be made. `Unavailable` may pass (a connection, a timeout), `Rejected` will not (a permission), and
 * `Unrecognised` says that there is a table of this name which is something else: it was not touched.
 */
export class SetupFailed extends Data.TaggedError("SetupFailed")<{
  readonly schema: string
  readonly table: string
  readonly reason: "Unavailable" | "Rejected" | "Unrecognised"
  readonly message: string
  readonly cause?: unknown
}> {
  /** Whether asking again may help. */
  get retryable(): boolean {
    return this.reason === "Unavailable"
  }
}

/** All who set up anything wait for each other: any number will do, as long as nobody else takes it. */
const lock = "4719261846362218373"

/** A dozen quick statements, and others who do the same at the same time. */
const within = "30 seconds"

/** What is asked of the client, of a transaction or of none. */
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

/** Whether the table is there; throws when it is something else. */
const isThere = async (asker: Asker, table: Schema.Table): Promise<boolean> => {
  const [found] = await ask(asker, Schema.inspection, [table.schema, table.table])
  if (found === undefined) return false
  const objection = Schema.objection(found, table)
  if (objection === undefined) return true
  const message = `there is a table ${table.schema}.${table.table} already, and ${objection}`
  throw new SetupFailed({ schema: table.schema, table: table.table, reason: "Unrecognised", message })
}

/** One transaction, in which nobody else sets up: what two make at the same time, one of them fails to make. */
const create = async (client: Client, table: Schema.Table): Promise<void> => {
  await client.begin(async (transaction) => {
    await transaction.unsafe(`select pg_advisory_xact_lock(${lock})`)
    if (await isThere(transaction, table)) return
    const [createSchema, ...rest] = Schema.statements(table)
    // Even if it is there, to create it takes a permission.
    const known = await ask(transaction, Schema.schemaInspection, [table.schema])
    for (const statement of known.length > 0 ? rest : [createSchema!, ...rest]) await transaction.unsafe(statement)
  })
}

const setUp = async (client: Client, table: Schema.Table): Promise<void> => {
  if (await isThere(client, table)) return
  try {
    await create(client, table)
  } catch (error) {
    // By somebody who does not know of the lock.
    if (!madeMeanwhile(error)) throw error
    await create(client, table)
  }
}

const failure = (table: Schema.Table, error: unknown): SetupFailed => {
  if (error instanceof SetupFailed) return error
  const { cause, message, reason } = failures.of("put", undefined, error)
  return new SetupFailed({ schema: table.schema, table: table.table, reason, message, cause })
}

/** Makes the table, if it is not there. */
export const run = (client: Client, table: Schema.Table): Effect.Effect<void, SetupFailed> =>
  Effect.timeoutOrElse(
    Effect.tryPromise({ try: () => setUp(client, table), catch: (error) => failure(table, error) }),
    {
      duration: within,
      orElse: () => Effect.fail(failure(table, new Error(`not done within ${within}`)))
    }
  )
