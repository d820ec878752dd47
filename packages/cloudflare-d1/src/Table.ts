/**
 * The table of a cache, and its migration.
 *
 * A key is one row, in a table that is its own index. A write costs one row written; a second index would double the
 * cost of every fill. Large columns stand last, so that leases are read without them.
 */
import { Check } from "@cache-locking/core"

/** The columns in their order, as SQLite describes them. */
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

/** The default name. */
export const defaultName = "cache_locking"

/** Names that SQLite and D1 reserve. */
const reserved = /^(sqlite_|_cf_|d1_)/i

/** A quoted name. */
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

/** The migration. It may run again, and in several isolates at once. */
export const migration = (name: string): string =>
  [
    `CREATE TABLE IF NOT EXISTS ${quoted(name)} (`,
    columns.map((column) => `  ${column.join(" ")}`).join(",\n"),
    ") WITHOUT ROWID"
  ].join("\n")

/** Describes the columns of the table whose name is bound. */
export const description = 'SELECT name, type, pk, "notnull" FROM pragma_table_info(?1) ORDER BY cid'

/** True when the columns that `description` answered are those of the migration. */
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
