/**
 * One process at one key, as it is drawn: a row for each caller, those that called the origin first.
 */

import { counted } from "./Format.ts"
import { type Load, leases, type ProcessRecord, type Recording } from "./Recording.ts"

/** The end of a caller's row. */
export type End = "answered" | "failed" | "died" | "unanswered"

/** One caller, a caller and its origin call, or an origin call that no caller waited for. */
export interface Row {
  readonly begin: number
  readonly end: number
  /** `undefined` without a caller. */
  readonly ended: End | undefined
  readonly load: Load | undefined
}

export interface Band {
  readonly process: ProcessRecord
  readonly key: string
  /** Rows with an origin call. */
  readonly loading: ReadonlyArray<Row>
  /** Rows without. */
  readonly waiting: ReadonlyArray<Row>
}

/** The bands of a run, process by process. Rows that have not ended are cut off at `until`. */
export const bands = (recording: Recording, until: number): ReadonlyArray<Band> =>
  recording.processes.flatMap((process) =>
    recording.keys.map((key, index) => {
      const loads = new Map(
        recording.loads.flatMap((load) =>
          load.process === process.index && load.key === key ? [[load.call, load] as const] : []
        )
      )
      const rows = [...callers(process, index, until)].map(({ call, row }) => {
        const load = call === undefined ? guess(row, loads) : loads.get(call)
        if (load !== undefined) loads.delete(load.call)
        return { ...row, load }
      })
      const others = [...loads.values()].map(
        (load): Row => ({ begin: load.begin, end: load.end ?? until, ended: undefined, load })
      )
      const all = [...others, ...rows].sort((a, b) => a.begin - b.begin || a.end - b.end)
      return {
        process,
        key,
        loading: all.filter(({ load }) => load !== undefined),
        waiting: all.filter(({ load }) => load === undefined)
      }
    })
  )

type Caller = Omit<Row, "load">

/** A caller that died or got an error cannot name its own origin call: any one that fits is drawn. */
const guess = ({ begin, end, ended }: Caller, loads: ReadonlyMap<number, Load>): Load | undefined => {
  if (ended === "answered") return undefined
  for (const load of loads.values()) if (load.begin >= begin && (load.end ?? end) <= end) return load
  return undefined
}

function* callers(
  { answered, answeredAt, began, callers, killedAt }: ProcessRecord,
  key: number,
  until: number
): Iterable<{ readonly call: number | undefined; readonly row: Caller }> {
  for (const caller of callers) {
    if (caller.key !== key) continue
    const { begin, call, end, how } = caller
    yield { call, row: { begin, end, ended: how === "failed" ? "failed" : "answered" } }
  }
  // A process sends the records of its callers at the end. Until then only their beginnings and the number of answers
  // are known.
  if (callers.length > 0) return
  const ended = killedAt !== undefined ? "died" : answered >= began.length ? "answered" : "unanswered"
  const end = killedAt ?? (ended === "answered" ? answeredAt : until)
  for (const { begin, key: wanted } of began) if (wanted === key) yield { call: undefined, row: { begin, end, ended } }
}

/** The part of a process in the run, in two or three words. */
export const role = (recording: Recording, { index, callers, killedAt }: ProcessRecord): string => {
  const loads = recording.loads.filter(({ process }) => process === index)
  if (killedAt !== undefined) return "killed"
  if (leases(recording).some(({ process, takesOver }) => process === index && takesOver !== undefined))
    return "takes over"
  if (loads.length > 0) {
    return loads.length > recording.keys.length || recording.contender !== "cache-locking"
      ? counted(loads.length, "call")
      : "leads"
  }
  if (callers.some(({ how }) => how === "stale")) return "stale at once"
  return callers.every(({ how }) => how === "hit") ? "finds it" : "waits"
}
