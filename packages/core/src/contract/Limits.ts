/**
 * The limits of a backend, which an adapter applies before it sends a request.
 *
 * A key or a value over `limits` is refused, and so is a key that equals another in UTF-8. Durations are rounded to
 * whole milliseconds, never below 0, and `Infinity` stands for no end.
 */
import { type Adapter, AdapterError, type Lifetime, type Operation, type Value } from "./Adapter.ts"

const encoder = new TextEncoder()

/** The length of a key in UTF-8 bytes, counted only when the limit is near. */
const keyFits = (key: string, max: number): boolean => {
  // A UTF-16 unit takes one to three bytes in UTF-8.
  if (key.length * 3 <= max) return true
  return key.length <= max && encoder.encode(key).byteLength <= max
}

/**
 * The error for a key or value over the limits; `undefined` if both are accepted.
 *
 * Lone surrogates are refused because every one of them encodes to the same replacement
 * character: two keys would become one.
 */
export const refusal = (
  adapter: Pick<Adapter, "name" | "limits">,
  operation: Operation,
  key: string,
  value?: Value | undefined
): AdapterError | undefined => {
  const rejected = (message: string): AdapterError =>
    new AdapterError({ adapter: adapter.name, operation, key, reason: "Rejected", message })
  const { keyBytes, valueBytes } = adapter.limits
  if (!keyFits(key, keyBytes)) return rejected(`the key is longer than ${keyBytes} bytes, the most for this adapter`)
  if (!key.isWellFormed()) return rejected("the key has a lone surrogate, which UTF-8 cannot tell from another")
  if (value !== undefined && value.bytes.byteLength > valueBytes) {
    return rejected(`the value has ${value.bytes.byteLength} bytes; the most for this adapter is ${valueBytes}`)
  }
  return undefined
}

/**
 * The error for the first of many keys that is refused; `undefined` if all are accepted. For verbs that do all or
 * nothing.
 */
export const refusalOfAny = (
  adapter: Pick<Adapter, "name" | "limits">,
  operation: Operation,
  keys: ReadonlyArray<string>
): AdapterError | undefined => {
  for (const key of keys) {
    const refused = refusal(adapter, operation, key)
    if (refused !== undefined) return refused
  }
  return undefined
}

/** Some 30,000 years. A longer time is as good as endless, and no longer exact in every backend. */
const endless = 1e15

/** Rounds down: a lifetime is never made longer by its fraction. */
export const atMost = (ms: number): number => (ms < endless ? Math.max(0, Math.floor(ms)) : Number.POSITIVE_INFINITY)

/** Rounds up: a lease is never made shorter by its fraction. */
export const atLeast = (ms: number): number => (ms < endless ? Math.max(0, Math.ceil(ms)) : Number.POSITIVE_INFINITY)

/** A lifetime in whole milliseconds. */
export const lifetime = ({ fresh, stale }: Lifetime): Lifetime => ({ fresh: atMost(fresh), stale: atMost(stale) })
