/**
 * A row of the table as an `Entry`.
 */
import { type Entry, Token, type Value } from "@cache-locking/core"
import { never } from "./Statements.ts"

/** A row of `Statements.rows`. */
export interface Row {
  readonly now: number
  readonly key: string
  readonly owner: string | null
  readonly token: string | null
  readonly leased_at: number | null
  readonly leased_until: number | null
  readonly cooling_until: number | null
  readonly filled_at: number | null
  readonly took: number | null
  readonly fresh_until: number | null
  readonly stale_for: number | null
  readonly cause: unknown
  readonly value: unknown
}

/** D1 returns a blob as an array of numbers. */
const valueOf = (blob: unknown): Value | undefined => {
  if (blob === null || blob === undefined) return undefined
  if (blob instanceof Uint8Array) return { bytes: blob }
  if (blob instanceof ArrayBuffer) return { bytes: new Uint8Array(blob) }
  return { bytes: Uint8Array.from(blob as ReadonlyArray<number>) }
}

const instant = (at: number): number => (at >= never ? Infinity : at)

const keptOf = (row: Row): Entry.Kept | undefined => {
  const { filled_at: filledAt, fresh_until: freshUntil, stale_for: stale, took } = row
  if (filledAt === null || freshUntil === null || stale === null || took === null) return undefined
  const value = valueOf(row.value)
  return value && { value, filledAt, took, lifetime: { fresh: instant(freshUntil) - filledAt, stale: instant(stale) } }
}

const leaseOf = ({ leased_at: since, leased_until: until, owner, token }: Row): Entry.Lease | undefined => {
  if (owner === null || token === null || since === null || until === null) return undefined
  return { owner, token: Token(token), since, until: instant(until) }
}

/** The entry in a row. */
export const entryOf = (row: Row): Entry.Entry => {
  const { cooling_until: until } = row
  return {
    kept: keptOf(row),
    lease: leaseOf(row),
    cooldown: until === null ? undefined : { until: instant(until), cause: valueOf(row.cause) }
  }
}
