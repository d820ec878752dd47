/**
 * The lease state machine of one key, as pure functions over instants.
 *
 * Memory, the cluster's primary and conditional stores run it; scripts and SQL restate it, and the
 * conformance kit compares them with it. A move takes the entry and the time, and returns the
 * answer and the next entry; `undefined` means that there is none. When nothing changes, it returns
 * the entry that it was given.
 */
import type { Acquired, AcquireOptions, FillOptions, Held, Lifetime, Snapshot, Stale, Token, Value } from "./Adapter.ts"

/**
 * A value, when it was filled (epoch milliseconds of the clock that keeps it), and how long it
 * lives from then. Entries of one cache share one lifetime object: it costs a pointer.
 */
export interface Kept {
  readonly value: Value
  readonly filledAt: number
  /** Milliseconds from the grant of its lease to the fill; 0 for what was put. */
  readonly took: number
  readonly lifetime: Lifetime
}

/** The right to load, until an instant. */
export interface Lease {
  readonly owner: string
  readonly token: Token
  readonly since: number
  readonly until: number
}

/** A cooldown after a failed load: no flight leads until it is over. */
export interface Cooldown {
  readonly until: number
  readonly cause: Value | undefined
}

/** Everything known of one key. A lease and a cooldown never hold at the same time. */
export interface Entry {
  readonly kept: Kept | undefined
  readonly lease: Lease | undefined
  readonly cooldown: Cooldown | undefined
}

/** An answer, and the entry after it. */
export type Move<A> = readonly [answer: A, next: Entry | undefined]

/** The instant at which the value ceases to be fresh. */
export const freshUntil = (kept: Kept): number => kept.filledAt + kept.lifetime.fresh

/** The instant at which the value is gone. */
export const keptUntil = (kept: Kept): number => kept.filledAt + kept.lifetime.fresh + kept.lifetime.stale

/** The instant after which nothing of the entry matters: when a backend may collect it. */
export const endsAt = (entry: Entry): number =>
  Math.max(
    entry.kept ? keptUntil(entry.kept) : -Infinity,
    entry.lease?.until ?? -Infinity,
    entry.cooldown?.until ?? -Infinity
  )

const live = <A extends { readonly until: number }>(part: A | undefined, now: number): A | undefined =>
  part !== undefined && now < part.until ? part : undefined

const keptAt = (entry: Entry | undefined, now: number): Kept | undefined =>
  entry?.kept !== undefined && now < keptUntil(entry.kept) ? entry.kept : undefined

const staleAt = (kept: Kept | undefined, now: number): Stale | undefined =>
  kept && { value: kept.value, age: ageAt(kept, now), took: kept.took, staleFor: Math.max(0, now - freshUntil(kept)) }

/** After a clock was set back, no age is negative. */
const ageAt = (kept: Kept, now: number): number => Math.max(0, now - kept.filledAt)

/** A value with a lifetime of nothing is no value. If it were kept until now, another clock could still find it. */
const filled = (value: Value, lifetime: Lifetime, now: number, took: number): Entry | undefined =>
  lifetime.fresh + lifetime.stale > 0
    ? { kept: { value, filledAt: now, took, lifetime }, lease: undefined, cooldown: undefined }
    : undefined

const held = (entry: Entry | undefined, now: number, token: Token): entry is Entry & { readonly lease: Lease } =>
  live(entry?.lease, now)?.token === token

/**
 * Finds a fresh value, or grants the lease, or answers that another flight leads or the key cools down.
 *
 * @param grant makes the token of a new lease; it must differ for every grant
 */
export const acquire = (
  entry: Entry | undefined,
  now: number,
  options: AcquireOptions,
  grant: () => Token
): Move<Acquired> => {
  const kept = keptAt(entry, now)
  const lease = live(entry?.lease, now)
  const cooldown = live(entry?.cooldown, now)
  const mine = lease?.owner === options.owner
  const free = options.force === true || ((lease === undefined || mine) && cooldown === undefined)
  const freshFor = kept === undefined ? 0 : freshUntil(kept) - now
  if (kept !== undefined && freshFor > 0) {
    const wanted = options.force === true || freshFor <= (options.refreshWithin ?? 0)
    if (!(wanted && free))
      return [{ _tag: "Hit", value: kept.value, freshFor, age: ageAt(kept, now), took: kept.took }, entry]
  }
  const stale = staleAt(kept, now)
  if (!free && lease !== undefined) return [{ _tag: "Follower", leaseEndsIn: lease.until - now, stale }, entry]
  if (!free && cooldown !== undefined) {
    return [{ _tag: "Cooling", retryIn: cooldown.until - now, cause: cooldown.cause, stale }, entry]
  }
  const granted = mine && lease !== undefined ? lease : { owner: options.owner, token: grant(), since: now }
  return [
    { _tag: "Leader", token: granted.token, stale },
    { kept, lease: { ...granted, until: now + options.leaseFor }, cooldown: undefined }
  ]
}

/** Stores the value, or prolongs the one that is there, and ends the lease, if the token still leads. */
export const fill = (entry: Entry | undefined, now: number, options: FillOptions): Move<Held> => {
  if (!held(entry, now, options.token)) return [false, entry]
  const value = options.value ?? keptAt(entry, now)?.value
  if (value === undefined) return [false, entry]
  return [true, filled(value, options.lifetime, now, Math.max(0, now - entry.lease.since))]
}

/** Ends the lease, leaves the value, and may begin a cooldown. */
export const abandon = (
  entry: Entry | undefined,
  now: number,
  options: { readonly token: Token; readonly cooldown?: number | undefined; readonly cause?: Value | undefined }
): Move<Held> => {
  if (!held(entry, now, options.token)) return [false, entry]
  const kept = keptAt(entry, now)
  const cooldown = options.cooldown ? { until: now + options.cooldown, cause: options.cause } : undefined
  return [true, kept || cooldown ? { kept, lease: undefined, cooldown } : undefined]
}

/** Restarts the lease's time. */
export const renew = (
  entry: Entry | undefined,
  now: number,
  options: { readonly token: Token; readonly leaseFor: number }
): Move<Held> =>
  held(entry, now, options.token)
    ? [true, { ...entry, lease: { ...entry.lease, until: now + options.leaseFor } }]
    : [false, entry]

/** Removes everything. Answers true if there was a value. */
export const remove = (entry: Entry | undefined, now: number): Move<boolean> => [
  keptAt(entry, now) !== undefined,
  undefined
]

/** Stores the value in any case, and voids a live lease. */
export const put = (now: number, options: { readonly value: Value; readonly lifetime: Lifetime }): Move<void> => [
  undefined,
  filled(options.value, options.lifetime, now, 0)
]

/** Sets how long a fresh value stays fresh. */
export const touch = (entry: Entry | undefined, now: number, options: { readonly freshFor: number }): Move<boolean> => {
  const kept = keptAt(entry, now)
  if (entry === undefined || kept === undefined || now >= freshUntil(kept)) return [false, entry]
  const lifetime = { fresh: now - kept.filledAt + options.freshFor, stale: kept.lifetime.stale }
  return [true, { ...entry, kept: { ...kept, lifetime } }]
}

/** Answers what is there. */
export const read = (entry: Entry | undefined, now: number): Snapshot => {
  const kept = keptAt(entry, now)
  const lease = live(entry?.lease, now)
  const cooldown = live(entry?.cooldown, now)
  return {
    value: kept?.value,
    freshFor: kept === undefined ? 0 : Math.max(0, freshUntil(kept) - now),
    keptFor: kept === undefined ? 0 : keptUntil(kept) - now,
    age: kept === undefined ? 0 : ageAt(kept, now),
    took: kept === undefined ? 0 : kept.took,
    lease: lease && { owner: lease.owner, endsIn: lease.until - now },
    cooling: cooldown && { retryIn: cooldown.until - now, cause: cooldown.cause }
  }
}
