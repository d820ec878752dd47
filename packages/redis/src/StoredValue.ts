/**
 * The record of a value: one byte of version, four big-endian doubles (filled, an instant of the store's clock; took,
 * fresh, stale, durations; all in milliseconds), then the bytes themselves.
 *
 * The scripts write it. A plain `GET` returns it whole, which makes a cheap hit possible.
 */
import type { Hit, Snapshot, Stale, Value } from "@cache-locking/core"

/** The bytes before the value. */
export const headerBytes = 33

const version = 1

/** A value with its instants, on the store's clock. */
export interface StoredValue {
  readonly value: Value
  readonly filledAt: number
  readonly took: number
  readonly freshUntil: number
  readonly keptUntil: number
}

/** Reads a record; `undefined` when there is none, or the string is not one of our records. The scripts judge alike. */
export const decode = (record: unknown): StoredValue | undefined => {
  // Both clients answer with a Buffer.
  if (!(record instanceof Buffer) || record.length < headerBytes || record[0] !== version) return undefined
  const filledAt = record.readDoubleBE(1)
  const took = record.readDoubleBE(9)
  const freshUntil = filledAt + record.readDoubleBE(17)
  const keptUntil = freshUntil + record.readDoubleBE(25)
  if (Number.isNaN(keptUntil + took)) return undefined
  return {
    value: { bytes: new Uint8Array(record.buffer, record.byteOffset + headerBytes, record.length - headerBytes) },
    filledAt,
    took,
    freshUntil,
    keptUntil
  }
}

/** After a clock was set back, no age is negative. */
const ageOf = (stored: StoredValue, now: number): number => Math.max(0, now - stored.filledAt)

/** The value as a hit. */
export const hit = (stored: StoredValue, now: number): Hit => ({
  _tag: "Hit",
  value: stored.value,
  freshFor: stored.freshUntil - now,
  age: ageOf(stored, now),
  took: stored.took
})

/** The value beside a lease or a cooldown. */
export const stale = (stored: StoredValue | undefined, now: number): Stale | undefined =>
  stored && {
    value: stored.value,
    age: ageOf(stored, now),
    took: stored.took,
    staleFor: Math.max(0, now - stored.freshUntil)
  }

/** The value's part of a snapshot. */
export const snapshot = (
  stored: StoredValue | undefined,
  now: number
): Pick<Snapshot, "value" | "freshFor" | "keptFor" | "age" | "took"> =>
  stored === undefined
    ? { freshFor: 0, keptFor: 0, age: 0, took: 0 }
    : {
        value: stored.value,
        freshFor: Math.max(0, stored.freshUntil - now),
        keptFor: stored.keptUntil - now,
        age: ageOf(stored, now),
        took: stored.took
      }
