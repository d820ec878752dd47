/** One cell: the condition befalls a store that two callers ask, and they report what they saw. */
import { setTimeout as sleep } from "node:timers/promises"
import type { BackendName } from "../backends/Backends.ts"
import { type Mode, open } from "./Callers.ts"
import { cells } from "./Cells.ts"
import { type Condition, isMade } from "./Condition.ts"
import type { BatchAnswer, BatchLeft, Report } from "./Messages.ts"

/** What one caller saw of a store in a condition. */
export interface Row extends Report {
  readonly store: BackendName
  readonly condition: Condition
  readonly onAdapterError: Mode
}

/** The cell: a row for each caller. */
export interface Measured {
  /** The product and its version. */
  readonly title: string
  readonly rows: ReadonlyArray<Row>
}

export interface Pace {
  /** Calls for keys of each kind. */
  readonly calls: number
  /** Milliseconds between two of them. */
  readonly every: number
  /** Milliseconds that a condition lasts which does not end by itself. */
  readonly lasts: number
}

/** A hundred calls of each kind, twenty a second; the condition outlasts what they wait for. */
export const pace: Pace = { calls: 100, every: 50, lasts: 10_000 }

/** Measures a cell that can be made. Rejects with `Unavailable` where there is no server to be had. */
export const measure = async (
  store: BackendName,
  condition: Condition,
  { calls, every, lasts }: Pace = pace
): Promise<Measured> => {
  const cell = cells[store][condition]
  if (!isMade(cell)) throw new Error(`${store} cannot be ${condition}: ${cell.why}`)
  await using stack = new AsyncDisposableStack()
  const { stage, start, title } = await open(stack, store, ["fail", "fetch"], cell.args)
  const trouble = await cell.make(stage)
  const callers = await start()
  await trouble.begin()
  await Promise.all(callers.map((caller) => caller.ask({ do: "call", calls, every }, "call")))
  await (trouble.last ?? sleep)(cell.lasts ?? lasts)
  await trouble.end()
  const rows = await Promise.all(
    callers.map(async (caller): Promise<Row> => {
      const { report } = await caller.ask({ do: "back" }, "report")
      const left = await caller.close()
      const unhandled = left === undefined ? report.unhandled : [...report.unhandled, left]
      return { store, condition, onAdapterError: caller.mode, ...report, unhandled }
    })
  )
  return { title, rows }
}

type Judged = Pick<Report, "healed" | "unanswered" | "unhandled" | "untyped">

/**
 * What no worst day may bring: a figure without a bound, an error without a type, a failure that nobody handled. No other
 * figure is judged.
 */
export const faultsOf = ({ healed, unanswered, unhandled, untyped }: Judged): ReadonlyArray<string> => [
  ...(unanswered > 0 ? [`${unanswered} calls were not answered`] : []),
  ...(healed === null ? ["the cache was not well again"] : []),
  ...untyped.map((error) => `an untyped error: ${error}`),
  ...unhandled.map((error) => `unhandled: ${error}`)
]

/** The same of a batch. */
export const batchFaultsOf = ({
  took,
  unhandled,
  untyped
}: Pick<BatchAnswer & BatchLeft, "took" | "unhandled" | "untyped">): ReadonlyArray<string> =>
  faultsOf({ healed: 0, unanswered: took === null ? 1 : 0, unhandled, untyped })
