/**
 * Parts of the scripts' replies, as both clients hand them over.
 */
import type { Value } from "@cache-locking/core"

/** Text, from a bulk or a simple string. */
export const textOf = (reply: unknown): string =>
  reply instanceof Uint8Array ? Buffer.from(reply.buffer, reply.byteOffset, reply.byteLength).toString() : String(reply)

/** A number; some clients answer them as text. */
export const numberOf = (reply: unknown): number => (typeof reply === "number" ? reply : Number(textOf(reply)))

/** An instant, which may be never. */
export const instantOf = (reply: unknown): number => {
  const text = textOf(reply)
  return text === "inf" ? Number.POSITIVE_INFINITY : Number(text)
}

/** What a failed leader left. */
export const causeOf = (reply: unknown): Value | undefined =>
  reply instanceof Uint8Array ? { bytes: new Uint8Array(reply.buffer, reply.byteOffset, reply.byteLength) } : undefined

/** The scripts' yes. */
export const isOne = (reply: unknown): boolean => numberOf(reply) === 1

/** For verbs that answer nothing. */
export const nothing = (): void => {}
