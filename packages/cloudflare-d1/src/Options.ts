/**
 * The adapter's options, checked once, and what adapters over one table share.
 */
import { Check, Identity } from "@cache-locking/core"
import type * as Duration from "effect/Duration"
import { type Database, isDatabase } from "./D1Binding.ts"
import { Hints } from "./Hints.ts"
import * as Statements from "./Statements.ts"
import { Sweeper } from "./Sweeper.ts"
import * as Table from "./Table.ts"

/** The database and the table. */
export interface Place {
  /** The binding: `env.DB`. A session of it (`withSession`) is refused, because its replicas may answer deleted values. */
  readonly database: Database
  /** The table, one per namespace of keys. Default `"cache_locking"`. */
  readonly table?: string | undefined
}

/** The options of an adapter over D1. */
export interface Options extends Place {
  /** Creates the table when a verb finds it missing. Default `false`: apply `migration`, or run `setup`. */
  readonly setup?: boolean | undefined
  /** The longest time that a request to D1 may take. Default 5 seconds. */
  readonly commandTimeout?: Duration.Input | undefined
  /** The first delay between polls of followers, where `waitStep` is shorter: each poll is a request. Default 250 ms. */
  readonly pollEvery?: Duration.Input | undefined
}

const names = new Set(["database", "table", "setup", "commandTimeout", "pollEvery"])
const placeNames = new Set(["database", "table"])

const pollDefault = 250

/** The state that adapters over one table of one database share. */
export interface Space {
  readonly statements: Statements.Statements
  readonly hints: Hints
  readonly sweeper: Sweeper
}

const spacesOf = Identity.perObject((_: Database) =>
  Identity.perName(
    (_, table: string): Space => ({
      statements: Statements.of(table),
      hints: new Hints(),
      sweeper: new Sweeper()
    })
  )
)

/** The options, checked, with their defaults. */
export interface Resolved {
  readonly database: Database
  readonly table: string
  /** The same object for the same database and table. */
  readonly space: Space
  readonly setup: boolean
  readonly timeout: number
  readonly pollEvery: number
}

const databaseOf = (given: Database): Database => {
  if (isDatabase(given)) return given
  throw Check.invalid("database", given, "a D1 binding (env.DB), not its name, and not a session of it")
}

/** Checks the database and the table. */
export const resolvePlace = (place: Place): { readonly database: Database; readonly table: string } => {
  Check.known(place, placeNames)
  return { database: databaseOf(place.database), table: Table.nameOf(place.table) }
}

/**
 * Checks the options.
 *
 * @throws InvalidOption
 */
export const resolve = (options: Options): Resolved => {
  Check.known(options, names)
  const database = databaseOf(options.database)
  const table = Table.nameOf(options.table)
  const setup = Check.bool("setup", options.setup, false)
  const timeout = Check.commandTimeout(options, "5 seconds")
  const pollEvery = Check.duration("pollEvery", options.pollEvery ?? pollDefault, { infinite: false })
  // SQL ignores case in the names of tables.
  const space = spacesOf(database)(table.toLowerCase(), table)
  return { database, table, space, setup, timeout, pollEvery }
}
