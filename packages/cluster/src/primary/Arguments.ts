/** What came over a channel, checked before it is used: a malformed ask is refused, and never breaks the primary. */
import type { AcquireOptions, Lifetime, Token, Value } from "@cache-locking/core"
import type { Joining } from "./Joining.ts"
import { Refused } from "./Space.ts"

const malformed = (what: string): never => {
  throw new Refused("Malformed", `the call is malformed: ${what}`)
}

export const text = (value: unknown): string => (typeof value === "string" ? value : malformed("text is missing"))

export const texts = (value: unknown): ReadonlyArray<string> =>
  Array.isArray(value) && value.every((each) => typeof each === "string") ? value : malformed("texts are missing")

/** Milliseconds, or a count. */
export const amount = (value: unknown): number =>
  typeof value === "number" && value >= 0 ? value : malformed("a number is missing")

export const optionalAmount = (value: unknown): number | undefined =>
  value === undefined || value === null ? undefined : amount(value)

/** A size of at least 1, for what the LRU counts. */
export const optionalSize = (value: unknown): number | undefined => {
  const size = optionalAmount(value)
  return size === undefined || (Number.isSafeInteger(size) && size >= 1) ? size : malformed("a size is a whole number")
}

export const finite = (value: unknown): number =>
  typeof value === "number" && Number.isFinite(value) ? value : malformed("a number is missing")

/** Bytes of their own: a view would keep the whole message in memory. */
export const bytes = (value: unknown): Uint8Array => {
  if (!(value instanceof Uint8Array)) return malformed("bytes are missing")
  const whole = value.constructor === Uint8Array && value.byteLength === value.buffer.byteLength
  return whole
    ? value
    : Uint8Array.prototype.slice.call(new Uint8Array(value.buffer, value.byteOffset, value.byteLength))
}

export const value = (given: unknown): Value => ({ bytes: bytes(given) })

export const optionalValue = (given: unknown): Value | undefined =>
  given === undefined || given === null ? undefined : value(given)

export const token = (given: unknown): Token => text(given) as Token

export const lifetime = (given: unknown): Lifetime => {
  const { fresh, stale } = record(given)
  return { fresh: amount(fresh), stale: amount(stale) }
}

export const acquire = (given: unknown): AcquireOptions => {
  const { force, leaseFor, owner, refreshWithin } = record(given)
  return {
    owner: text(owner),
    leaseFor: amount(leaseFor),
    refreshWithin: optionalAmount(refreshWithin),
    force: force === true
  }
}

/** What comes with an `acquire` of the cache by itself. */
export const joining = (given: unknown): Joining | undefined => {
  const { join } = record(given)
  return join === undefined || join === null ? undefined : { seen: optionalAmount(record(join)["seen"]) }
}

export const list = (given: unknown): ReadonlyArray<unknown> =>
  Array.isArray(given) ? given : malformed("a list is missing")

export const record = (given: unknown): Record<string, unknown> =>
  typeof given === "object" && given !== null ? (given as Record<string, unknown>) : malformed("an object is missing")
