/**
 * How long something took, over and over: count, mean and quantiles in bounded memory.
 *
 * Log-linear buckets, after HdrHistogram (Gil Tene, http://hdrhistogram.org): every power of two of microseconds is
 * divided into 32. A quantile is wrong by at most 1/64 (1.6 %) of its value, or half a microsecond if that is more.
 * 7 KB, once something was recorded; recording allocates nothing.
 */

/** How long something took, in milliseconds; zeros before the first time. The quantiles are exact to 1.6 %. */
export interface Timing {
  readonly count: number
  readonly mean: number
  readonly p50: number
  readonly p95: number
  readonly p99: number
}

/** Each power of two has this many buckets, as a power of two. */
const bits = 5

/** Some 71 minutes, in microseconds: what took longer counts into the last bucket, and in full into the mean. */
const most = 2 ** 32 - 1

/** Milliseconds from one monotonic instant to another, both in nanoseconds. */
export const millisBetween = (from: bigint, to: bigint): number => Number(to - from) / 1e6

const size = (32 - bits - 1) * 2 ** bits + 2 ** (bits + 1)

const shiftOf = (micros: number): number => Math.max(0, 31 - bits - Math.clz32(micros))

/** The middle of a bucket, in milliseconds. */
const middle = (bucket: number): number => {
  const shift = Math.max(0, (bucket >>> bits) - 1)
  const low = (bucket - shift * 2 ** bits) * 2 ** shift
  return (low + (2 ** shift - 1) / 2) / 1000
}

/** A record of durations. */
export class Histogram {
  private count = 0
  private sum = 0
  private longest = 0
  private buckets: Float64Array | undefined = undefined

  /** Takes a duration in milliseconds; one below 0 counts as 0. */
  record(millis: number): void {
    const took = Math.max(0, millis)
    const micros = Math.min(most, Math.round(took * 1000)) >>> 0
    const shift = shiftOf(micros)
    this.buckets ??= new Float64Array(size)
    this.buckets[shift * 2 ** bits + (micros >>> shift)]! += 1
    this.count++
    this.sum += took
    if (took > this.longest) this.longest = took
  }

  /** What was recorded until now. */
  timing(): Timing {
    const { count, sum } = this
    const [p50, p95, p99] = this.quantiles([0.5, 0.95, 0.99]) as [number, number, number]
    return { count, mean: count === 0 ? 0 : sum / count, p50, p95, p99 }
  }

  /** The smallest durations that so many of all do not exceed; the parts given in ascending order. */
  private quantiles(parts: ReadonlyArray<number>): ReadonlyArray<number> {
    const { buckets, count, longest } = this
    let bucket = -1
    let seen = 0
    return parts.map((part) => {
      if (buckets === undefined) return 0
      const rank = Math.max(1, Math.ceil(part * count))
      while (seen < rank) seen += buckets[++bucket]!
      return bucket === size - 1 ? longest : Math.min(middle(bucket), longest)
    })
  }
}
