import { counted, millis, setting } from "../recording/Format.ts"
import { answered, type Recording } from "../recording/Recording.ts"
import { evenly, everyoneAnswered, type Finding, newValueCached, type Scenario } from "./Scenario.ts"

/** Milliseconds for which callers keep coming; half-way the value changes. */
const lasts = 1_000

/** The old answers to callers that asked after the new value had been set: their number, and when the last one was asked for. */
const behind = (recording: Recording): { readonly answers: number; readonly last: number } => {
  const at = recording.change?.at ?? Number.POSITIVE_INFINITY
  const old = answered(recording).filter(({ begin, version }) => begin > at && version === 1)
  return { answers: old.length, last: old.reduce((last, { begin }) => Math.max(last, begin - at), 0) }
}

/** A caller that asks this long after the change must get the new value, however slow the machine is. */
const noticeWithin = 200

/** The number of processes that got the old value long after the change, or again after the new one. */
const outdated = ({ change, keys, processes }: Recording): number =>
  processes.filter(({ callers }) =>
    keys.some((_, key) => {
      const own = callers.filter((caller) => caller.key === key)
      const known = own.filter(({ version }) => version === 2).map(({ end }) => end)
      const from = Math.min((change?.at ?? 0) + noticeWithin, ...known)
      return own.some(({ begin, version }) => begin > from && version !== 2)
    })
  ).length

/** A warm key changes while callers keep asking for it; with leases, every process has a copy of its own. */
export const Tiers: Scenario = {
  name: "tiers",
  summary: "a warm key changes while many ask for it; with leases, each process has a near tier",
  description: () =>
    `The cache is warm, and callers keep coming for ${setting(lasts)}; half-way one process sets a new value. With leases each process has a near tier in front of the store.`,
  options: [],
  after: (caller, settings) => evenly(lasts, caller, settings),
  primed: () => ({ fresh: 600_000, stale: 0, took: 0 }),
  sets: () => lasts / 2,
  near: true,
  measure: "waited",
  lasts: () => lasts,
  findings: (recording, figures) => {
    const before = recording.change?.before
    const { answers, last } = behind(recording)
    const late = outdated(recording)
    const commands: Finding = {
      ok: before === 0,
      text: `${counted(before ?? 0, "store command")} for the warm hits before the change`
    }
    return [
      ...(recording.change !== undefined && before === undefined ? [] : [commands]),
      {
        ok: figures.originCalls === 0,
        text: `${counted(figures.originCalls, "origin call")} for ${counted(recording.expected, "caller")}`
      },
      {
        ok: late === 0,
        text:
          late > 0
            ? `${counted(late, "process", "processes")} went on giving the old value`
            : answers === 0
              ? "no caller that asked after the change got the old value"
              : `every process had the new value ${millis(last)} after the change; ${counted(answers, "caller")} that asked before got the old one`
      },
      newValueCached(figures),
      everyoneAnswered(figures, "a value")
    ]
  }
}
