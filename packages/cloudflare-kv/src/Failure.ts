/**
 * What KV throws, as the contract's `AdapterError`. The cause that is passed on has the words alone.
 */
import { AdapterError, type Operation } from "@cache-locking/core"

/** The name in errors and metrics. */
export const name = "cloudflare-kv"

/** `KV PUT failed: 413 Value length of 26214401 exceeds limit of 26214400.` */
const status = /^KV \w+ failed: (\d{3})\b/

const wordsOf = (error: unknown): string => {
  if (!(error instanceof Error)) return "KV did not answer"
  return error.message === "" ? error.name : error.message
}

/** A request that is wrong stays wrong; too many, and what fails on the other side, may pass. */
const isRejection = (words: string): boolean => {
  const code = Number(status.exec(words)?.[1])
  return code >= 400 && code < 500 && code !== 408 && code !== 429
}

const copyOf = (words: string, error: unknown): Error => {
  const copy = new Error(words)
  if (error instanceof Error) copy.name = error.name
  return copy
}

/** A failure of KV, or of the way to it. */
export const failed = (operation: Operation, key: string | undefined, error: unknown): AdapterError => {
  const words = wordsOf(error)
  return new AdapterError({
    adapter: name,
    operation,
    key,
    reason: isRejection(words) ? "Rejected" : "Unavailable",
    message: words,
    cause: copyOf(words, error)
  })
}

/** No answer in time. It may still have been carried out. */
export const timedOut = (operation: Operation, key: string | undefined, timeout: number): AdapterError =>
  new AdapterError({
    adapter: name,
    operation,
    key,
    reason: "Unavailable",
    message: `no answer within ${timeout} ms`
  })
