/** One measurement of two checkouts in alternating rounds, and the verdict on the pairs. */
import { nothing } from "../peers/Peer.ts"
import { Child } from "../processes/Child.ts"
import { forkBuilt } from "../processes/Fork.ts"
import { type Failure, run } from "../Rig.ts"
import { ratios } from "../report/Result.ts"
import { figure, type Table } from "../report/Table.ts"
import { type Interval, medianInterval, type Summary, summary } from "../Statistics.ts"
import type { Contender, Row, Sample, Setting, Suite } from "../Suite.ts"
import type { Figure, Measurement } from "./Measurements.ts"
import type { Order } from "./Side.ts"

/** The bound on new divided by old: the interval begins at `low` or below, and the median is at most `median`. */
export const bound = { low: 1.05, median: 1.08 }

/** The folders of two built checkouts. */
export interface Sides {
  readonly old: string
  readonly new: string
}

/** The result of one figure. */
export interface Compared {
  readonly figure: Figure
  readonly old: Summary
  readonly new: Summary
  /** The median of the ratios new to old, one for each round. */
  readonly ratio: number
  /** Absent when there were too few rounds. */
  readonly interval: Interval | undefined
}

export interface Comparison {
  readonly compared: ReadonlyArray<Compared>
  readonly failures: ReadonlyArray<Failure>
}

/** A round of one side: the medians of a new process. */
const sampled = async (order: Order, count: number): Promise<Sample> => {
  const child = await Child.open(forkBuilt(new URL("./Side.ts", import.meta.url), [JSON.stringify(order)]))
  try {
    const samples: Array<Sample> = []
    for (let i = 0; i < count; i++) samples.push(await child.sample())
    return Object.fromEntries(
      Object.keys(samples[0]!).map((key) => [key, summary(samples.map((sample) => sample[key]!)).median])
    )
  } finally {
    await child.close()
  }
}

/** Compares a figure by the rows of both sides. */
export const comparedOf = (figure: Figure, old: Row, now: Row): Compared => {
  const all = ratios(now, old, figure.key)
  const values = (row: Row) => row.samples.map((sample) => sample[figure.key]!)
  return {
    figure,
    old: summary(values(old)),
    new: summary(values(now)),
    ratio: summary(all).median,
    interval: medianInterval(all)
  }
}

/** True when the rounds show no loss of new against old; `undefined` for a figure that is not judged. */
export const within = ({ figure, interval, ratio }: Compared): boolean | undefined =>
  interval === undefined || figure.unjudged ? undefined : interval.low <= bound.low && ratio <= bound.median

export const compare = async (
  { figures, name, samples }: Measurement,
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
      sample: () => sampled({ checkout: sides[which], measurement: name, setting }, setting.quick ? 1 : samples),
      close: nothing
    })
  })
  const suite: Suite = {
    name,
    title: name,
    about: "",
    metrics: figures,
    contenders: [side("old"), side("new")],
    isolated: false,
    rounds: options.rounds,
    verdict: () => []
  }
  const { failures, rows } = await run(suite, options)
  const [old, now] = ["old", "new"].map((name) => rows.find((row) => row.name === name))
  const compared = old && now ? figures.map((figure) => comparedOf(figure, old, now)) : []
  return { compared, failures }
}

const words = new Map([
  [true, "yes"],
  [false, "NO"],
  [undefined, "not judged"]
])

export const tableOf = (all: ReadonlyArray<Compared>): Table => ({
  head: ["", "old", "new", "new ÷ old", "95 % interval", "within the bound"],
  rows: all.map((one) => [
    one.figure.title,
    figure(one.figure, one.old),
    figure(one.figure, one.new),
    one.ratio.toFixed(3),
    one.interval === undefined ? "–" : `${one.interval.low.toFixed(3)}–${one.interval.high.toFixed(3)}`,
    words.get(within(one))!
  ])
})
