/**
 * What a link and the hub say to each other: one versioned protocol, checked item by item where it arrives.
 *
 * Everything a user keeps travels as bytes. Where the channel keeps structures (`serialization: "advanced"`, a
 * `MessagePort`) a frame travels as it is; where it knows only JSON, what that lacks is marked: bytes are base64.
 */

import type { SerializedError } from "./SerializedError.ts"

/** Both ends must speak the same. */
export const version = 1

/** How a channel carries frames. */
export type Mode = "structured" | "text"

/** Why the primary refused. */
export interface Fault {
  readonly reason: "NotANumber" | "TooLarge" | "Namespace" | "Malformed" | "Failed"
  readonly message: string
  /** What was thrown there. */
  readonly cause?: SerializedError | undefined
}

/** From a worker to the primary. */
export type ClientItem =
  /** The bytes come back as bytes only where the channel keeps structures. */
  | readonly ["hello", probe: Uint8Array]
  | readonly ["open", handle: number, name: string, options: object | null]
  | readonly ["ask", id: number, handle: number, verb: string, args: ReadonlyArray<unknown>]
  /** A subscription is not wanted any more. */
  | readonly ["drop", subscription: number]
  | readonly ["bye"]

/** From the primary to a worker. */
export type PrimaryItem =
  | readonly ["here", hub: string]
  | readonly ["welcome", hub: string, mode: Mode]
  | readonly ["ok", id: number, answer: unknown]
  | readonly ["no", id: number, fault: Fault]
  | readonly ["told", subscription: number, key: string]
  | readonly ["bye"]

/** A batch of items of one link. */
export interface Frame<Item> {
  /** The version; the name keeps foreign messages apart. */
  readonly cacheLocking: number
  readonly to: "primary" | "link"
  /** Which link: several may share one channel. Empty: all of them. */
  readonly link: string
  readonly items: ReadonlyArray<Item>
  /** What JSON lacks is marked in the items. */
  readonly marked?: boolean
}

/** What arrived: a frame, one of another version, or something that is not ours. */
export type Received = Frame<unknown> | "foreign" | "version"

/** Reads whatever came out of a channel. Never throws. */
export const readFrame = (message: unknown, to: "primary" | "link"): Received => {
  if (typeof message !== "object" || message === null) return "foreign"
  const frame = message as Partial<Record<keyof Frame<unknown>, unknown>>
  const { cacheLocking, items, link, marked, to: side } = frame
  if (typeof cacheLocking !== "number" || side !== to) return "foreign"
  if (cacheLocking !== version) return "version"
  if (typeof link !== "string" || !Array.isArray(items)) return "foreign"
  if (marked !== true) return frame as Frame<unknown>
  try {
    return { cacheLocking, to, link, items: unmark(items) as ReadonlyArray<unknown> }
  } catch {
    return "foreign"
  }
}

/** A frame as the channel carries it. */
export const writeFrame = (frame: Frame<unknown>, mode: Mode): unknown =>
  mode === "structured" ? frame : { ...frame, items: mark(frame.items), marked: true }

/** User data is bytes, or text alone, so no other object can look like a mark. */
const mark = (part: unknown): unknown => {
  if (typeof part === "number") return Number.isFinite(part) ? part : { $number: String(part) }
  if (typeof part !== "object" || part === null) return part
  if (part instanceof Uint8Array) {
    return { $bytes: Buffer.from(part.buffer, part.byteOffset, part.byteLength).toString("base64") }
  }
  return Array.isArray(part) ? part.map(mark) : mapped(part, mark)
}

/** The same, as it was. */
const unmark = (part: unknown): unknown => {
  if (typeof part !== "object" || part === null) return part
  if (Array.isArray(part)) return part.map(unmark)
  const { $bytes, $number } = part as { readonly $bytes?: unknown; readonly $number?: unknown }
  if (typeof $bytes === "string") return new Uint8Array(Buffer.from($bytes, "base64"))
  return typeof $number === "string" ? Number($number) : mapped(part, unmark)
}

const mapped = (whole: object, f: (part: unknown) => unknown): object =>
  Object.fromEntries(Object.entries(whole).map(([name, part]) => [name, f(part)]))

const isNumber = (value: unknown): value is number => Number.isSafeInteger(value)
const isText = (value: unknown): value is string => typeof value === "string"

/** The item, if a link may say so. */
export const clientItemOf = (item: unknown): ClientItem | undefined =>
  Array.isArray(item) && isClientItem(item) ? (item as unknown as ClientItem) : undefined

const isClientItem = (item: ReadonlyArray<unknown>): boolean => {
  switch (item[0]) {
    case "ask":
      return isNumber(item[1]) && isNumber(item[2]) && isText(item[3]) && Array.isArray(item[4])
    case "open":
      return isNumber(item[1]) && isText(item[2]) && typeof item[3] === "object"
    case "drop":
      return isNumber(item[1])
    case "hello":
    case "bye":
      return true
    default:
      return false
  }
}

/** The item, if a hub may say so. */
export const primaryItemOf = (item: unknown): PrimaryItem | undefined =>
  Array.isArray(item) && isPrimaryItem(item) ? (item as unknown as PrimaryItem) : undefined

const isPrimaryItem = (item: ReadonlyArray<unknown>): boolean => {
  switch (item[0]) {
    case "ok":
      return isNumber(item[1])
    case "no":
      return isNumber(item[1]) && isFault(item[2])
    case "told":
      return isNumber(item[1]) && isText(item[2])
    case "here":
      return isText(item[1])
    case "welcome":
      return isText(item[1]) && (item[2] === "structured" || item[2] === "text")
    case "bye":
      return true
    default:
      return false
  }
}

const isFault = (value: unknown): value is Fault => {
  const { cause, message, reason } = (value ?? {}) as Record<string, unknown>
  return isText(message) && isText(reason) && (cause === undefined || (typeof cause === "object" && cause !== null))
}
