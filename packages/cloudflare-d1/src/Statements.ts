/**
 * The verbs as SQL: one statement each, and `Entry` restated in their conditions.
 *
 * The clock is SQLite's, in whole milliseconds, and stands still within a statement. What has no end ends at the
 * largest integer that JavaScript can tell, which sums never pass. A token is made by the database, so that a
 * statement that arrives twice grants anew.
 */
import { quoted } from "./Table.ts"

/** No instant and no span is larger: an integer in SQLite and in JavaScript alike. */
export const never = Number.MAX_SAFE_INTEGER

/** A statement has at most 100 of them in D1. */
const parameters = 100

/** Rows that a sweep looks at. */
export const sweepRows = 64

const clock = "CAST(unixepoch('subsec') * 1000 + 0.5 AS INTEGER)"
const grant = "lower(hex(randomblob(16)))"

const after = (from: string, span: string): string => `min(${from} + ${span}, ${never})`

const keptUntil = after("fresh_until", "stale_for")

/** There is a value, fresh or stale, at that instant. */
const kept = (now: string): string => `value IS NOT NULL AND fresh_until + stale_for > ${now}`

const keptOr0 = (now: string): string => `CASE WHEN ${kept(now)} THEN ${keptUntil} ELSE 0 END`

const leasedAt = (now: string): string => `ifnull(leased_until, 0) > ${now}`

const noTurn = "owner = NULL, token = NULL, leased_at = NULL, leased_until = NULL, cooling_until = NULL, cause = NULL"

const numbered = (count: number, from: number): ReadonlyArray<string> =>
  Array.from({ length: count }, (_, at) => `?${at + from}`)

/** A statement's text for so many keys, made once. */
const forKeys = (make: (keys: number) => string): ((keys: number) => string) => {
  const made = new Map<number, string>()
  return (keys) => {
    const text = made.get(keys) ?? make(keys)
    made.set(keys, text)
    return text
  }
}

const isKey = (keys: number): string => (keys === 1 ? "key = ?1" : `key IN (${numbered(keys, 1).join()})`)

/** What comes before the keys of `acquire`. */
const acquireParameters = 4

/** The most keys that `acquire`, `rows` and `remove` can take. */
export const keysAtOnce = parameters - acquireParameters

/** The statements over one table. */
export const of = (name: string) => {
  const table = quoted(name)
  const held = `key = ?1 AND token = ?2 AND leased_until > ${clock}`
  const page = `SELECT key FROM ${table} WHERE key > ?1 ORDER BY key LIMIT ${sweepRows}`
  // A blob comes after every text. What is not one bound alone would have the rest of the table read.
  const listed = `key < ifnull(?2, x'') AND (${kept(clock)} OR ${leasedAt(clock)}) ORDER BY key LIMIT ?3`
  return {
    /** Grants the lease of each key where it may: ?1 owner, ?2 leaseFor, ?3 refreshWithin, ?4 force, then the keys. */
    acquire: forKeys((keys) => {
      const now = "excluded.leased_at"
      const mine = `(${leasedAt(now)} AND owner = excluded.owner)`
      const free = `(?4 OR ((NOT ${leasedAt(now)} OR ${mine}) AND ifnull(cooling_until, 0) <= ${now}))`
      const unwanted = `(value IS NOT NULL AND fresh_until > ${now} AND NOT (?4 OR fresh_until - ${now} <= ?3))`
      const until = after(clock, "?2")
      const row = (key: string) => `(${key}, ?1, ${grant}, ${clock}, ${until}, ${until})`
      return `INSERT INTO ${table} (key, owner, token, leased_at, leased_until, expires_at)
VALUES ${numbered(keys, acquireParameters + 1)
        .map(row)
        .join(", ")}
ON CONFLICT (key) DO UPDATE SET owner = excluded.owner,
token = CASE WHEN ${mine} THEN token ELSE excluded.token END,
leased_at = CASE WHEN ${mine} THEN leased_at ELSE excluded.leased_at END,
leased_until = excluded.leased_until, cooling_until = NULL, cause = NULL,
value = CASE WHEN ${kept(now)} THEN value END,
expires_at = max(excluded.leased_until, ${keptOr0(now)})
WHERE ${free} AND NOT ${unwanted}`
    }),

    /** All that is known of the keys, and what time it is. */
    rows: forKeys((keys) => `SELECT ${clock} AS now, * FROM ${table} WHERE ${isKey(keys)}`),

    /** ?2 token, ?3 fresh, ?4 stale, ?5 value. */
    fill: `UPDATE ${table} SET value = ?5, filled_at = ${clock}, took = max(0, ${clock} - leased_at),
fresh_until = ${after(clock, "?3")}, stale_for = ?4, expires_at = ${after(clock, "?3 + ?4")}, ${noTurn}
WHERE ${held} RETURNING 1`,

    /** The value that is there once more: ?2 token, ?3 fresh, ?4 stale. */
    refill: `UPDATE ${table} SET filled_at = ${clock}, took = max(0, ${clock} - leased_at),
fresh_until = ${after(clock, "?3")}, stale_for = ?4, expires_at = ${after(clock, "?3 + ?4")}, ${noTurn}
WHERE ${held} AND ${kept(clock)} RETURNING 1`,

    /** ?2 token, ?3 until when the key cools down, from now, 0 for not at all, ?4 cause. */
    abandon: `UPDATE ${table} SET owner = NULL, token = NULL, leased_at = NULL, leased_until = NULL,
cooling_until = CASE WHEN ?3 > 0 THEN ${after(clock, "?3")} END, cause = CASE WHEN ?3 > 0 THEN ?4 END,
expires_at = max(${after(clock, "?3")}, ${keptOr0(clock)})
WHERE ${held} RETURNING 1`,

    /** ?2 token, ?3 leaseFor. */
    renew: `UPDATE ${table} SET leased_until = ${after(clock, "?3")},
expires_at = max(${after(clock, "?3")}, ${keptOr0(clock)})
WHERE ${held} RETURNING 1`,

    /** ?2 fresh, ?3 stale, ?4 value. */
    put: `INSERT INTO ${table} (key, filled_at, took, fresh_until, stale_for, expires_at, value)
VALUES (?1, ${clock}, 0, ${after(clock, "?2")}, ?3, ${after(clock, "?2 + ?3")}, ?4)
ON CONFLICT (key) DO UPDATE SET filled_at = excluded.filled_at, took = 0, fresh_until = excluded.fresh_until,
stale_for = excluded.stale_for, expires_at = excluded.expires_at, value = excluded.value, ${noTurn}`,

    /** ?2 how long it stays fresh. */
    touch: `UPDATE ${table} SET fresh_until = ${after(clock, "?2")},
expires_at = max(min(${after(clock, "?2")} + stale_for, ${never}), ifnull(leased_until, 0), ifnull(cooling_until, 0))
WHERE key = ?1 AND value IS NOT NULL AND fresh_until > ${clock} RETURNING 1`,

    /** Answers of each row that went whether there was a value. */
    remove: forKeys(
      (keys) => `DELETE FROM ${table} WHERE ${isKey(keys)}
RETURNING ${kept(clock)} AS existed`
    ),

    /** The next keys that have a value or are led: ?1 after it, ?2 and before that, ?3 how many at most. */
    keysAfter: `SELECT key FROM ${table} WHERE key > ?1 AND ${listed}`,
    keysFrom: `SELECT key FROM ${table} WHERE key >= ?1 AND ${listed}`,

    /** The last key of the page after ?1, then the end of what is over in that page. */
    sweepPage: `SELECT max(key) AS last, count(*) AS looked FROM (${page})`,
    sweep: `DELETE FROM ${table} WHERE key IN (${page}) AND expires_at <= ${clock} RETURNING 1`
  }
}

export type Statements = ReturnType<typeof of>
