/**
 * What Redis keeps of a value: one byte of version, three big-endian doubles (filled, fresh until,
 * kept until; milliseconds of the store's clock), then the bytes themselves.
 *
 * The scripts write it. A plain `GET` answers it whole, which is what makes a cheap hit possible.
 */
import type { Hit, Stale, Value } from "@cache-locking/core"

/** The bytes before the value. */
export const headerBytes = 25

const version = 1

/** A value with its instants, on the store's clock. */
export interface StoredValue {
  readonly value: Value
  readonly filledAt: number
  readonly freshUntil: number
  readonly keptUntil: number
}

/** Reads a record; `undefined` when there is none, or what is there is not ours. */
export const decode = (record: unknown): StoredValue | undefined => {
  // Both clients answer with a Buffer.
  if (!(record instanceof Buffer) || record.length < headerBytes || record[0] !== version) return undefined
  return {
    value: { bytes: new Uint8Array(record.buffer, record.byteOffset + headerBytes, record.length - headerBytes) },
    filledAt: record.readDoubleBE(1),
    freshUntil: record.readDoubleBE(9),
    keptUntil: record.readDoubleBE(17)
  }
}

/** A clock that was set back makes nothing younger than new. */
export const ageOf = (stored: StoredValue, now: number): number => Math.max(0, now - stored.filledAt)

/** The value as a hit. */
export const hit = (stored: StoredValue, now: number): Hit => ({
  _tag: "Hit",
  value: stored.value,
  freshFor: stored.freshUntil - now,
  age: ageOf(stored, now)
})

/** The value beside a lease or a cooldown. */
export const stale = (stored: StoredValue | undefined, now: number): Stale | undefined =>
  stored && { value: stored.value, age: ageOf(stored, now), staleFor: Math.max(0, now - stored.freshUntil) }
