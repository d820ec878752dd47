/** A violation as a person reads it: what happened to its key, and the faults meanwhile. */
import type { History } from "./History.ts"
import type { Violation } from "./Judge.ts"
import type { Plan } from "./Schedule.ts"

interface Line {
  readonly at: number
  readonly end: number
  readonly text: string
}

const until = (instant: number | undefined): string => (instant === undefined ? "no end" : `${instant.toFixed(1)} ms`)

function* lines({ calls, changes, loads }: History, key: string | undefined): Generator<Line> {
  for (const call of calls) {
    if (call.key !== key) continue
    const { endedAt, error, kind, meta, process, startedAt, value } = call
    const answer =
      error !== undefined
        ? error.name
        : value === undefined
          ? "nothing"
          : `version ${value.version} of ${value.load === 0 ? "a set" : `load ${value.load}`} ${meta?.cache ?? ""} ${meta?.uncached ?? ""}`
    const text = `process ${process} ${kind} → ${answer.trim()} at ${until(endedAt)}`
    yield { at: startedAt, end: endedAt ?? Infinity, text }
  }
  for (const { endedAt, id, key: of, process, startedAt, version } of loads) {
    if (of !== key) continue
    const text = `process ${process} load ${id} reads version ${version}, ends at ${until(endedAt)}`
    yield { at: startedAt, end: endedAt ?? Infinity, text }
  }
  for (const { by, endedAt, key: of, process, returnedAt, startedAt, version } of changes) {
    if (of !== key) continue
    const end = returnedAt === undefined ? `fails, or is lost, at ${until(endedAt)}` : `returns at ${until(returnedAt)}`
    yield { at: startedAt, end: endedAt ?? Infinity, text: `process ${process} ${by} for version ${version} ${end}` }
  }
}

/** The faults; those of the caller's process and of the server for as long as their traces may last. */
function* faultLines({ faults }: History, process: number | undefined): Generator<Line> {
  for (const fault of faults) {
    const trace = fault.process === undefined || fault.process === process ? tracesLast : 0
    const text = `FAULT ${fault.what}, until ${until(fault.until)}`
    yield { at: fault.from, end: fault.until + trace, text }
  }
}

/** Milliseconds before the first thing that matters. */
const before = 1_000

/** Milliseconds. */
const tracesLast = 10_000

export const told = (plan: Plan, history: History, violation: Violation): string => {
  const { at, call, key, message, rule } = violation
  const load = history.loads.find(({ id }) => id === call?.value?.load)
  const from = Math.min(at, load?.startedAt ?? at) - before
  const to = call?.endedAt ?? at
  const { cacheTtl, leaseTtl, onAdapterError, staleWhileRevalidate, waitMax } = plan.settings
  return [
    `${rule}: ${message}`,
    `cacheTtl ${cacheTtl}, leaseTtl ${leaseTtl}, waitMax ${waitMax}, staleWhileRevalidate ${staleWhileRevalidate}, onAdapterError ${onAdapterError}, wall clocks off by ${plan.clocks.join(", ")} ms`,
    ...[...lines(history, key), ...faultLines(history, call?.process)]
      .filter((line) => line.at <= to && line.end >= from)
      .sort((one, other) => one.at - other.at)
      .map((line) => `${line.at.toFixed(1).padStart(10)} ms  ${line.text}`)
  ].join("\n")
}
