/**
 * What a client throws, as the contract's `AdapterError`.
 *
 * Clients hang the arguments of the command on their errors, and the arguments hold values: the cause that
 * is passed on is a copy with the name, the code and the words, and nothing else.
 */
import { AdapterError, type Operation } from "@cache-locking/core"

/** Asking again does not help: the request, the permission or the data is wrong. Every other reply may pass. */
const rejecting = new Set(["ERR", "WRONGTYPE", "NOPERM", "NOAUTH", "WRONGPASS", "CROSSSLOT", "NOPROTO"])

const replyCode = (message: string): string | undefined => /^([A-Z][A-Z]+)\b/.exec(message)?.[1]

/** What the server quotes of an unknown command is what was sent to it. */
const withoutArguments = (message: string): string => message.split(/,? with args beginning with:/)[0]!

const wordsOf = (error: unknown): string => {
  if (!(error instanceof Error)) return typeof error === "string" ? error : "the connection was lost"
  const code = (error as { code?: unknown }).code
  return withoutArguments(error.message) || (typeof code === "string" ? code : error.name)
}

const copyOf = (error: unknown, words: string): Error => {
  const copy = new Error(words)
  if (error instanceof Error) copy.name = error.name
  const code = (error as { code?: unknown } | undefined)?.code
  return typeof code === "string" ? Object.assign(copy, { code }) : copy
}

/** Whether the server does not know a script's digest: it restarted, was flushed, or is another one. */
export const isUnknownScript = (error: unknown): boolean =>
  error instanceof Error && error.message.startsWith("NOSCRIPT")

/** Whether the server answered, if only with an error: the connection is sound. */
export const isReply = (error: unknown): boolean => error instanceof Error && replyCode(error.message) !== undefined

/** A failure of the client or the server. */
export const failed = (operation: Operation, key: string | undefined, error: unknown): AdapterError => {
  const words = wordsOf(error)
  const code = replyCode(words)
  const passing = code === undefined || !rejecting.has(code) || words.includes("max number of clients")
  return new AdapterError({
    adapter: "redis",
    operation,
    key,
    reason: passing ? "Unavailable" : "Rejected",
    message: words,
    cause: copyOf(error, words)
  })
}

/** No answer in time. It may still have been carried out. */
export const timedOut = (operation: Operation, key: string | undefined, timeout: number): AdapterError =>
  new AdapterError({
    adapter: "redis",
    operation,
    key,
    reason: "Unavailable",
    message: `no answer within ${timeout} ms`
  })
