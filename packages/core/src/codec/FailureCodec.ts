/**
 * How a leader's typed failure crosses to the processes that wait for it.
 *
 * An `Error` arrives as an `Error` with the same name, message, `_tag`, cause and own fields, so that
 * `Effect.catchTag` works there too; its stack stays home, and its class is not known there: match by tag
 * or name, not by `instanceof`. Other failures arrive as they were, and an instance of an own class as a
 * plain object. A failure that cannot be encoded whole loses the fields at fault rather than fail a second time.
 */
import type { SyncCodec } from "./Codec.ts"
import * as Structured from "./Structured.ts"

/** Reads and writes any failure. Encoding never throws; decoding throws on bytes that are not its own. */
export const failureCodec: SyncCodec<any> = {
  name: "failure",
  encode: (failure) => encoded(failure) ?? encoded(shrunk(failure)) ?? Structured.encode(new Error(NONE)),
  decode: Structured.decode
}

const NONE = "The failure could not be encoded"

const encoded = (value: unknown): Uint8Array | undefined => {
  try {
    return Structured.encode(value)
  } catch {
    return undefined
  }
}

/** What is left of a failure without the fields that cannot be encoded. */
const shrunk = (failure: unknown): unknown => {
  try {
    if (typeof failure !== "object" || failure === null) return new Error(NONE)
    const fields = Structured.fieldsOf(failure)
    for (const key of Object.keys(fields)) if (encoded(fields[key]) === undefined) delete fields[key]
    if (!(failure instanceof Error)) return fields
    const error = Object.assign(new Error(failure.message), fields)
    error.name = failure.name
    return error
  } catch {
    // A getter of the failure's own that throws.
    return new Error(NONE)
  }
}
