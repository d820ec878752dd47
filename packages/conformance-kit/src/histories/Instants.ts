/**
 * The instants at which many requests took effect, as far as they can be known: a system of bounds
 * between instants, solved by shortest paths (Bellman and Ford).
 */

/** `later - earlier <= most`, in milliseconds; instants are numbered, and `-1` is the origin of time. */
export interface Bound {
  readonly later: number
  readonly earlier: number
  readonly most: number
}

/** The instant lies between two times. */
export const within = (instant: number, from: number, to: number): ReadonlyArray<Bound> => [
  { later: instant, earlier: -1, most: to },
  { later: -1, earlier: instant, most: -from }
]

/** `later` is at most `most` after `earlier`. */
export const atMost = (later: number, earlier: number, most: number): Bound => ({ later, earlier, most })

/** `later` is at least `least` after `earlier`. */
export const atLeast = (later: number, earlier: number, least: number): Bound => ({
  later: earlier,
  earlier: later,
  most: -least
})

/** Instants that keep all bounds, relative to the origin; nothing when there are none. */
export const solve = (count: number, bounds: ReadonlyArray<Bound>): ReadonlyArray<number> | undefined => {
  // The origin comes last; every instant starts at 0 from a source that reaches all.
  const distance = new Float64Array(count + 1)
  const at = (instant: number): number => (instant === -1 ? count : instant)
  for (let round = 0; round <= count + 1; round++) {
    let changed = false
    for (const { earlier, later, most } of bounds) {
      const reached = distance[at(earlier)]! + most
      // Rounding errors of sums must not look like a cycle.
      if (reached < distance[at(later)]! - 1e-6) {
        distance[at(later)] = reached
        changed = true
      }
    }
    if (!changed) return Array.from(distance.subarray(0, count), (instant) => instant - distance[count]!)
  }
  return undefined
}
