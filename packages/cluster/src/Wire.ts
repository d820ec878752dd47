/**
 * What a link and the hub say to each other: one versioned protocol, checked item by item where it arrives.
 *
 * Everything a user keeps travels as bytes. Where the channel keeps structures (`serialization: "advanced"`, a
 * `MessagePort`) a frame travels as it is; where it knows only JSON, as text in which bytes are base64.
 */

/** Both ends must speak the same. */
export const version = 1

/** How a channel carries frames. */
export type Mode = "structured" | "text"

/** Why the primary refused. */
export interface Fault {
  readonly reason: "NotANumber" | "TooLarge" | "Namespace" | "Malformed" | "Failed"
  readonly message: string
  /** What was thrown there. */
  readonly cause?:
    | { readonly name: string; readonly message: string; readonly code?: string; readonly stack?: string }
    | undefined
}

/** From a worker to the primary. */
export type Asking =
  /** The bytes come back as bytes only where the channel keeps structures. */
  | readonly ["hello", probe: Uint8Array]
  | readonly ["open", handle: number, name: string, options: object | null]
  | readonly ["ask", id: number, handle: number, verb: string, args: ReadonlyArray<unknown>]
  /** A subscription is not wanted any more. */
  | readonly ["drop", subscription: number]
  | readonly ["bye"]

/** From the primary to a worker. */
export type Telling =
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
  readonly to: "hub" | "link"
  /** Which link: several may share one channel. Empty: all of them. */
  readonly link: string
  readonly items: ReadonlyArray<Item>
}

/** What arrived: a frame, one of another version, or something that is not ours. */
export type Arrived = Frame<unknown> | "foreign" | "version"

/** Reads whatever came out of a channel. Never throws. */
export const arrivedOf = (message: unknown, to: "hub" | "link"): Arrived => {
  let frame = message
  if (typeof message === "string") {
    if (!message.startsWith('{"cacheLocking":')) return "foreign"
    try {
      frame = JSON.parse(message, revive)
    } catch {
      return "foreign"
    }
  }
  if (typeof frame !== "object" || frame === null) return "foreign"
  const { cacheLocking, items, link, to: side } = frame as Partial<Record<keyof Frame<unknown>, unknown>>
  if (typeof cacheLocking !== "number" || side !== to) return "foreign"
  if (cacheLocking !== version) return "version"
  return typeof link === "string" && Array.isArray(items) ? (frame as Frame<unknown>) : "foreign"
}

/** A frame as the channel carries it. */
export const packed = (frame: Frame<unknown>, mode: Mode): unknown =>
  mode === "structured" ? frame : JSON.stringify(frame, replace)

/** Bytes and the numbers that JSON lacks; user data is bytes, so no other object can look like a marker. */
function replace(this: unknown, name: string, value: unknown): unknown {
  const given = (this as Record<string, unknown>)[name]
  if (given instanceof Uint8Array) return { $bytes: Buffer.from(given).toString("base64") }
  return typeof value === "number" && !Number.isFinite(value) ? { $number: String(value) } : value
}

const revive = (_: string, value: unknown): unknown => {
  if (typeof value !== "object" || value === null) return value
  const { $bytes, $number } = value as { $bytes?: unknown; $number?: unknown }
  if (typeof $bytes === "string") return new Uint8Array(Buffer.from($bytes, "base64"))
  return typeof $number === "string" ? Number($number) : value
}

const isNumber = (value: unknown): value is number => Number.isSafeInteger(value)
const isText = (value: unknown): value is string => typeof value === "string"

/** The item, if a link may say so. */
export const askingOf = (item: unknown): Asking | undefined => {
  if (!Array.isArray(item)) return undefined
  const ok = {
    hello: () => true,
    open: () => isNumber(item[1]) && isText(item[2]) && typeof item[3] === "object",
    ask: () => isNumber(item[1]) && isNumber(item[2]) && isText(item[3]) && Array.isArray(item[4]),
    drop: () => isNumber(item[1]),
    bye: () => true
  }
  return checked(item, ok) as Asking | undefined
}

/** The item, if a hub may say so. */
export const tellingOf = (item: unknown): Telling | undefined => {
  if (!Array.isArray(item)) return undefined
  const ok = {
    here: () => isText(item[1]),
    welcome: () => isText(item[1]) && (item[2] === "structured" || item[2] === "text"),
    ok: () => isNumber(item[1]),
    no: () => isNumber(item[1]) && isFault(item[2]),
    told: () => isNumber(item[1]) && isText(item[2]),
    bye: () => true
  }
  return checked(item, ok) as Telling | undefined
}

const checked = (item: ReadonlyArray<unknown>, ok: Record<string, () => boolean>): unknown => {
  const kind = item[0]
  return isText(kind) && Object.hasOwn(ok, kind) && ok[kind]!() ? item : undefined
}

const isFault = (value: unknown): value is Fault => {
  const { message, reason } = (value ?? {}) as Record<string, unknown>
  return isText(message) && isText(reason)
}
