/**
 * Lifetimes in KV: whole seconds, 60 at least. A value with a shorter life has its exact time beside it.
 */

/** The shortest lifetime in KV, in seconds. */
const shortest = 60

/** Some 30 years, in seconds. A value with a longer life is kept without an end. */
const longest = 1_000_000_000

interface Exact {
  /** The end of its life: epoch milliseconds by the writer's clock. */
  readonly overAt: number
}

/** The options for a lifetime in milliseconds, which is never shortened. */
export const optionsOf = (ttl: number): { expirationTtl?: number; metadata?: Exact } => {
  const seconds = Math.ceil(ttl / 1000)
  if (seconds >= longest) return {}
  if (ttl >= shortest * 1000) return { expirationTtl: seconds }
  return { expirationTtl: shortest, metadata: { overAt: Date.now() + Math.max(0, ttl) } }
}

/** True when the exact time stored with a value has passed. */
export const isOver = (metadata: unknown): boolean => {
  const overAt = typeof metadata === "object" && metadata !== null ? (metadata as Partial<Exact>).overAt : undefined
  return typeof overAt === "number" && Date.now() >= overAt
}
