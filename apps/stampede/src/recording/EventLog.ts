/**
 * A run in words: for readers who cannot see the timeline, and to explain it to those who can.
 */
import { capitalised, counted, list, millis, processes } from "./Format.ts"
import { answered, type LeaseRecord, leases, type ProcessObservation, type Recording } from "./Recording.ts"

export interface LogEntry {
  /** Milliseconds since the start. */
  readonly at: number
  readonly text: string
}

/** Entries at each end of a log that is shortened. */
const shown = 12

/** Observations of several processes within this many milliseconds are one entry. */
const together = 50

/** The run with leases, event by event. */
export const eventLog = (recording: Recording): ReadonlyArray<LogEntry> => {
  const start = recording.start ?? 0
  const entries = [
    ...begin(recording),
    ...leases(recording).flatMap((lease) => leaseEntries(recording, lease)),
    ...kills(recording),
    ...deletes(recording),
    ...change(recording),
    ...waits(recording),
    ...wakes(recording),
    ...end(recording)
  ]
  return entries.map(({ at, text }) => ({ at: at - start, text: capitalised(text) })).sort((a, b) => a.at - b.at)
}

const nameOf = ({ process }: { readonly process: number }): string => processes([process])

/** The key in a sentence; its name only where there are several. */
const keyOf = ({ keys }: Recording, key: string): string => (keys.length === 1 ? "the key" : `“${key}”`)

const begin = ({ expected, keys, processes: all, start }: Recording): ReadonlyArray<LogEntry> => {
  const names = keys.length <= 3 ? list(keys.map((key) => `“${key}”`)) : counted(keys.length, "key")
  const where = counted(all.length, "process", "processes")
  return [{ at: start ?? 0, text: `${counted(expected, "caller")} in ${where} begin to ask for ${names}.` }]
}

const leaseEntries = (recording: Recording, lease: LeaseRecord): ReadonlyArray<LogEntry> => {
  const { cooldown, end, ended, freed, from, key, process, renewals, takesOver } = lease
  const name = nameOf(lease)
  const load = recording.loads.find((load) => load.process === process && load.key === key && load.begin >= from)
  const verb = takesOver === undefined ? "gets" : "takes over: it gets"
  const of = recording.keys.length === 1 ? "" : ` of “${key}”`
  const call = load === undefined ? "" : ` and calls the origin (call ${load.call})`
  const entries = [{ at: from, text: `${name} ${verb} the lease${of}${call}.` }]
  if (renewals.length > 0)
    entries.push({ at: renewals[0]!, text: `${name} renews its lease ${times(renewals.length)}.` })
  if (load?.end !== undefined && load.outcome !== "lost") {
    const verb = load.outcome === "failed" ? "fails" : "answers"
    const text = `the origin ${verb} call ${load.call}, after ${millis(load.end - load.begin)}.`
    entries.push({ at: load.end, text })
  }
  const pause = cooldown > 0 ? `; nobody may try again for ${millis(cooldown)}` : ""
  const texts: Record<LeaseRecord["ended"], string> = {
    filled: `${name} has filled ${keyOf(recording, key)}.`,
    refused: `the fill of ${name} is refused: its lease is void. Its own callers get the value, marked as not cached.`,
    abandoned: `${name} gives the lease back${pause}.`,
    expired: freed ? `the store frees the lease of ${name}.` : `the lease of ${name} ends.`
  }
  return [...entries, { at: end, text: texts[ended] }]
}

const kills = ({ processes: all }: Recording): ReadonlyArray<LogEntry> =>
  all.flatMap(({ began, index, killedAt }) => {
    const text = `${processes([index])} is killed (SIGKILL), and its ${counted(began.length, "caller")} with it.`
    return killedAt === undefined ? [] : [{ at: killedAt, text }]
  })

const deletes = (recording: Recording): ReadonlyArray<LogEntry> =>
  recording.observations.flatMap((observation) => {
    const { at, event, key } = observation
    const text = `${nameOf(observation)} has deleted ${keyOf(recording, key)}: the origin's row has changed.`
    return event.name === "deleted" ? [{ at, text }] : []
  })

const change = ({ change, keys }: Recording): ReadonlyArray<LogEntry> => {
  const values = keys.length === 1 ? "a new value" : "new values"
  const text = `${processes([0])} has set ${values}: the origin has changed.`
  return change === undefined ? [] : [{ at: change.at, text }]
}

/** The first time that each process found another one leading a key. */
const waits = (recording: Recording): ReadonlyArray<LogEntry> => {
  const seen = new Set<string>()
  const first = recording.observations.filter(({ event, key, process }) => {
    if (event.name !== "followed" || seen.has(`${process} ${key}`)) return false
    seen.add(`${process} ${key}`)
    return true
  })
  const stale = answered(recording).some(({ how }) => how === "stale")
  return grouped(first, (group) => {
    const s = group.length === 1 ? "s" : ""
    return stale
      ? `${processes(group)} find${s} another loading, and serve${s} the stale value.`
      : `${processes(group)} find${s} another leading, and wait${s}.`
  })
}

const wakes = (recording: Recording): ReadonlyArray<LogEntry> =>
  grouped(
    recording.observations.filter(({ event }) => event.name === "woken"),
    (group, key) => `the store wakes ${processes(group)}: ${keyOf(recording, key)} has changed.`
  )

/** One entry for what several processes observe of a key within a short time. */
const grouped = (
  observations: ReadonlyArray<ProcessObservation>,
  textOf: (processes: ReadonlyArray<number>, key: string) => string
): ReadonlyArray<LogEntry> => {
  const groups: Array<{ at: number; key: string; processes: Set<number> }> = []
  for (const { at, key, process } of observations.toSorted((a, b) => a.at - b.at)) {
    const open = groups.findLast((group) => group.key === key && at - group.at < together)
    if (open === undefined) groups.push({ at, key, processes: new Set([process]) })
    else open.processes.add(process)
  }
  return groups.map(({ at, key, processes }) => ({
    at,
    text: textOf(
      [...processes].sort((a, b) => a - b),
      key
    )
  }))
}

const end = (recording: Recording): ReadonlyArray<LogEntry> => {
  const callers = answered(recording)
  if (callers.length === 0) return []
  const last = callers.reduce((latest, { end }) => Math.max(latest, end), 0)
  return [{ at: last, text: `the last of ${counted(callers.length, "caller")} has its answer.` }]
}

/** A log without its middle, if it is long. */
export const shortened = (entries: ReadonlyArray<LogEntry>): ReadonlyArray<LogEntry> =>
  entries.length <= 2 * shown
    ? entries
    : [
        ...entries.slice(0, shown),
        { at: entries[shown]!.at, text: `… ${entries.length - 2 * shown} more …` },
        ...entries.slice(-shown)
      ]

const times = (n: number): string => (n === 1 ? "once" : n === 2 ? "twice" : `${n} times`)
