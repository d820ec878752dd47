/**
 * The name under which a value store keeps one load's bytes, and how a lease store keeps that name;
 * or, of a small value, the value itself.
 *
 * Names are random and never used twice: no late write of an older load can be read as a newer
 * one's, and no cache of absent names in between can hide it.
 */
import type { Value } from "../contract/Adapter.ts"

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** Tells a name from a value that somebody stored there before leases and values were apart. */
const mark = "\u0000version:"

/** The first byte of a value that is kept beside its lease; names begin with another. */
const inlineMark = 1

/** A name that was never used. */
export const make = (): string => crypto.randomUUID()

/** The name as a value of the lease store. */
export const format = (name: string): Value => ({ bytes: encoder.encode(mark + name) })

/** The name that a value of the lease store tells, if it tells one. */
export const parse = (value: Value): string | undefined => {
  if (value.bytes[0] !== 0) return undefined
  const text = decoder.decode(value.bytes)
  return text.startsWith(mark) ? text.slice(mark.length) : undefined
}

/** The value itself as a value of the lease store. */
export const inline = ({ bytes }: Value): Value => {
  const marked = new Uint8Array(bytes.byteLength + 1)
  marked[0] = inlineMark
  marked.set(bytes, 1)
  return { bytes: marked }
}

/** The value that is kept in the lease store itself, if that is what it is. */
export const inlined = ({ bytes }: Value): Value | undefined =>
  bytes[0] === inlineMark ? { bytes: bytes.subarray(1) } : undefined
