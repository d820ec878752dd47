/**
 * How long KV keeps a value: whole seconds, 60 at least. What is to live shorter has its exact time beside it.
 */

/** KV's shortest, in seconds. */
const shortest = 60

/** Some 30 years, in seconds: what lives longer is kept without an end. */
const longest = 1_000_000_000

interface Exact {
  /** When it is over: epoch milliseconds by the clock of who wrote it. */
  readonly overAt: number
}

/** What KV is told of so many milliseconds. Never shorter than they are. */
export const optionsOf = (ttl: number): { expirationTtl?: number; metadata?: Exact } => {
  const seconds = Math.ceil(ttl / 1000)
  if (seconds >= longest) return {}
  if (ttl >= shortest * 1000) return { expirationTtl: seconds }
  return { expirationTtl: shortest, metadata: { overAt: Date.now() + Math.max(0, ttl) } }
}

/** Whether the exact time that was kept with a value has passed. */
export const isOver = (metadata: unknown): boolean => {
  const overAt = typeof metadata === "object" && metadata !== null ? (metadata as Partial<Exact>).overAt : undefined
  return typeof overAt === "number" && Date.now() >= overAt
}
