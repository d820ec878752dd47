/** Rate limits that all workers share: counters that begin their time with the first count. */
import type { PromiseClusterCache } from "@cache-locking/cluster/promise"

/** So many in so much time. */
export interface Limit {
  readonly most: number
  /** Milliseconds. */
  readonly window: number
}

/** Whether a request may pass, in windows that begin at round times. A burst at a border may be twice the limit. */
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
 * The same without the border: the window before counts by the part of it that the last `window` milliseconds still
 * cover. Refused requests are not counted.
 */
export const slidingWindow = async (
  counters: PromiseClusterCache<number>,
  who: string,
  limit: Limit,
  now = Date.now()
) => {
  const window = Math.floor(now / limit.window)
  const [current, before] = [`sliding:${who}:${window}`, `sliding:${who}:${window - 1}`]
  // Counted first, so that of two at once only one is the last that may pass.
  const [count, past] = await Promise.all([counters.incr(current, 1, { ttl: 2 * limit.window }), counters.get(before)])
  const covered = 1 - (now % limit.window) / limit.window
  if (count + (past ?? 0) * covered <= limit.most) return true
  await counters.decr(current)
  return false
}
