/**
 * The protocol between the primary and its clients: versioned, and checked item by item where it arrives.
 *
 * All values of users travel as bytes. A channel that keeps structures (`serialization: "advanced"`, a `MessagePort`)
 * carries a frame as it is. On a channel that knows only JSON, marks stand for values that JSON lacks: bytes become
 * base64.
 */
import type { SerializedError } from "./SerializedError.ts"

/** Both ends must have the same version. */
export const version = 1

/** The form in which a channel carries frames. */
export type Mode = "structured" | "text"

/** The reason for which the primary did not carry out a call. */
export interface Fault {
  readonly reason: "NotANumber" | "TooLarge" | "Namespace" | "Malformed" | "Failed"
  readonly message: string
  /** The error that was thrown in the primary. */
  readonly cause?: SerializedError | undefined
}

/** From a client to the primary. */
export type ClientItem =
  /** The primary receives the bytes as bytes only where the channel keeps structures. */
  | readonly ["handshake", probe: Uint8Array]
  | readonly ["open", handle: number, name: string, options: object | null]
  | readonly ["call", id: number, handle: number, verb: string, args: ReadonlyArray<unknown>]
  | readonly ["unsubscribe", subscription: number]

/** From the primary to a client. */
export type PrimaryItem =
  | readonly ["announce", primary: string]
  | readonly ["handshake", primary: string, mode: Mode]
  | readonly ["result", id: number, result: unknown]
  | readonly ["fault", id: number, fault: Fault]
  | readonly ["changed", subscription: number, key: string]
  /** The subscription has ended, because its namespace was destroyed. */
  | readonly ["lost", subscription: number]
  | readonly ["close"]

/** A batch of items of one link. */
export interface Frame<Item> {
  /** The version. Its name distinguishes our messages from others. */
  readonly cacheLocking: number
  readonly to: "primary" | "client"
  /** Several links may share a channel. Empty when the frame is for all of them. */
  readonly link: string
  readonly items: ReadonlyArray<Item>
  /** True when the items contain marks for values that JSON lacks. */
  readonly marked?: boolean
}

/** A frame, a frame of another version, or a message that is not ours. */
export type Received = Frame<unknown> | "foreign" | "version"

/** Reads any message of a channel. Never throws. */
export const readFrame = (message: unknown, end: Frame<unknown>["to"]): Received => {
  if (typeof message !== "object" || message === null) return "foreign"
  const frame = message as Partial<Record<keyof Frame<unknown>, unknown>>
  const { cacheLocking, items, link, marked, to } = frame
  if (typeof cacheLocking !== "number" || to !== end) return "foreign"
  if (cacheLocking !== version) return "version"
  if (typeof link !== "string" || !Array.isArray(items)) return "foreign"
  if (marked !== true) return frame as Frame<unknown>
  try {
    return { cacheLocking, to: end, link, items: unmark(items) as ReadonlyArray<unknown> }
  } catch {
    return "foreign"
  }
}

/** A frame as the channel carries it. */
export const writeFrame = (frame: Frame<unknown>, mode: Mode): unknown =>
  mode === "structured" ? frame : { ...frame, items: mark(frame.items), marked: true }

/** A user's data is bytes or text, so no other object can be taken for a mark. */
const mark = (part: unknown): unknown => {
  if (typeof part === "number") return Number.isFinite(part) ? part : { $number: String(part) }
  if (typeof part !== "object" || part === null) return part
  if (part instanceof Uint8Array) {
    return { $bytes: Buffer.from(part.buffer, part.byteOffset, part.byteLength).toString("base64") }
  }
  return Array.isArray(part) ? part.map(mark) : mapped(part, mark)
}

/** The inverse. */
const unmark = (part: unknown): unknown => {
  if (typeof part !== "object" || part === null) return part
  if (Array.isArray(part)) return part.map(unmark)
  const { $bytes, $number } = part as { readonly $bytes?: unknown; readonly $number?: unknown }
  if (typeof $bytes === "string") return new Uint8Array(Buffer.from($bytes, "base64"))
  return typeof $number === "string" ? Number($number) : mapped(part, unmark)
}

const mapped = (whole: object, f: (part: unknown) => unknown): object =>
  Object.fromEntries(Object.entries(whole).map(([name, part]) => [name, f(part)]))

type Is = (value: unknown) => boolean
type Kinds = ReadonlyMap<unknown, ReadonlyArray<Is>>

const isNumber: Is = Number.isSafeInteger
const isText: Is = (value) => typeof value === "string"
const isObjectOrNull: Is = (value) => typeof value === "object"
const isMode: Is = (value) => value === "structured" || value === "text"
const isFault: Is = (value) => {
  const { cause, message, reason } = (value ?? {}) as Record<string, unknown>
  return isText(message) && isText(reason) && (cause === undefined || (typeof cause === "object" && cause !== null))
}

/** The kinds of items, and the check of each part after the kind. */
const clientKinds: Kinds = new Map([
  ["handshake", []],
  ["open", [isNumber, isText, isObjectOrNull]],
  ["call", [isNumber, isNumber, isText, Array.isArray]],
  ["unsubscribe", [isNumber]]
])
const primaryKinds: Kinds = new Map([
  ["announce", [isText]],
  ["handshake", [isText, isMode]],
  ["result", [isNumber]],
  ["fault", [isNumber, isFault]],
  ["changed", [isNumber, isText]],
  ["lost", [isNumber]],
  ["close", []]
])

const itemOf = <Item>(kinds: Kinds, item: unknown): Item | undefined =>
  Array.isArray(item) && kinds.get(item[0])?.every((is, i) => is(item[i + 1])) ? (item as Item) : undefined

/** The item, if a client may send it. */
export const clientItemOf = (item: unknown): ClientItem | undefined => itemOf(clientKinds, item)

/** The item, if the primary may send it. */
export const primaryItemOf = (item: unknown): PrimaryItem | undefined => itemOf(primaryKinds, item)
