/**
 * The contenders side by side: one row per figure that matters in the scenario.
 */
import type { Figures, Spread } from "../recording/Figures.ts"
import { count, millis } from "../recording/Format.ts"
import { scenario } from "../scenarios/Scenarios.ts"
import type { Outcome } from "./Stampede.ts"

export interface Comparison {
  readonly titles: ReadonlyArray<string>
  readonly rows: ReadonlyArray<ComparisonRow>
}

export interface ComparisonRow {
  readonly label: string
  /** One per contender. */
  readonly values: ReadonlyArray<string>
  /** True for the row that matters most. */
  readonly main?: boolean
}

export const comparison = ({ figures, recordings, settings }: Outcome): Comparison => {
  const row = (label: string, value: (figures: Figures) => string): ComparisonRow => ({
    label,
    values: figures.map(value)
  })
  const { measure, name } = scenario(settings.scenario)
  const any = (f: (figures: Figures) => number): boolean => figures.some((figures) => f(figures) > 0)
  const what = measure === "beyondLoad" ? "wait beyond the load" : "wait"
  const at = (share: keyof Spread) => (figures: Figures) => shown(figures[measure]?.[share])
  return {
    titles: recordings.map(({ title }) => title),
    rows: [
      { ...row("origin calls", ({ originCalls }) => count(originCalls)), main: true },
      ...(any(({ failed }) => failed) ? [row("callers given the error", ({ failed }) => count(failed))] : []),
      ...(any(({ answered }) => answered) ? [row("callers given a value", ({ answered }) => count(answered))] : []),
      ...(any(({ stale }) => stale) ? [row("… of them stale, at once", ({ stale }) => count(stale))] : []),
      ...(any(({ died }) => died) ? [row("callers killed", ({ died }) => count(died))] : []),
      ...(any(({ unanswered }) => unanswered)
        ? [row("callers left waiting", ({ unanswered }) => count(unanswered))]
        : []),
      row(`${what}, p50`, at("p50")),
      row(`${what}, p95`, at("p95")),
      row(`${what}, p99`, at("p99")),
      row(`${what}, max`, at("max")),
      row("store commands", ({ storeCommands }) => (storeCommands === undefined ? "–" : count(storeCommands.total))),
      ...(figures.some(({ commandsBefore }) => commandsBefore !== undefined)
        ? [
            row("… before the change", ({ commandsBefore }) =>
              commandsBefore === undefined ? "–" : count(commandsBefore)
            )
          ]
        : []),
      row("… busiest process", ({ storeCommands }) => (storeCommands === undefined ? "–" : count(storeCommands.most))),
      ...(any(({ takeovers }) => takeovers) ? [row("takeovers", ({ takeovers }) => count(takeovers))] : []),
      ...(name === "delete"
        ? [
            row("late fills refused", ({ refusedFills }) => count(refusedFills)),
            { label: "in the cache afterwards", values: recordings.map(({ afterwards }) => left(afterwards)) }
          ]
        : []),
      row("wall time", ({ wall }) => millis(wall))
    ]
  }
}

const shown = (value: number | undefined): string => (value === undefined ? "–" : millis(value))

const left = (afterwards: Outcome["recordings"][number]["afterwards"]): string => {
  if (afterwards.some(({ current, version }) => version !== undefined && version !== current)) return "the old row"
  return afterwards.every(({ version }) => version === undefined) ? "nothing" : "the new row"
}
