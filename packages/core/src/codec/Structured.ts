/**
 * Structured values as bytes: the format behind the default codec.
 *
 * The first byte names the format of the rest: `s` text, `b` bytes, `j` JSON for a tree that JSON keeps whole (two to four
 * times as fast as devalue), `d` devalue for everything else. Decoding can neither run code nor reach a prototype. Errors
 * thrown here never quote a value. Why devalue: docs/decisions/default-codec.md.
 */
import * as devalue from "devalue"
import { isError } from "../contract/Failures.ts"

const encoder = new TextEncoder()
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

const STRING = 0x73
const BYTES = 0x62
const JSON_TREE = 0x6a
const DEVALUE = 0x64

/**
 * Throws on functions, symbols, promises, instances of classes, own keys named `__proto__`, and arrays with properties.
 *
 * @param fields the fields that are kept of each error; without name, message and stack
 */
export const encode = (value: unknown, fields: (error: Error) => Record<string, unknown> = fieldsOf): Uint8Array => {
  if (typeof value === "string" && value.isWellFormed()) return encoder.encode(`s${value}`)
  if (value instanceof Uint8Array) {
    const bytes = new Uint8Array(value.length + 1)
    bytes[0] = BYTES
    bytes.set(value, 1)
    return bytes
  }
  return isJsonTree(value, undefined)
    ? encoder.encode(`j${JSON.stringify(value)}`)
    : encoder.encode(`d${flatten(value, fields)}`)
}

/** The inverse of `encode`. Decoded bytes may be a view of `bytes`. Throws on bytes that `encode` did not write. */
export const decode = (bytes: Uint8Array): unknown => {
  const rest = plainBytes(bytes.subarray(1))
  switch (bytes[0]) {
    case STRING:
      return decoder.decode(rest)
    case BYTES:
      return rest
    case JSON_TREE:
      return parseJson(decoder.decode(rest))
    case DEVALUE:
      return unflatten(decoder.decode(rest))
    default:
      throw new TypeError("The bytes are not in the default codec's format")
  }
}

/** The same memory as a plain `Uint8Array`, so that a client's `Buffer` does not leak into values. */
export const plainBytes = (bytes: Uint8Array): Uint8Array =>
  bytes.constructor === Uint8Array ? bytes : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** `JSON.parse` that refuses an own key `__proto__`, which a careless merge of objects would follow. */
export const parseJson = (text: string): unknown => {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // The engine's message quotes the text.
    throw new SyntaxError("The bytes are not JSON")
  }
  // Only such text can contain the key, plainly or by escapes, so the walk is seldom needed.
  if (text.includes("__proto__") || text.includes("\\u00")) refuseProto(value)
  return value
}

const refuseProto = (value: unknown): void => {
  if (typeof value !== "object" || value === null) return
  if (Object.hasOwn(value, "__proto__")) throw new TypeError("The JSON has a key __proto__")
  for (const member of Object.values(value)) refuseProto(member)
}

/** True when JSON gives exactly this back: no `undefined`, NaN, -0, holes, symbols, classes, or repeated objects. */
const isJsonTree = (value: unknown, met: Set<object> | undefined): boolean => {
  switch (typeof value) {
    case "string":
    case "boolean":
      return true
    case "number":
      return Number.isFinite(value) && !Object.is(value, -0)
    case "object": {
      if (value === null) return true
      const seen = met ?? new Set<object>()
      if (seen.size === seen.add(value).size) return false
      if (Array.isArray(value)) {
        // JSON would leave out properties of the array's own, and make holes null.
        if (Object.getPrototypeOf(value) !== Array.prototype || Object.keys(value).length !== value.length) return false
        for (let i = 0; i < value.length; i++) if (!isJsonTree(value[i], seen)) return false
        return true
      }
      if (Object.getPrototypeOf(value) !== Object.prototype) return false
      if (Object.getOwnPropertySymbols(value).length > 0) return false
      for (const key in value) {
        if (key === "__proto__" || !isJsonTree((value as Record<string, unknown>)[key], seen)) return false
      }
      return true
    }
    default:
      return false
  }
}

const nameOf = (thing: unknown): string => Object.prototype.toString.call(thing).slice(8, -1)

const isArrayIndex = (key: string): boolean => String(Number(key) >>> 0) === key

/** The classes whose instances devalue keeps, without what a subclass or the user has added. */
const builtIn: ReadonlySet<string> = new Set([
  "Array",
  "Map",
  "Set",
  "Date",
  "RegExp",
  "URL",
  "URLSearchParams",
  "Number",
  "String",
  "Boolean",
  "BigInt"
])

/** True for an object whose prototype is that of all objects, in whatever realm, or none. */
const isPlain = (thing: object | null): boolean => {
  const proto: unknown = thing === null ? null : Object.getPrototypeOf(thing)
  return proto === null || Object.getPrototypeOf(proto) === null
}

/**
 * Describes an object that devalue would change silently, or refuse without naming its class; `undefined` for any
 * other.
 */
const faultOf = (thing: object): string | undefined => {
  const name = nameOf(thing)
  if (name === "Object" && !isPlain(thing)) {
    const { name: ofClass } = (thing.constructor ?? {}) as { readonly name?: unknown }
    return `an instance of ${typeof ofClass === "string" && ofClass !== "" ? ofClass : "a class"}`
  }
  if (!builtIn.has(name)) return undefined
  const one = name === "Array" ? "an array" : `a ${name}`
  // The prototype of a built-in class is one step from that of all objects, in whatever realm.
  if (!isPlain(Object.getPrototypeOf(thing))) return `${one} of a class of its own`
  const last = Object.keys(thing).at(-1)
  // The indices come first. Those of a text object are its letters.
  if (last === undefined || (isArrayIndex(last) && (name === "Array" || name === "String"))) return undefined
  return `${one} with properties of its own, such as ${JSON.stringify(last)}`
}

/** Describes a value that only one caller can use, and what to write instead; `undefined` for any other. Safe on any value. */
export const onlyOnce = (value: unknown): string | undefined => {
  if (typeof value !== "object" || value === null) return undefined
  try {
    const name = nameOf(value)
    if (name === "Response" || name === "Request") {
      return `a ${name}, read only once: give its content, as in await response.json()`
    }
    const { next, pipe, then } = value as { readonly [name: string]: unknown }
    if (typeof then === "function") return "a promise: await it"
    const isIterator = typeof next === "function"
    // A collection that can be iterated again and again is a value like any other.
    if (name === "ReadableStream" || (Symbol.asyncIterator in value && (isIterator || typeof pipe === "function"))) {
      return "a stream, read only once: give its content, as in await new Response(stream).text()"
    }
    return isIterator && Symbol.iterator in value
      ? "an iterator, read only once: give an array, as in [...values]"
      : undefined
  } catch {
    // A getter, or a proxy, of the user's.
    return undefined
  }
}

/** Takes the place of a part at fault. devalue refuses it, and reports the path to it. */
const refused = (): void => {}

const flatten = (value: unknown, fields: (error: Error) => Record<string, unknown>): string => {
  let fault: string | undefined
  const described = (thing: unknown): Description | typeof refused | false => {
    if (typeof thing !== "object" || thing === null) return false
    if (isError(thing)) return describe(thing, fields(thing))
    fault = faultOf(thing)
    return fault !== undefined && refused
  }
  try {
    return devalue.stringify(value, { Error: described })
  } catch (error) {
    if (!(isError(error) && error.name === "DevalueError")) throw error
    // The error's `value` and `root` belong to the user, and so may a Map's keys in `path`.
    const path = String((error as { path?: unknown }).path ?? "").replaceAll(/\.get\(.*\)/g, ".get(…)")
    const message = fault === undefined ? error.message : `Cannot stringify ${fault}`
    throw new TypeError(path === "" ? message : `${message} (at ${path})`)
  }
}

const unflatten = (text: string): unknown => {
  try {
    return devalue.parse(text, { Error: revive })
  } catch {
    throw new TypeError("The bytes are not in the default codec's format")
  }
}

/** The own fields of an error or another object as data. */
export const fieldsOf = (thing: object): Record<string, unknown> => {
  const from = thing as Record<string, unknown>
  const fields: Record<string, unknown> = {}
  for (const key of Object.keys(thing)) if (key !== "__proto__") fields[key] = from[key]
  // A class may have its tag on the prototype.
  if (typeof from["_tag"] === "string") fields["_tag"] = from["_tag"]
  for (const key of ["cause", "errors"]) if (Object.hasOwn(thing, key)) fields[key] = from[key]
  return fields
}

type Description = readonly [name: string, message: string, fields: Record<string, unknown>, type?: "DOMException"]

/** Everything of an error but its stack, which is long and private to the process that failed. */
const describe = (error: Error, fields: Record<string, unknown>): Description => {
  for (const key of ["name", "message", "stack"]) delete fields[key]
  const description = [String(error.name), String(error.message), fields] as const
  return nameOf(error) === "DOMException" ? [...description, "DOMException"] : description
}

const natives: ReadonlyMap<unknown, new (message: string) => Error> = new Map(
  [EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError].map((type) => [type.name, type])
)

const revive = (description: Partial<Description>): Error => {
  const [name, message, fields, type] = description
  const text = typeof message === "string" ? message : ""
  const error =
    type === "DOMException" && typeof DOMException === "function"
      ? new DOMException(text, String(name))
      : name === "AggregateError"
        ? new AggregateError([], text)
        : new (natives.get(name) ?? Error)(text)
  if (typeof name === "string" && name !== error.name) define(error, "name", name, false)
  // The stack of the decoding says nothing about the failure.
  define(error, "stack", `${error.name}: ${text}`, false)
  if (typeof fields !== "object" || fields === null) return error
  for (const key of Object.keys(fields)) {
    // Bytes must not replace the members that every object or error has: `toString`, `constructor`, `stack`.
    if (key === "cause" || key === "errors") define(error, key, fields[key], false)
    else if (!(key in Error.prototype || key === "stack")) define(error, key, fields[key], true)
  }
  return error
}

const define = (error: Error, key: string, value: unknown, enumerable: boolean): void => {
  Object.defineProperty(error, key, { value, enumerable, writable: true, configurable: true })
}
