/**
 * The table that a cache is, and how it comes to be.
 *
 * One row per key, in a table that is its own index: a row costs one row written, where a second index would double
 * what every fill costs. What is large stands last, so that leases are read without it.
 */
import { Check } from "@cache-locking/core"

/** The columns in their order, as SQLite tells them. */
const columns = [
  ["key", "TEXT", "NOT NULL PRIMARY KEY"],
  ["owner", "TEXT"],
  ["token", "TEXT"],
  ["leased_at", "INTEGER"],
  ["leased_until", "INTEGER"],
  ["cooling_until", "INTEGER"],
  ["filled_at", "INTEGER"],
  ["took", "INTEGER"],
  ["fresh_until", "INTEGER"],
  ["stale_for", "INTEGER"],
  ["expires_at", "INTEGER", "NOT NULL"],
  ["cause", "BLOB"],
  ["value", "BLOB"]
] as const

/** The name unless another is given. */
export const defaultName = "cache_locking"

/** Names that SQLite and D1 keep to themselves. */
const reserved = /^(sqlite_|_cf_|d1_)/i

/** A name as SQL has it. */
export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`

/**
 * The table's name, checked.
 *
 * @throws InvalidOption
 */
export const nameOf = (given: string | undefined): string => {
  const name = Check.text("table", given, defaultName)
  const fits = name !== "" && name.length <= 128 && name.isWellFormed() && !name.includes("\0") && !reserved.test(name)
  if (fits) return name
  throw Check.invalid("table", name, "1 to 128 characters, no NUL, not beginning with sqlite_, _cf_ or d1_")
}

/** The migration: safe to run again, and beside others. */
export const migration = (name: string): string =>
  [
    `CREATE TABLE IF NOT EXISTS ${quoted(name)} (`,
    columns.map((column) => `  ${column.join(" ")}`).join(",\n"),
    ") WITHOUT ROWID"
  ].join("\n")

/** Tells the columns of the table whose name is bound. */
export const description = 'SELECT name, type, pk, "notnull" FROM pragma_table_info(?1) ORDER BY cid'

/** Whether the columns that `description` answered are the migration's. */
export const isRecognised = (rows: ReadonlyArray<unknown>): boolean =>
  rows.length === columns.length &&
  columns.every(([name, type, rule = ""], at) => {
    const row = rows[at] as Record<string, unknown>
    return (
      row["name"] === name &&
      row["type"] === type &&
      row["pk"] === Number(rule.includes("PRIMARY KEY")) &&
      row["notnull"] === Number(rule.includes("NOT NULL"))
    )
  })
