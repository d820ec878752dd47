/**
 * What the client or the server says when it fails, as the contract's `AdapterError`.
 */
import { AdapterError, type Operation } from "@cache-locking/core"
import { status } from "./Requests.ts"

const words: Readonly<Record<number, string>> = {
  [status.tooLarge]: "the server takes no item that large (its option -I)",
  [status.invalid]: "the server calls the request invalid",
  [status.notStored]: "the server did not store the item",
  [status.authentication]: "the server refused the credentials",
  [status.unknown]: "the server does not know the command: it may not speak the binary protocol",
  [status.outOfMemory]: "the server is out of memory"
}

/** Asking again does not help. */
const rejecting = new Set<number>([status.tooLarge, status.invalid, status.authentication, status.unknown])

const told = (
  operation: Operation,
  key: string | undefined,
  reason: "Unavailable" | "Rejected",
  message: string,
  cause?: unknown
): AdapterError => new AdapterError({ adapter: "memcached", operation, key, reason, message, cause })

/** An error that the server replied. */
export const refused = (operation: Operation, key: string | undefined, code: number): AdapterError =>
  told(
    operation,
    key,
    rejecting.has(code) ? "Rejected" : "Unavailable",
    words[code] ?? `the server answered with status 0x${code.toString(16)}`
  )

/** Nothing was asked: it would be refused. */
export const rejected = (operation: Operation, key: string | undefined, message: string): AdapterError =>
  told(operation, key, "Rejected", message)

/** A failure of the connection. memjs tells refused credentials as bare words. */
export const failed = (operation: Operation, key: string | undefined, error: unknown): AdapterError => {
  if (typeof error === "string") return refused(operation, key, status.authentication)
  if (!(error instanceof Error)) return told(operation, key, "Unavailable", "the connection was lost")
  const { code } = error as { code?: unknown }
  const message = error.message || (typeof code === "string" ? code : error.name)
  // A copy: what else hangs on the error is not for logs.
  const cause = Object.assign(new Error(message), typeof code === "string" ? { code } : {})
  return told(operation, key, "Unavailable", message, cause)
}

/** No answer in time. It may still have been carried out. */
export const timedOut = (operation: Operation, key: string | undefined, timeout: number): AdapterError =>
  told(operation, key, "Unavailable", `no answer within ${timeout} ms`)

/** Others were faster, again and again. */
export const overtaken = (operation: Operation, key: string, times: number): AdapterError =>
  told(operation, key, "Unavailable", `overtaken by other writers ${times} times in a row`)
