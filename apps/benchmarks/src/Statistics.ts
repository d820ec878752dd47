/** A sample in three numbers: the median, and the lower and the upper quartile. */
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
  // An infinite neighbour must not turn the result into NaN.
  return below === above ? below : below + (above - below) * (at - Math.floor(at))
}

/** Median and quartiles. */
export const summary = (sample: ReadonlyArray<number>): Summary => {
  const sorted = sample.toSorted((a, b) => a - b)
  return { median: quantile(sorted, 0.5), low: quantile(sorted, 0.25), high: quantile(sorted, 0.75) }
}

/** The two values between which the median of the population lies. */
export interface Interval {
  readonly low: number
  readonly high: number
}

/**
 * The 95 % confidence interval of the median that inverts the sign test: from the r-th smallest value to the r-th
 * largest, with the largest r for which fewer than r of n values fall below the median with a probability of at most
 * 2.5 %. It assumes nothing about the distribution. See H. A. David and H. N. Nagaraja, Order Statistics, 3rd edition,
 * section 7.1. With fewer than 6 values there is none.
 */
export const medianInterval = (sample: ReadonlyArray<number>): Interval | undefined => {
  const n = sample.length
  // The probabilities that exactly `below` values, and at most `below` values, fall below the median.
  let exactly = 0.5 ** n
  let atMost = exactly
  let r = 0
  while (atMost <= 0.025) {
    r++
    exactly *= (n - r + 1) / r
    atMost += exactly
  }
  if (r === 0) return undefined
  const sorted = sample.toSorted((a, b) => a - b)
  return { low: sorted[r - 1]!, high: sorted[n - r]! }
}
