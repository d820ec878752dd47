/**
 * Durations as scripts read them. A lifetime is never made longer by its fraction, a lease never shorter.
 */

/** Some 30,000 years: beyond it Redis cannot count, and nobody needs to. */
const tooLong = 1e15

export const atMost = (ms: number): string => (ms < tooLong ? String(Math.max(0, Math.floor(ms))) : "inf")

export const atLeast = (ms: number): string => (ms < tooLong ? String(Math.max(0, Math.ceil(ms))) : "inf")
