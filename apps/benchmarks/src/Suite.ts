/**
 * A benchmark: contenders that all do the same work, and the metrics that are measured meanwhile.
 */

/** The address of the Redis of a run. */
export interface Address {
  readonly host: string
  readonly port: number
}

/** The argument with which a contender is opened. */
export interface Setting {
  /** True to take as little time as possible: for the smoke test and a first impression. */
  readonly quick: boolean
  /** The time in which batches are long enough. Default `time`. */
  readonly by?: "time" | "cpu"
  /** Present when the suite asked for it. */
  readonly redis: Address | undefined
  /** URLs of the available backends, by name. */
  readonly backends?: Readonly<Record<string, string>>
}

/** One measurement of one contender: a number for each of the suite's metrics that it has. */
export type Sample = Readonly<Record<string, number>>

/** An open contender, warmed up. It throws when a contender returns a wrong value, or loads too often. */
export interface Probe {
  readonly sample: () => Promise<Sample>
  readonly close: () => Promise<void>
}

/** A participant of a suite. */
export interface Contender {
  readonly name: string
  /** The npm packages whose versions matter. */
  readonly packages: ReadonlyArray<string>
  /** True for the least work possible, not a cache. Ratios refer to the first floor of a suite. */
  readonly floor?: boolean
  /** True for one of ours, which the verdicts judge. */
  readonly ours?: boolean
  /** The backend that it needs to take part. */
  readonly backend?: string
  readonly open: (setting: Setting) => Promise<Probe>
}

export interface Metric {
  readonly key: string
  /** The column's heading. */
  readonly title: string
  readonly unit: "ns" | "µs" | "ms" | "bytes" | "MB" | "count" | "times"
  /** True when a column of ratios to the floor follows. */
  readonly ratio?: boolean
  readonly digits?: number
}

/** A target for our own rows, checked after a run and reported as met or missed. */
export interface Target {
  readonly text: string
  readonly met: (rows: Rows) => boolean
}

export interface Row {
  readonly name: string
  /** All samples of a metric, in the order of the rounds, so that rounds can be compared pairwise. */
  readonly samples: ReadonlyArray<Sample>
}

/** The figures, by name and metric. */
export interface Rows {
  readonly median: (contender: string, metric: string) => number
  readonly max: (contender: string, metric: string) => number
  /** The median, over the rounds, of one's figure divided by the other's of the same round. */
  readonly ratio: (contender: string, other: string, metric: string) => number
  /** Neither ours nor a floor. */
  readonly others: ReadonlyArray<string>
  readonly ours: ReadonlyArray<string>
}

export interface Suite {
  readonly name: string
  readonly title: string
  /** The method of the measurement, in a sentence or two. */
  readonly about: string
  readonly metrics: ReadonlyArray<Metric>
  readonly contenders: ReadonlyArray<Contender>
  readonly redis?: boolean
  /** Every contender has a process of its own, so that none runs code that was compiled for another. */
  readonly isolated: boolean
  readonly rounds: number
  /**
   * The rounds are divided among this many processes of each contender, one after the other, because no two processes
   * are alike. Default 1.
   */
  readonly generations?: number
  readonly targets?: ReadonlyArray<Target>
  /** Makes the findings of a run from its figures, including those where we lose. */
  readonly verdict: (rows: Rows) => ReadonlyArray<string>
}
