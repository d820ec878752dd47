/**
 * The verbs as SQL: one statement each, and `Entry` restated in their conditions.
 *
 * The clock is SQLite's, in whole milliseconds, and stands still within a statement. An endless time is the largest
 * safe integer of JavaScript, which sums never pass. The database makes the tokens, so a statement that arrives twice
 * grants anew.
 */
import { quoted } from "./Table.ts"

/** The largest instant and duration: an integer in SQLite and in JavaScript alike. */
export const never = Number.MAX_SAFE_INTEGER

/** The most parameters of a statement in D1. */
const parameters = 100

/** The rows that a sweep examines. */
export const sweepRows = 64

const clock = "CAST(unixepoch('subsec') * 1000 + 0.5 AS INTEGER)"
const grant = "lower(hex(randomblob(16)))"

const after = (from: string, span: string): string => `min(${from} + ${span}, ${never})`

const keptUntil = after("fresh_until", "stale_for")

/** True when there is a value, fresh or stale, at that instant. */
const kept = (now: string): string => `value IS NOT NULL AND fresh_until + stale_for > ${now}`

const keptOr0 = (now: string): string => `CASE WHEN ${kept(now)} THEN ${keptUntil} ELSE 0 END`

const leasedAt = (now: string): string => `ifnull(leased_until, 0) > ${now}`

const noLease = "owner = NULL, token = NULL, leased_at = NULL, leased_until = NULL, cooling_until = NULL, cause = NULL"

const numbered = (count: number, from: number): ReadonlyArray<string> =>
  Array.from({ length: count }, (_, at) => `?${at + from}`)

/** The text of a statement for this many keys, made once. */
const forKeys = (make: (keys: number) => string): ((keys: number) => string) => {
  const made = new Map<number, string>()
  return (keys) => {
    const text = made.get(keys) ?? make(keys)
    made.set(keys, text)
    return text
  }
}

const isKey = (keys: number): string => (keys === 1 ? "key = ?1" : `key IN (${numbered(keys, 1).join()})`)

/** The number of parameters before the keys of `acquire`. */
const acquireParameters = 4

/** The most keys that `acquire`, `rows` and `remove` can take. */
export const keysAtOnce = parameters - acquireParameters

/** The statements over one table. */
export const of = (name: string) => {
  const table = quoted(name)
  const held = `key = ?1 AND token = ?2 AND leased_until > ${clock}`
  const page = `SELECT key FROM ${table} WHERE key > ?1 ORDER BY key LIMIT ${sweepRows}`
  // A blob sorts after every text, so this is one bound in all cases. Another form would read the rest of the table.
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

    /** Everything known of the keys, and the time. */
    rows: forKeys((keys) => `SELECT ${clock} AS now, * FROM ${table} WHERE ${isKey(keys)}`),

    /** ?2 token, ?3 fresh, ?4 stale, ?5 value. */
    fill: `UPDATE ${table} SET value = ?5, filled_at = ${clock}, took = max(0, ${clock} - leased_at),
fresh_until = ${after(clock, "?3")}, stale_for = ?4, expires_at = ${after(clock, "?3 + ?4")}, ${noLease}
WHERE ${held} RETURNING 1`,

    /** Prolongs the value that is there: ?2 token, ?3 fresh, ?4 stale. */
    refill: `UPDATE ${table} SET filled_at = ${clock}, took = max(0, ${clock} - leased_at),
fresh_until = ${after(clock, "?3")}, stale_for = ?4, expires_at = ${after(clock, "?3 + ?4")}, ${noLease}
WHERE ${held} AND ${kept(clock)} RETURNING 1`,

    /** ?2 token, ?3 the length of the cooldown, 0 for none, ?4 cause. */
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
stale_for = excluded.stale_for, expires_at = excluded.expires_at, value = excluded.value, ${noLease}`,

    /** ?2 freshFor. */
    touch: `UPDATE ${table} SET fresh_until = ${after(clock, "?2")},
expires_at = max(min(${after(clock, "?2")} + stale_for, ${never}), ifnull(leased_until, 0), ifnull(cooling_until, 0))
WHERE key = ?1 AND value IS NOT NULL AND fresh_until > ${clock} RETURNING 1`,

    /** Returns a row for each removed row: 1 if it had a value. */
    remove: forKeys(
      (keys) => `DELETE FROM ${table} WHERE ${isKey(keys)}
RETURNING ${kept(clock)} AS existed`
    ),

    /** The next keys with a value or a lease: after ?1, before ?2, at most ?3. */
    keysAfter: `SELECT key FROM ${table} WHERE key > ?1 AND ${listed}`,
    keysFrom: `SELECT key FROM ${table} WHERE key >= ?1 AND ${listed}`,

    /** Finds the last key of the page after ?1; `sweep` then removes the expired rows of that page. */
    sweepPage: `SELECT max(key) AS last, count(*) AS looked FROM (${page})`,
    sweep: `DELETE FROM ${table} WHERE key IN (${page}) AND expires_at <= ${clock} RETURNING 1`
  }
}

export type Statements = ReturnType<typeof of>
