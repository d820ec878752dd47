/**
 * Assertions over the contract's answers, in its words. They need no assertion library, so
 * that the kit runs wherever an adapter does.
 */
import type { Acquired, Cooling, Follower, Hit, Leader, Stale, Value } from "@cache-locking/core"
import { isAdapterError } from "@cache-locking/core"
import { Violation } from "./Verdict.ts"

const decoder = new TextDecoder()

/** A value's bytes, short enough for a message. */
const showBytes = (bytes: Uint8Array): string =>
  bytes.byteLength <= 40
    ? `${bytes.byteLength} bytes ${JSON.stringify(decoder.decode(bytes))}`
    : `${bytes.byteLength} bytes`

/** Any answer of an adapter, in one line. */
export const show = (given: unknown): string => {
  if (given instanceof Uint8Array) return showBytes(given)
  if (isAdapterError(given)) return `${given.reason}: ${given.message}`
  if (given instanceof Error) return `${given.name}: ${given.message}`
  if (Array.isArray(given)) return `[${given.map(show).join(", ")}]`
  if (typeof given === "object" && given !== null) {
    const parts = Object.entries(given).filter(([name, part]) => name !== "_tag" && part !== undefined)
    const tag = "_tag" in given ? `${given._tag} ` : ""
    return `${tag}{ ${parts.map(([name, part]) => `${name}: ${show(part)}`).join(", ")} }`
  }
  return typeof given === "string" ? JSON.stringify(given) : String(given)
}

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.byteLength === b.byteLength && a.every((byte, index) => byte === b[index])

const equal = (a: unknown, b: unknown): boolean => {
  if (a instanceof Uint8Array && b instanceof Uint8Array) return sameBytes(a, b)
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((item, i) => equal(item, b[i]))
  return Object.is(a, b)
}

/** The two are the same: primitives, bytes, or lists of them. */
export const same = (actual: unknown, expected: unknown, what: string): void => {
  if (!equal(actual, expected)) throw new Violation(`${what}: expected ${show(expected)}, got ${show(actual)}`)
}

/** The condition holds. */
export function holds(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Violation(what)
}

/** The number lies between the bounds, which count. */
export const between = (actual: number, min: number, max: number, what: string): void => {
  if (!(actual >= min && actual <= max)) {
    throw new Violation(`${what}: expected between ${min} and ${max}, got ${actual}`)
  }
}

const tagged = <Tag extends Acquired["_tag"]>(tag: Tag, found: Acquired, what: string) => {
  if (found._tag !== tag) throw new Violation(`${what}: expected ${tag}, got ${show(found)}`)
  return found as Extract<Acquired, { readonly _tag: Tag }>
}

export const leads = (found: Acquired, what: string): Leader => tagged("Leader", found, what)
export const follows = (found: Acquired, what: string): Follower => tagged("Follower", found, what)
export const cools = (found: Acquired, what: string): Cooling => tagged("Cooling", found, what)

/** A hit of exactly these bytes. */
export const hits = (found: Acquired, value: Value, what: string): Hit => {
  const hit = tagged("Hit", found, what)
  same(hit.value.bytes, value.bytes, what)
  return hit
}

/** The stale value is exactly these bytes. */
export const staleIs = (stale: Stale | undefined, value: Value, what: string): Stale => {
  if (stale === undefined) throw new Violation(`${what}: expected a stale value, got none`)
  same(stale.value.bytes, value.bytes, what)
  return stale
}

/** No stale value came. */
export const noStale = (found: Acquired, what: string): void => {
  if (found._tag !== "Hit") holds(found.stale === undefined, `${what}: expected no stale value, got ${show(found)}`)
}

/** The number of answers with the tag. */
export const count = (found: ReadonlyArray<Acquired>, tag: Acquired["_tag"]): number =>
  found.filter((one) => one._tag === tag).length
