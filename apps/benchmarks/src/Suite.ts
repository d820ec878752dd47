/**
 * What a benchmark is: contenders that all do the same work, and what is measured while they do it.
 */

/** Where the Redis of a run listens. */
export interface Address {
  readonly host: string
  readonly port: number
}

/** What a contender is given when it is opened. */
export interface Setting {
  /** Takes as little time as possible: for the smoke test and a first look. */
  readonly quick: boolean
  /** The time in which batches are long enough. Default `time`. */
  readonly by?: "time" | "cpu"
  /** Present when the suite asked for it. */
  readonly redis: Address | undefined
  /** URLs of the backends that are there, by name. */
  readonly backends?: Readonly<Record<string, string>>
}

/** One measurement of one contender: a number for each of the suite's metrics that it has. */
export type Sample = Readonly<Record<string, number>>

/** An open contender, warmed up. It throws when a contender does not do its job: a wrong value, a load too many. */
export interface Probe {
  readonly sample: () => Promise<Sample>
  readonly close: () => Promise<void>
}

/** One that takes part in a suite. */
export interface Contender {
  readonly name: string
  /** The npm packages whose versions matter. */
  readonly packages: ReadonlyArray<string>
  /** Not a cache but the least that the machine can do; the first floor of a suite is what ratios refer to. */
  readonly floor?: boolean
  /** One of ours, which the verdicts are about. */
  readonly ours?: boolean
  /** The backend without which it does not take part. */
  readonly backend?: string
  readonly open: (setting: Setting) => Promise<Probe>
}

export interface Metric {
  readonly key: string
  /** The column's heading. */
  readonly title: string
  readonly unit: "ns" | "µs" | "ms" | "bytes" | "MB" | "count" | "times"
  /** Whether a column of ratios to the floor follows. */
  readonly ratio?: boolean
  readonly digits?: number
}

/** A demand on our own rows that is checked after a run and told, met or not. */
export interface Target {
  readonly text: string
  readonly met: (rows: Rows) => boolean
}

export interface Row {
  readonly name: string
  /** All samples of a metric, in the order of the rounds, so that rounds can be compared pairwise. */
  readonly samples: ReadonlyArray<Sample>
}

/** What came out, asked by name and metric. */
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
  /** What is measured and how, in a sentence or two. */
  readonly about: string
  readonly metrics: ReadonlyArray<Metric>
  readonly contenders: ReadonlyArray<Contender>
  readonly redis?: boolean
  /** Every contender has a process of its own, so that one's code never runs as compiled for another. */
  readonly isolated: boolean
  readonly rounds: number
  /** The rounds are shared out among so many processes of each contender, one after the other: no process is like another. Default 1. */
  readonly generations?: number
  readonly targets?: ReadonlyArray<Target>
  /** What the figures of a run show, made from them: also where we lose. */
  readonly verdict: (rows: Rows) => ReadonlyArray<string>
}
