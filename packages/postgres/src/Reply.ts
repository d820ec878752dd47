/**
 * Rows as the server writes them: text in bytes.
 */
import { type Acquired, type Snapshot, Token, type Value } from "@cache-locking/core"
import type { Row } from "./Link.ts"

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true })

const backslash = 0x5c

/**
 * A `bytea` in the old form, which a server, a database or a role may still use (`bytea_output`): bytes as they are,
 * a backslash twice, and others as three octal digits.
 */
const unescaped = (field: Buffer): Uint8Array<ArrayBuffer> => {
  const bytes = new Uint8Array(field.length)
  let length = 0
  for (let at = 0; at < field.length; length++) {
    const byte = field[at]!
    if (byte !== backslash) {
      bytes[length] = byte
      at++
    } else if (field[at + 1] === backslash) {
      bytes[length] = backslash
      at += 2
    } else {
      bytes[length] = Number.parseInt(field.toString("latin1", at + 1, at + 4), 8)
      at += 4
    }
  }
  return bytes.slice(0, length)
}

/** A `bytea` in an array of its own, so that a kept value keeps nothing else in memory. */
export const bytesOf = (field: Buffer): Uint8Array<ArrayBuffer> => {
  // In the old form a backslash is never followed by `x`.
  if (field[0] !== backslash || field[1] !== 0x78) return unescaped(field)
  const bytes = Buffer.allocUnsafeSlow((field.length - 2) >> 1)
  bytes.write(field.toString("latin1", 2), "hex")
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** Text in UTF-8 behind a `bytea`. */
export const textOf = (field: Buffer): string => utf8.decode(bytesOf(field))

/** A number; 0 for none, and for `NaN`. */
export const numberOf = (field: Buffer | null | undefined): number =>
  field === null || field === undefined ? 0 : Number(field.toString("latin1")) || 0

export const isTrue = (field: Buffer | null | undefined): boolean => field?.[0] === 0x74

const valueOf = (field: Buffer | null | undefined): Value | undefined =>
  field === null || field === undefined ? undefined : { bytes: bytesOf(field) }

/** An array of `bytea`, as a parameter. */
export const arrayOf = (items: ReadonlyArray<Uint8Array>): string =>
  `{${items.map((item) => `"\\\\x${Buffer.from(item.buffer, item.byteOffset, item.byteLength).toString("hex")}"`).join(",")}}`

/** The answer of `acquire`, from the columns that `Statements` calls an answer, beginning at `from`. */
export const acquired = (row: Row, from = 0): Acquired => {
  const tag = numberOf(row[from])
  const value = valueOf(row[from + 1])
  const freshFor = numberOf(row[from + 2])
  const age = numberOf(row[from + 3])
  const took = numberOf(row[from + 4])
  if (tag === 0 && value !== undefined) return { _tag: "Hit", value, freshFor, age, took }
  const stale = value && { value, age, took, staleFor: Math.max(0, -freshFor) }
  if (tag === 1) return { _tag: "Leader", token: Token(row[from + 5]!.toString("latin1")), stale }
  const left = numberOf(row[from + 6])
  if (tag === 2) return { _tag: "Follower", leaseEndsIn: left, stale }
  return { _tag: "Cooling", retryIn: left, cause: valueOf(row[from + 7]), stale }
}

const nothing: Snapshot = { freshFor: 0, keptFor: 0, age: 0, took: 0 }

/** The answer of `read`. */
export const snapshot = (row: Row | undefined): Snapshot => {
  if (row === undefined) return nothing
  const [given, freshFor, keptFor, age, took, owner, endsIn, retryIn, cause] = row
  const value = valueOf(given)
  return {
    ...(value === undefined
      ? nothing
      : {
          value,
          freshFor: Math.max(0, numberOf(freshFor)),
          keptFor: numberOf(keptFor),
          age: numberOf(age),
          took: numberOf(took)
        }),
    lease: owner ? { owner: textOf(owner), endsIn: numberOf(endsIn) } : undefined,
    cooling: retryIn ? { retryIn: numberOf(retryIn), cause: valueOf(cause) } : undefined
  }
}
