/**
 * The part of a failure that leaves the process.
 *
 * Clients attach the request, its headers, cookies and parameters to their errors, and a store keeps what it gets: in
 * files, replicas, backups. So of an error that nobody has tagged only name, message, code and causes are written. A tag is
 * its author's word that its fields are for others.
 */
import { codeOf, isError } from "../contract/Failures.ts"
import * as Structured from "./Structured.ts"

/** Throws if nothing of the failure may leave the process, or nothing can. */
export const encode = (failure: unknown): Uint8Array => {
  try {
    const part = partOf(failure)
    if (part !== nothing) return tryEncode(part) ?? encodePart(encodableOf(part))
  } catch {
    // A getter of the failure throws, or nothing of it can be encoded.
  }
  throw new TypeError("Nothing of the failure may leave the process")
}

const nothing = Symbol()

const encodePart = (part: unknown): Uint8Array => Structured.encode(part, fieldsOf)

const tryEncode = (part: unknown): Uint8Array | undefined => {
  try {
    return encodePart(part)
  } catch {
    return undefined
  }
}

const isTagged = (thing: object): boolean => typeof (thing as { readonly _tag?: unknown })._tag === "string"

/** A failure, or a cause, as it may be encoded; `nothing` if no part of it may. `fieldsOf` takes care of an error. */
const partOf = (thing: unknown): unknown => {
  if (typeof thing === "function" || typeof thing === "symbol") return nothing
  if (typeof thing !== "object" || thing === null || isError(thing)) return thing
  const fields = fieldsOf(thing)
  if (isTagged(thing)) return fields
  const { message, name } = thing as { readonly message?: unknown; readonly name?: unknown }
  const { code } = fields
  if (typeof message !== "string" && code === undefined) return nothing
  return {
    ...(typeof name === "string" && { name }),
    ...(typeof message === "string" && { message }),
    ...(code !== undefined && { code })
  }
}

/** The fields that may be encoded, beside the name and the message. */
const fieldsOf = (thing: object): Record<string, unknown> => {
  const { cause, errors } = thing as { readonly cause?: unknown; readonly errors?: unknown }
  const tagged = isTagged(thing)
  const fields = tagged ? Structured.fieldsOf(thing) : {}
  const code = codeOf(thing)
  // The code of a DOMException says what its name says.
  if (!tagged && code !== undefined && !isDomException(thing)) fields["code"] = code
  if (!tagged && Array.isArray(errors)) fields["errors"] = errors.map(partOf).filter((part) => part !== nothing)
  const part = partOf(cause)
  if (part === nothing) delete fields["cause"]
  else if (Object.hasOwn(thing, "cause")) fields["cause"] = part
  return fields
}

const isDomException = (thing: object): boolean => Object.prototype.toString.call(thing) === "[object DOMException]"

/** The same without the fields that cannot be encoded. */
const encodableOf = (part: unknown): unknown => {
  if (typeof part !== "object" || part === null) return part
  const fields = fieldsOf(part)
  for (const key of Object.keys(fields)) if (tryEncode(fields[key]) === undefined) delete fields[key]
  if (!isError(part)) return fields
  const error = Object.assign(new Error(part.message), fields)
  error.name = part.name
  return error
}
