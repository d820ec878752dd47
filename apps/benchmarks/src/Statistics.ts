/** A sample in three numbers: the median, and the quarter below and above it that are its spread. */
export interface Summary {
  readonly median: number
  readonly low: number
  readonly high: number
}

/** The value below which a share `q` of the sorted sample lies, between its neighbours where it falls between. */
export const quantile = (sorted: ReadonlyArray<number>, q: number): number => {
  const at = (sorted.length - 1) * q
  const below = sorted[Math.floor(at)]!
  const above = sorted[Math.ceil(at)]!
  // An infinite neighbour must not make a number of what is none.
  return below === above ? below : below + (above - below) * (at - Math.floor(at))
}

/** Median and quartiles. */
export const summary = (sample: ReadonlyArray<number>): Summary => {
  const sorted = sample.toSorted((a, b) => a - b)
  return { median: quantile(sorted, 0.5), low: quantile(sorted, 0.25), high: quantile(sorted, 0.75) }
}
