/**
 * Durations as they are stored: whole milliseconds. A lifetime is never made longer by its fraction, a lease never shorter.
 */
import type { Lifetime } from "@cache-locking/core"

/** Some 30,000 years: beyond it is no end. */
const tooLong = 1e15

export const atMost = (ms: number): number => (ms < tooLong ? Math.max(0, Math.floor(ms)) : Number.POSITIVE_INFINITY)
export const atLeast = (ms: number): number => (ms < tooLong ? Math.max(0, Math.ceil(ms)) : Number.POSITIVE_INFINITY)

/** How long a value lives. */
export interface Span {
  readonly fresh: number
  readonly stale: number
}

export const ofLifetime = ({ fresh, stale }: Lifetime): Span => ({ fresh: atMost(fresh), stale: atMost(stale) })
