/**
 * Refusals of an adapter that leaves the process, before it asks its backend: a key or a value over `limits`, and a key
 * that UTF-8 cannot tell from another.
 */
import { type Adapter, AdapterError, type Operation, type Value } from "./Adapter.ts"

const encoder = new TextEncoder()

/** The length of a key in UTF-8 bytes, counted only when the limit is near. */
const keyFits = (key: string, max: number): boolean => {
  // A UTF-16 unit becomes one to three bytes.
  if (key.length * 3 <= max) return true
  return key.length <= max && encoder.encode(key).byteLength <= max
}

/**
 * The error of a key or value that is refused, or nothing.
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

/** The error of the first of many keys that is refused, or nothing. For verbs that do all or nothing. */
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
