/**
 * The replies of scripts, as both clients return them.
 */
import { type Acquired, type Snapshot, Token, type Value } from "@cache-locking/core"
import * as StoredValue from "./StoredValue.ts"

/** Text, from a bulk or a simple string. */
export const textOf = (reply: unknown): string =>
  reply instanceof Uint8Array ? Buffer.from(reply.buffer, reply.byteOffset, reply.byteLength).toString() : String(reply)

/** A number; some clients return it as text. */
export const numberOf = (reply: unknown): number => (typeof reply === "number" ? reply : Number(textOf(reply)))

/** An instant, perhaps `Infinity`. */
export const instantOf = (reply: unknown): number => {
  const text = textOf(reply)
  return text === "inf" ? Number.POSITIVE_INFINITY : Number(text)
}

/** The cause that a failed leader left. */
export const causeOf = (reply: unknown): Value | undefined =>
  reply instanceof Uint8Array ? { bytes: new Uint8Array(reply.buffer, reply.byteOffset, reply.byteLength) } : undefined

/** True for the reply by which a script reports success. */
export const isOne = (reply: unknown): boolean => numberOf(reply) === 1

/** For verbs without an answer. */
export const nothing = (): void => {}

/** The answer of `acquire` if it is not a hit. */
export const withoutHit = (
  tag: number,
  now: number,
  stored: StoredValue.StoredValue | undefined,
  rest: ReadonlyArray<unknown>
): Acquired => {
  const stale = StoredValue.stale(stored, now)
  if (tag === 1) return { _tag: "Leader", token: Token(textOf(rest[0])), stale }
  if (tag === 2) return { _tag: "Follower", leaseEndsIn: instantOf(rest[0]) - now, stale }
  return { _tag: "Cooling", retryIn: instantOf(rest[0]) - now, cause: causeOf(rest[1]), stale }
}

/** The answer of `read`. */
export const snapshotOf = (reply: unknown): Snapshot => {
  const [at, record, owner, until, cooling, cause] = reply as ReadonlyArray<unknown>
  const now = numberOf(at)
  return {
    ...StoredValue.snapshot(StoredValue.decode(record), now),
    lease: owner === null ? undefined : { owner: textOf(owner), endsIn: instantOf(until) - now },
    cooling: cooling === null ? undefined : { retryIn: instantOf(cooling) - now, cause: causeOf(cause) }
  }
}
