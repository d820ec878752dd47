/**
 * Checks the arguments that arrive over a channel before they are used. A malformed call is refused, and never breaks
 * the primary.
 */
import type { AcquireOptions, Lifetime, Token, Value } from "@cache-locking/core"
import { ownBytes } from "../wire/Compact.ts"
import type { Joining } from "./Joining.ts"
import { Refused } from "./Refused.ts"
import { largestMax } from "./SpaceOptions.ts"

const malformed = (problem: string): never => {
  throw new Refused("Malformed", `the call is malformed: ${problem}`)
}

/** A check that lets `undefined` pass. JSON writes null for it. */
const optional =
  <A>(check: (value: unknown) => A) =>
  (value: unknown): A | undefined =>
    value === undefined || value === null ? undefined : check(value)

export const text = (value: unknown): string => (typeof value === "string" ? value : malformed("text is missing"))

export const texts = (value: unknown): ReadonlyArray<string> =>
  Array.isArray(value) && value.every((each) => typeof each === "string") ? value : malformed("texts are missing")

export const finite = (value: unknown): number =>
  typeof value === "number" && Number.isFinite(value) ? value : malformed("a number is missing")

/** Milliseconds, or a count. */
export const amount = (value: unknown): number =>
  typeof value === "number" && value >= 0 ? value : malformed("a number is missing")

export const optionalAmount = optional(amount)

/** A whole number of at least 1, as bounds count. */
export const size = (value: unknown): number =>
  Number.isSafeInteger(value) && (value as number) >= 1
    ? (value as number)
    : malformed("a size is a whole number of at least 1")

export const optionalSize = optional(size)

/** The most values of a namespace. */
export const most = (value: unknown): number =>
  size(value) <= largestMax ? (value as number) : malformed(`a namespace has at most ${largestMax} values`)

/** Bytes of their own: a view would keep the whole message in memory. */
export const bytes = (value: unknown): Uint8Array =>
  value instanceof Uint8Array ? ownBytes(value) : malformed("bytes are missing")

export const value = (given: unknown): Value => ({ bytes: bytes(given) })

export const optionalValue = optional(value)

export const token = (given: unknown): Token => text(given) as Token

export const list = (given: unknown): ReadonlyArray<unknown> =>
  Array.isArray(given) ? given : malformed("a list is missing")

export const record = (given: unknown): Record<string, unknown> =>
  typeof given === "object" && given !== null ? (given as Record<string, unknown>) : malformed("an object is missing")

export const lifetime = (given: unknown): Lifetime => {
  const { fresh, stale } = record(given)
  return { fresh: amount(fresh), stale: amount(stale) }
}

export const acquireOptions = (given: unknown): AcquireOptions => {
  const { force, leaseFor, owner, refreshWithin } = record(given)
  return {
    owner: text(owner),
    leaseFor: amount(leaseFor),
    refreshWithin: optionalAmount(refreshWithin),
    force: force === true
  }
}

/** The part of an `acquire` that only the cache by itself sends. */
export const joining = (given: unknown): Joining | undefined =>
  optional((join) => ({ seen: optionalAmount(record(join)["seen"]) }))(record(given)["join"])
