import { answered, type Recording } from "../recording/Recording.ts"
import { count, counted, millis, setting } from "../recording/Words.ts"
import { everyoneAnswered, type Finding, type Scenario } from "./Scenario.ts"

/** Callers come for so long; half-way the value changes. */
const lasts = 1_000

/** The old answers to those who asked when the new value had been set: how many, and when the last of them was asked for. */
const behind = (recording: Recording): { readonly answers: number; readonly last: number } => {
  const at = recording.change?.at ?? Number.POSITIVE_INFINITY
  const old = answered(recording).filter(({ begin, version }) => begin > at && version === 1)
  return { answers: old.length, last: old.reduce((last, { begin }) => Math.max(last, begin - at), 0) }
}

/** Whoever asks so long after the change is to be given the new value, however slow the machine. */
const news = 200

/** Processes that were given the old value long after the change, or again after the new one. */
const wrong = ({ change, keys, processes }: Recording): number =>
  processes.filter(({ callers }) =>
    keys.some((_, key) => {
      const own = callers.filter((caller) => caller.key === key)
      const known = own.filter(({ version }) => version === 2).map(({ end }) => end)
      const from = Math.min((change?.at ?? 0) + news, ...known)
      return own.some(({ begin, version }) => begin > from && version !== 2)
    })
  ).length

/** A warm key is asked for again and again, and changes half-way: every process has a copy of its own. */
export const Tiers: Scenario = {
  name: "tiers",
  summary: "a warm key changes while many ask for it: with leases, a near tier in each process",
  story: () =>
    `The cache is warm, and callers keep coming for ${setting(lasts)}; half-way one process sets a new value. With leases each process has a near tier in front of the store.`,
  options: [],
  after: (caller, { callers }) => (lasts * caller) / Math.max(1, callers - 1),
  primed: () => ({ fresh: 600_000, stale: 0, took: 0 }),
  sets: () => lasts / 2,
  near: true,
  measure: "waited",
  lasts: () => lasts,
  findings: (recording, figures) => {
    const before = recording.change?.before
    const { answers, last } = behind(recording)
    const strange = wrong(recording)
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
        ok: strange === 0,
        text:
          strange > 0
            ? `${counted(strange, "process", "processes")} did not come to know the new value for good`
            : answers === 0
              ? "nobody who asked after the change was given the old value"
              : `every process had the new value ${millis(last)} after the change; ${counted(answers, "caller")} who asked meanwhile got the old one`
      },
      {
        ok: figures.outdatedKeys === 0,
        text:
          figures.outdatedKeys === 0
            ? "the new value is in the cache"
            : `${count(figures.outdatedKeys)} keys are out of date`
      },
      everyoneAnswered(figures, "a value")
    ]
  }
}
