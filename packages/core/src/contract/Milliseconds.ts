/**
 * Durations as backends take them: whole milliseconds, never below none, and `Infinity` for what has no end.
 */
import type { Lifetime } from "./Adapter.ts"

/** Some 30,000 years. A longer time is as good as endless, and no longer exact in every backend. */
const endless = 1e15

/** Rounds down: a lifetime is never made longer by its fraction. */
export const atMost = (ms: number): number => (ms < endless ? Math.max(0, Math.floor(ms)) : Number.POSITIVE_INFINITY)

/** Rounds up: a lease is never made shorter by its fraction. */
export const atLeast = (ms: number): number => (ms < endless ? Math.max(0, Math.ceil(ms)) : Number.POSITIVE_INFINITY)

/** A lifetime in whole milliseconds. */
export const lifetime = ({ fresh, stale }: Lifetime): Lifetime => ({ fresh: atMost(fresh), stale: atMost(stale) })
