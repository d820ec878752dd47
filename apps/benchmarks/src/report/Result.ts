/** The result of a suite's run: its figures, summed up, and its targets, met or not. */
import type { Outcome } from "../Rig.ts"
import { type Summary, summary } from "../Statistics.ts"
import type { Contender, Row, Rows, Suite } from "../Suite.ts"

export interface ResultRow {
  readonly name: string
  readonly figures: Readonly<Record<string, Summary>>
  /** The ratios to the floor, round by round, of the metrics that ask for it. */
  readonly ratios: Readonly<Record<string, Summary>>
}

/** A contender that took no part because its backend is not available. */
export interface NotRun {
  readonly name: string
  readonly reason: string
}

export interface Result {
  readonly suite: string
  readonly date: string
  readonly commit: string
  readonly rounds: number
  readonly rows: ReadonlyArray<ResultRow>
  readonly targets: ReadonlyArray<{ readonly text: string; readonly met: boolean }>
  /** The findings from the figures, in sentences. */
  readonly verdict: ReadonlyArray<string>
  readonly failures: Outcome["failures"]
  readonly notRun?: ReadonlyArray<NotRun>
}

const values = (row: Row, metric: string): Array<number> =>
  row.samples.flatMap((sample) => (sample[metric] === undefined ? [] : [sample[metric]]))

/** The figures of one contender divided by those of another, in the same rounds. */
export const ratios = (row: Row, other: Row, metric: string): Array<number> =>
  row.samples.flatMap((sample, round) => {
    const mine = sample[metric]
    const theirs = other.samples[round]?.[metric]
    return mine === undefined || theirs === undefined ? [] : [mine / theirs]
  })

const asked = (suite: Suite, rows: ReadonlyArray<Row>): Rows => {
  const rowOf = (name: string): Row => {
    const row = rows.find((row) => row.name === name)
    if (row === undefined) throw new Error(`no row of ${suite.name} is named ${name}`)
    return row
  }
  const kind = (is: (contender: Contender) => boolean): Array<string> =>
    rows.flatMap(({ name }) => (is(suite.contenders.find((contender) => contender.name === name)!) ? [name] : []))
  return {
    median: (name, metric) => summary(values(rowOf(name), metric)).median,
    max: (name, metric) => Math.max(...values(rowOf(name), metric)),
    ratio: (name, other, metric) => summary(ratios(rowOf(name), rowOf(other), metric)).median,
    ours: kind((contender) => contender.ours === true),
    others: kind(({ floor, ours }) => floor !== true && ours !== true)
  }
}

/** The error for findings that need a missing row. */
const orElse = <A>(say: () => A, otherwise: A): A => {
  try {
    return say()
  } catch {
    return otherwise
  }
}

/** No figure here is exact to more than four digits. */
const short = ({ high, low, median }: Summary): Summary => {
  const round = (x: number): number => Number(x.toPrecision(4))
  return { median: round(median), low: round(low), high: round(high) }
}

export const resultOf = (
  suite: Suite,
  { failures, rows }: Outcome,
  commit: string,
  notRun: ReadonlyArray<NotRun> = []
): Result => {
  const floor = rows.find(({ name }) => suite.contenders.find((contender) => contender.name === name)?.floor)
  const facts = asked(suite, rows)
  const summed = (row: Row): ResultRow => {
    const figures: Record<string, Summary> = {}
    const relative: Record<string, Summary> = {}
    for (const { key, ratio } of suite.metrics) {
      const all = values(row, key)
      if (all.length === 0) continue
      figures[key] = short(summary(all))
      if (ratio && floor !== undefined) relative[key] = short(summary(ratios(row, floor, key)))
    }
    return { name: row.name, figures, ratios: relative }
  }
  return {
    suite: suite.name,
    date: new Date().toISOString(),
    commit,
    rounds: Math.max(0, ...rows.map(({ samples }) => samples.length)),
    rows: rows.map(summed),
    targets: (suite.targets ?? []).map((target) => ({
      text: target.text,
      met: orElse(() => target.met(facts), false)
    })),
    verdict: orElse(() => suite.verdict(facts), []),
    failures,
    notRun
  }
}
