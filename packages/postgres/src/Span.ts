/**
 * Durations as they are stored: whole milliseconds. A lifetime is never made longer by its fraction, a lease never shorter.
 */
import type { Lifetime } from "@cache-locking/core"

export const atMost = (ms: number): number => Math.max(0, Math.floor(ms))
export const atLeast = (ms: number): number => Math.max(0, Math.ceil(ms))

/** How long a value is fresh, and how long it is kept after that. */
export const ofLifetime = ({ fresh, stale }: Lifetime): readonly [number, number] => [atMost(fresh), atMost(stale)]
