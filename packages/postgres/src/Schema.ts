/**
 * The table, and how to make it.
 *
 * Instants and durations are milliseconds as `double precision`: whole, exact for the next 280,000 years, and
 * `Infinity` for no end. The key is bytes, because text cannot hold NUL, and its hash is the primary key, because an
 * index cannot hold a long key. There is no other index, and pages keep room, so that granting, renewing and ending a
 * lease rewrites the row in place (a HOT update) and touches no index.
 */
import { quote } from "./Space.ts"

/** The table. */
export interface Table {
  readonly schema: string
  readonly table: string
  readonly unlogged: boolean | undefined
}

const columns: ReadonlyArray<readonly [name: string, type: string, rest: string, meaning: string]> = [
  ["prefix", "text", ' collate "C" not null', "the adapter's prefix"],
  ["id", "bytea", " not null", "SHA-256 of the key"],
  ["key", "bytea", " not null", "the key, in UTF-8"],
  ["value", "bytea", "", "null when there is none"],
  ["filled_at", "double precision", "", "milliseconds since 1970, as are all instants"],
  ["took", "double precision", "", "milliseconds from the grant of the lease to the fill"],
  ["fresh_for", "double precision", "", "milliseconds from filled_at"],
  ["stale_for", "double precision", "", "milliseconds after that"],
  ["owner", "bytea", "", "who leads"],
  ["token", "uuid", "", "proof of it"],
  ["lease_since", "double precision", "", "when the lease was granted"],
  ["lease_until", "double precision", "", "when it ends"],
  ["cooling_until", "double precision", "", "until when nobody leads, after a failed load"],
  ["cause", "bytea", "", "what the failed leader left for the others"],
  ["changed_at", "double precision", "", "when the value last came, changed or went"]
]

const primaryKey = "prefix, id"

/** The statements that make the table, in order. Each may be repeated. */
export const statements = ({ schema, table, unlogged }: Table): ReadonlyArray<string> => {
  const name = `${quote(schema)}.${quote(table)}`
  const lines = columns.map(([name, type, rest, meaning]) => `  ${name} ${type}${rest}, -- ${meaning}`)
  return [
    `create schema if not exists ${quote(schema)}`,
    `create ${unlogged === true ? "unlogged " : ""}table if not exists ${name} (\n${lines.join("\n")}\n  primary key (${primaryKey})\n) with (fillfactor = 80)`,
    // Not compressed: the cache itself can compress, and does it better.
    `alter table ${name} alter column value set storage external`,
    `comment on table ${name} is 'Values and leases of cache-locking'`
  ]
}

/** Describes a table, given its schema and name: kind, persistence, columns and primary key. */
export const inspection = `
select c.relkind, c.relpersistence,
  (select string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' order by a.attname collate "C")
    from pg_catalog.pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped),
  (select string_agg(a.attname, ', ' order by k.n)
    from pg_catalog.pg_index i cross join unnest(i.indkey) with ordinality k (attnum, n)
    join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum = k.attnum
    where i.indrelid = c.oid and i.indisprimary)
from pg_catalog.pg_class c join pg_catalog.pg_namespace s on s.oid = c.relnamespace
where s.nspname = $1 and c.relname = $2`

/** Answers a row if the schema exists. */
export const schemaInspection = "select 1 from pg_catalog.pg_namespace where nspname = $1"

const expectedColumns = columns
  .map(([name, type]) => `${name} ${type}`)
  .sort()
  .join(", ")

/** The fault of a table that exists, or nothing. */
export const objection = (
  [kind, persistence, found, key]: ReadonlyArray<string | null>,
  { unlogged }: Table
): string | undefined => {
  if (kind !== "r" && kind !== "p") return "it is not a table"
  if (found !== expectedColumns || key !== primaryKey) return "its columns are not those of a cache"
  if (unlogged === true && persistence !== "u") return "it is logged, but the option unlogged is true"
  if (unlogged === false && persistence === "u") return "it is unlogged, but the option unlogged is false"
  return undefined
}
