/**
 * The meaning of a client's errors.
 */
import { Failures } from "@cache-locking/core"

/**
 * The replies after which asking again does not help: the request, the permission or the data is wrong. Every other
 * failure may be temporary.
 */
const rejecting = new Set(["ERR", "WRONGTYPE", "NOPERM", "NOAUTH", "WRONGPASS", "CROSSSLOT", "NOPROTO"])

const replyCode = (message: string): string | undefined => /^([A-Z][A-Z]+)\b/.exec(message)?.[1]

/** True when the server does not know a script's digest: it restarted, was flushed, or is another one. */
export const isUnknownScript = (error: unknown): boolean =>
  error instanceof Error && error.message.startsWith("NOSCRIPT")

/** True when the server answered, even with an error: the connection works. */
export const isReply = (error: unknown): boolean => error instanceof Error && replyCode(error.message) !== undefined

export const failures = Failures.make({
  adapter: "redis",
  // The server quotes the arguments of a command that it does not know.
  words: (error) => Failures.wordsOf(error).split(/,? with args beginning with:/)[0]!,
  isRejection: (_, words) => rejecting.has(replyCode(words) ?? "") && !words.includes("max number of clients")
})
