/**
 * One run in numbers.
 */
import { answered, died, leases, type Recording } from "./Recording.ts"

/** Percentiles, in milliseconds. */
export interface Spread {
  readonly p50: number
  readonly p95: number
  readonly p99: number
  readonly max: number
}

export interface Figures {
  readonly contender: string
  readonly originCalls: number
  /** Callers that were given a value. */
  readonly answered: number
  /** Callers that were given an error. */
  readonly failed: number
  /** Callers that were killed with their process. */
  readonly died: number
  /** Callers of living processes without an answer. */
  readonly unanswered: number
  readonly stale: number
  /** The waits of the callers. */
  readonly waited: Spread | undefined
  /** The waits beyond the time of one load. */
  readonly beyondLoad: Spread | undefined
  /** Commands sent to the store, by all processes and by the busiest; `undefined` if they could not be counted. */
  readonly storeCommands: { readonly total: number; readonly most: number } | undefined
  /** The commands that were sent before new values were set, in scenarios that set some. */
  readonly commandsBefore: number | undefined
  /** From the start to the last answer. */
  readonly wall: number
  /** Leases that expired without a fill, and were followed by a lease of another process. */
  readonly takeovers: number
  /** Late fills that were refused. */
  readonly refusedFills: number
  /** Keys whose value in the cache afterwards is not the origin's current one. */
  readonly outdatedKeys: number
}

/** The nearest-rank percentile of sorted values. */
export const percentile = (sorted: ReadonlyArray<number>, share: number): number =>
  sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN

const spread = (values: ReadonlyArray<number>): Spread | undefined => {
  if (values.length === 0) return undefined
  const sorted = values.toSorted((a, b) => a - b)
  return {
    p50: percentile(sorted, 0.5),
    p95: percentile(sorted, 0.95),
    p99: percentile(sorted, 0.99),
    max: percentile(sorted, 1)
  }
}

/** The figures of a run whose origin takes `load` milliseconds. */
export const figures = (recording: Recording, load: number): Figures => {
  const callers = answered(recording)
  const waits = callers.map(({ begin, end }) => end - begin)
  const killed = died(recording)
  const start = recording.start ?? 0
  return {
    contender: recording.contender,
    originCalls: recording.loads.length,
    answered: callers.filter(({ how }) => how !== "failed").length,
    failed: callers.filter(({ how }) => how === "failed").length,
    died: killed,
    unanswered: recording.expected - callers.length - killed,
    stale: callers.filter(({ how }) => how === "stale").length,
    waited: spread(waits),
    beyondLoad: spread(waits.map((wait) => Math.max(0, wait - load))),
    storeCommands: commands(recording),
    commandsBefore: recording.change?.before,
    wall: callers.reduce((last, { end }) => Math.max(last, end), start) - start,
    takeovers: leases(recording).filter(({ takesOver }) => takesOver !== undefined).length,
    refusedFills: leases(recording).filter(({ ended }) => ended === "refused").length,
    outdatedKeys: recording.afterwards.filter(({ current, version }) => version !== undefined && version !== current)
      .length
  }
}

const commands = ({ processes }: Recording): Figures["storeCommands"] => {
  let total = 0
  let most = 0
  for (const { commands } of processes) {
    if (commands === undefined) return undefined
    total += commands.length
    most = Math.max(most, commands.length)
  }
  return { total, most }
}
