/** Rate limits that all workers share: counters whose ttl begins with the first count. */
import type { PromiseClusterCache } from "@cache-locking/cluster/promise"

/** The most requests in a window of time. */
export interface Limit {
  readonly most: number
  /** Milliseconds. */
  readonly window: number
}

/** True when a request may pass. Windows begin at round times, so a burst across two windows may be twice the limit. */
export const fixedWindow = async (
  counters: PromiseClusterCache<number>,
  who: string,
  limit: Limit,
  now = Date.now()
) => {
  const window = Math.floor(now / limit.window)
  return (await counters.incr(`fixed:${who}:${window}`, 1, { ttl: limit.window })) <= limit.most
}

/**
 * The same with a sliding window: the previous window counts in part, as far as the last `window` milliseconds cover
 * it. Refused requests do not count.
 */
export const slidingWindow = async (
  counters: PromiseClusterCache<number>,
  who: string,
  limit: Limit,
  now = Date.now()
) => {
  const window = Math.floor(now / limit.window)
  const [current, before] = [`sliding:${who}:${window}`, `sliding:${who}:${window - 1}`]
  // The request counts first, so that of two at once only one gets the last place.
  const [count, past] = await Promise.all([counters.incr(current, 1, { ttl: 2 * limit.window }), counters.get(before)])
  const covered = 1 - (now % limit.window) / limit.window
  if (count + (past ?? 0) * covered <= limit.most) return true
  await counters.decr(current)
  return false
}
