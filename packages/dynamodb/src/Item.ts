/**
 * A key's `Entry` as an item of the table.
 *
 * All instants are epoch milliseconds, so that only `expiresAt` is rounded, after which DynamoDB itself collects the
 * item: epoch seconds, never before the item's end. `rev` is new with every write.
 */
import type { AttributeValue } from "@aws-sdk/client-dynamodb"
import { Entry, type Lifetime, Limits, Token, type Value } from "@cache-locking/core"

export type Item = Readonly<Record<string, AttributeValue>>

/** The partition key, and the attribute by which DynamoDB collects. */
export const keyName = "cacheKey"
export const ttlName = "expiresAt"

/** No name is one of DynamoDB's reserved words, so expressions can use them as they are. */
export const keptNames = ["v", "filledAt", "took", "freshUntil", "staleMs", "staleS", "keptUntil"]
export const leaseNames = ["leaseOwner", "leaseToken", "leaseSince", "leaseUntil"]
export const coolNames = ["coolUntil", "coolCause"]

/** The number for an endless time: some 280,000 years, and DynamoDB can still add to it. */
const never = 9e15

export const capped = (ms: number): number => Math.min(ms, never)

const uncapped = (ms: number): number => (ms >= never ? Number.POSITIVE_INFINITY : ms)

/** A duration as it is stored, rounded down as lifetimes are. */
export const atMost = (ms: number): number => capped(Limits.atMost(ms))

/** The same, rounded up as leases are. */
export const atLeast = (ms: number): number => capped(Limits.atLeast(ms))

export const number = (value: number): AttributeValue => ({ N: String(capped(value)) })

/** An instant or a duration in seconds, rounded up. */
export const seconds = (ms: number): AttributeValue => ({ N: String(Math.ceil(capped(ms) / 1000)) })

/** The entry that is there, and the `rev` by which a write finds it unchanged. */
export interface Found {
  readonly entry: Entry.Entry | undefined
  /** Absent when there is no item of ours. */
  readonly rev: string | undefined
}

const numberIn = (item: Item, name: string): number => {
  const text = item[name]?.N
  return text === undefined ? Number.NaN : uncapped(Number(text))
}

const bytesIn = (item: Item, name: string): Value | undefined => {
  const bytes = item[name]?.B
  return bytes && { bytes }
}

const keptIn = (item: Item): Entry.Kept | undefined => {
  const value = bytesIn(item, "v")
  const [filledAt, took] = [numberIn(item, "filledAt"), numberIn(item, "took")]
  const [freshUntil, stale] = [numberIn(item, "freshUntil"), numberIn(item, "staleMs")]
  if (value === undefined || Number.isNaN(filledAt + took + freshUntil + stale)) return undefined
  // A load that began by one clock and ended by another may seem to end before it began.
  return { value, filledAt, took: Math.max(0, took), lifetime: { fresh: freshUntil - filledAt, stale } }
}

const leaseIn = (item: Item): Entry.Lease | undefined => {
  const [owner, token] = [item["leaseOwner"]?.S, item["leaseToken"]?.S]
  const [since, until] = [numberIn(item, "leaseSince"), numberIn(item, "leaseUntil")]
  if (owner === undefined || token === undefined || Number.isNaN(since + until)) return undefined
  return { owner, token: Token(token), since, until }
}

const cooldownIn = (item: Item): Entry.Cooldown | undefined => {
  const until = numberIn(item, "coolUntil")
  return Number.isNaN(until) ? undefined : { until, cause: bytesIn(item, "coolCause") }
}

/** Reads an item. A foreign item, or one of an unknown shape, counts as none. */
export const decode = (item: Item | undefined): Found => {
  const rev = item?.["rev"]?.S
  if (item === undefined || rev === undefined) return { entry: undefined, rev: undefined }
  const [kept, lease, cooldown] = [keptIn(item), leaseIn(item), cooldownIn(item)]
  return { entry: kept || lease || cooldown ? { kept, lease, cooldown } : undefined, rev }
}

/** The attributes of a lifetime that begins now. */
export const lifetimeOf = (now: number, lifetime: Lifetime) => {
  const [fresh, stale] = [atMost(lifetime.fresh), atMost(lifetime.stale)]
  const freshUntil = capped(now + fresh)
  const keptUntil = capped(freshUntil + stale)
  return { freshUntil, keptUntil, stale }
}

/** The instant at which the value of an entry is gone, if there is one now. */
export const keptUntilOf = (entry: Entry.Entry | undefined, now: number): number | undefined => {
  if (entry?.kept === undefined) return undefined
  const until = capped(Entry.keptUntil(entry.kept))
  return now < until ? until : undefined
}
