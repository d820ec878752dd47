/** One measurement of two checkouts in alternating rounds, and what the pairs say. */
import { Child } from "../Child.ts"
import { forkBuilt } from "../Fork.ts"
import { nothing } from "../peers/Peer.ts"
import { ratios } from "../Result.ts"
import { type Failure, run } from "../Rig.ts"
import { type Interval, medianInterval, type Summary, summary } from "../Statistics.ts"
import type { Contender, Metric, Row, Sample, Setting, Suite } from "../Suite.ts"
import { figure, type Table } from "../Table.ts"
import type { Measurement } from "./Measurements.ts"
import type { Order } from "./Side.ts"

/** What new divided by old may be. The interval must reach down to the first, and the median may not exceed the second. */
export const bound = { low: 1.05, median: 1.08 }

/** Folders of two checkouts that are built. */
export interface Sides {
  readonly old: string
  readonly new: string
}

/** What one metric came to. */
export interface Compared {
  readonly metric: Metric
  readonly old: Summary
  readonly new: Summary
  /** The median of new divided by old, each of one round. */
  readonly ratio: number
  /** Absent when there were too few rounds. */
  readonly interval: Interval | undefined
}

export interface Comparison {
  readonly compared: ReadonlyArray<Compared>
  readonly failures: ReadonlyArray<Failure>
}

/** Milliseconds for which a process is measured, after its warm-up. */
const window = 350

/** A round of one side: the medians of what a new process measures. */
const sampled = async (order: Order): Promise<Sample> => {
  const child = await Child.open(forkBuilt(new URL("./Side.ts", import.meta.url), [JSON.stringify(order)]))
  try {
    const samples: Array<Sample> = []
    const end = performance.now() + (order.setting.quick ? 0 : window)
    do samples.push(await child.sample())
    while (performance.now() < end)
    return Object.fromEntries(
      Object.keys(samples[0]!).map((key) => [key, summary(samples.map((sample) => sample[key]!)).median])
    )
  } finally {
    await child.close()
  }
}

/** Judges a metric by the rows of both sides. */
export const comparedOf = (metric: Metric, old: Row, now: Row): Compared => {
  const all = ratios(now, old, metric.key)
  const values = (row: Row) => row.samples.map((sample) => sample[metric.key]!)
  return {
    metric,
    old: summary(values(old)),
    new: summary(values(now)),
    ratio: summary(all).median,
    interval: medianInterval(all)
  }
}

/** True when new is as good as old as far as the rounds can tell; undefined when they were too few. */
export const within = ({ interval, ratio }: Compared): boolean | undefined =>
  interval === undefined ? undefined : interval.low <= bound.low && ratio <= bound.median

export const compare = async (
  { metrics, name }: Measurement,
  sides: Sides,
  options: {
    readonly setting: Setting
    readonly rounds: number
    readonly onProgress?: (text: string) => void
  }
): Promise<Comparison> => {
  const side = (which: keyof Sides): Contender => ({
    name: which,
    packages: [],
    open: async (setting) => ({
      sample: () => sampled({ checkout: sides[which], measurement: name, setting }),
      close: nothing
    })
  })
  const suite: Suite = {
    name,
    title: name,
    about: "",
    metrics,
    contenders: [side("old"), side("new")],
    isolated: false,
    rounds: options.rounds,
    verdict: () => []
  }
  const { failures, rows } = await run(suite, options)
  const [old, now] = ["old", "new"].map((name) => rows.find((row) => row.name === name))
  const compared = old && now ? metrics.map((metric) => comparedOf(metric, old, now)) : []
  return { compared, failures }
}

const words = new Map([
  [true, "yes"],
  [false, "NO"],
  [undefined, "too few rounds"]
])

export const tableOf = (all: ReadonlyArray<Compared>): Table => ({
  head: ["", "old", "new", "new ÷ old", "95 % interval", "within the bound"],
  rows: all.map((one) => [
    one.metric.title,
    figure(one.metric, one.old),
    figure(one.metric, one.new),
    one.ratio.toFixed(3),
    one.interval === undefined ? "–" : `${one.interval.low.toFixed(3)}–${one.interval.high.toFixed(3)}`,
    words.get(within(one))!
  ])
})
