/**
 * The name under which a value store keeps one load's bytes, and how a lease store keeps that name.
 *
 * Names are random and never used twice: no late write of an older load can be read as a newer
 * one's, and no cache of absent names in between can hide it.
 */
import type { Value } from "./Adapter.ts"

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** Tells a name from a value that somebody stored there before leases and values were apart. */
const mark = "\u0000version:"

/** A name that was never used. */
export const make = (): string => crypto.randomUUID()

/** The name as a value of the lease store. */
export const format = (name: string): Value => ({ bytes: encoder.encode(mark + name) })

/** The name that a value of the lease store tells, if it tells one. */
export const parse = (value: Value): string | undefined => {
  const text = decoder.decode(value.bytes)
  return text.startsWith(mark) ? text.slice(mark.length) : undefined
}
