/**
 * A key's `Entry` as an item of the table.
 *
 * All instants are epoch milliseconds, so that nothing is rounded but `expiresAt`, by which DynamoDB itself collects the
 * item some time after: epoch seconds, never before the item's end. `rev` is new with every write.
 */
import type { AttributeValue } from "@aws-sdk/client-dynamodb"
import { Entry, type Lifetime, Milliseconds, Token, type Value } from "@cache-locking/core"

export type Item = Readonly<Record<string, AttributeValue>>

/** The partition key, and the attribute by which DynamoDB collects. */
export const keyName = "cacheKey"
export const ttlName = "expiresAt"

/** No attribute's name is one of DynamoDB's reserved words, so that expressions can say them as they are. */
export const keptNames = ["v", "filledAt", "took", "freshUntil", "staleMs", "staleS", "keptUntil"]
export const leaseNames = ["leaseOwner", "leaseToken", "leaseSince", "leaseUntil"]
export const coolNames = ["coolUntil", "coolCause"]

/** Stands for no end: some 280,000 years, and still a number that DynamoDB can add to. */
const never = 9e15

export const capped = (ms: number): number => Math.min(ms, never)

const uncapped = (ms: number): number => (ms >= never ? Number.POSITIVE_INFINITY : ms)

/** A duration as it is stored, rounded down as lifetimes are. */
export const atMost = (ms: number): number => capped(Milliseconds.atMost(ms))

/** The same, rounded up as leases are. */
export const atLeast = (ms: number): number => capped(Milliseconds.atLeast(ms))

export const number = (value: number): AttributeValue => ({ N: String(capped(value)) })

/** As epoch seconds, or a number of them, rounded up. */
export const seconds = (ms: number): AttributeValue => ({ N: String(Math.ceil(capped(ms) / 1000)) })

/** What is there, and what a write can name to find it unchanged. */
export interface Found {
  readonly entry: Entry.Entry | undefined
  /** Nothing when there is no item of ours. */
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
  // A load that began by one clock and ended by another may seem to have ended first.
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

/** Reads an item. One that is not ours, or of a shape unknown, is nothing there. */
export const decode = (item: Item | undefined): Found => {
  const rev = item?.["rev"]?.S
  if (item === undefined || rev === undefined) return { entry: undefined, rev: undefined }
  const [kept, lease, cooldown] = [keptIn(item), leaseIn(item), cooldownIn(item)]
  return { entry: kept || lease || cooldown ? { kept, lease, cooldown } : undefined, rev }
}

/** A lifetime that begins now, as the attributes that say it. */
export const lifetimeOf = (now: number, lifetime: Lifetime) => {
  const [fresh, stale] = [atMost(lifetime.fresh), atMost(lifetime.stale)]
  const freshUntil = capped(now + fresh)
  const keptUntil = capped(freshUntil + stale)
  return { freshUntil, keptUntil, stale }
}

/** When the value of an entry is gone, if there is one now. */
export const keptUntilOf = (entry: Entry.Entry | undefined, now: number): number | undefined => {
  if (entry?.kept === undefined) return undefined
  const until = capped(Entry.keptUntil(entry.kept))
  return now < until ? until : undefined
}
