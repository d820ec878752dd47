/**
 * A run, told in words: for those who cannot see the picture, and to explain it to those
 * who can.
 */
import { answered, type LeaseRecord, leases, type Recording } from "./Recording.ts"
import { capitalised, counted, list, millis, processes } from "./Words.ts"

/** Something worth telling, and when. */
export interface Entry {
  /** Milliseconds since the start. */
  readonly at: number
  readonly text: string
}

const several = 12

/** The run with leases, moment by moment. */
export const chronicle = (recording: Recording): ReadonlyArray<Entry> => {
  const start = recording.start ?? 0
  const entries: Array<Entry> = [
    ...callersCome(recording),
    ...leases(recording).flatMap((lease) => turn(recording, lease)),
    ...kills(recording),
    ...deletes(recording),
    ...changes(recording),
    ...waits(recording),
    ...wakes(recording),
    ...last(recording)
  ]
  return entries.map(({ at, text }) => ({ at: at - start, text })).sort((a, b) => a.at - b.at)
}

const who = ({ process }: { readonly process: number }): string => processes([process])

/** Which key, where there are several. */
const of = ({ keys }: Recording, key: string): string => (keys.length === 1 ? "" : ` of “${key}”`)

const what = ({ keys }: Recording, key: string): string => (keys.length === 1 ? "the key" : `“${key}”`)

const callersCome = ({ expected, keys, processes: all, start }: Recording): ReadonlyArray<Entry> => [
  {
    at: start ?? 0,
    text: `${counted(expected, "caller")} in ${counted(all.length, "process", "processes")} begin to ask for ${
      keys.length <= 3 ? list(keys.map((key) => `“${key}”`)) : counted(keys.length, "key")
    }.`
  }
]

const turn = (recording: Recording, lease: LeaseRecord): ReadonlyArray<Entry> => {
  const { cooldown, ended, from, key, process, takesOver } = lease
  const load = recording.loads.find((load) => load.process === process && load.key === key && load.begin >= from)
  const call = load === undefined ? "" : ` and calls the origin (call ${load.call})`
  const taken = `${who(lease)} ${takesOver === undefined ? "gets" : "takes over: it gets"} the lease${of(recording, key)}${call}.`
  const entries: Array<Entry> = [{ at: from, text: capitalised(taken) }]
  const renewals = lease.renewals.length
  if (renewals > 0)
    entries.push({ at: lease.renewals[0]!, text: capitalised(`${who(lease)} renews its lease ${times(renewals)}.`) })
  if (load?.end !== undefined && load.outcome !== "lost") {
    const verb = load.outcome === "failed" ? "fails" : "answers"
    entries.push({
      at: load.end,
      text: `The origin ${verb} call ${load.call}, after ${millis(load.end - load.begin)}.`
    })
  }
  if (ended === "filled")
    entries.push({ at: lease.end, text: capitalised(`${who(lease)} has filled ${what(recording, key)}.`) })
  if (ended === "refused") {
    entries.push({
      at: lease.end,
      text: capitalised(
        `the fill of ${who(lease)} is refused: its lease is void. Its own callers get the value, told as not cached.`
      )
    })
  }
  if (ended === "abandoned") {
    const pause = cooldown > 0 ? `; nobody is to try again for ${millis(cooldown)}` : ""
    entries.push({ at: lease.end, text: capitalised(`${who(lease)} gives the lease back${pause}.`) })
  }
  if (ended === "expired") {
    const text = lease.freed ? `the store frees the lease of ${who(lease)}.` : `the lease of ${who(lease)} ends.`
    entries.push({ at: lease.end, text: capitalised(text) })
  }
  return entries
}

const kills = ({ processes: all }: Recording): ReadonlyArray<Entry> =>
  all.flatMap(({ began, index, killedAt }) =>
    killedAt === undefined
      ? []
      : [
          {
            at: killedAt,
            text: `${capitalised(processes([index]))} is killed (SIGKILL), and its ${counted(began.length, "caller")} with it.`
          }
        ]
  )

const deletes = (recording: Recording): ReadonlyArray<Entry> =>
  recording.sightings.flatMap((sighting) =>
    sighting.event.name === "deleted"
      ? [
          {
            at: sighting.at,
            text: capitalised(
              `${who(sighting)} has deleted ${what(recording, sighting.key)}: the origin's row has changed.`
            )
          }
        ]
      : []
  )

const changes = ({ change, keys }: Recording): ReadonlyArray<Entry> =>
  change === undefined
    ? []
    : [
        {
          at: change.at,
          text: `${capitalised(processes([0]))} has set ${keys.length === 1 ? "a new value" : "new values"}: the origin has changed.`
        }
      ]

/** Who met another leader, once per process and key. */
const waits = (recording: Recording): ReadonlyArray<Entry> => {
  const seen = new Set<string>()
  const first = recording.sightings.filter(({ event, key, process }) => {
    const fresh = event.name === "followed" && !seen.has(`${process} ${key}`)
    if (fresh) seen.add(`${process} ${key}`)
    return fresh
  })
  const stale = answered(recording).some(({ how }) => how === "stale")
  return together(first, 50, (group) =>
    stale
      ? `${capitalised(processes(group))} find another loading, and serve what is stale.`
      : `${capitalised(processes(group))} find${group.length === 1 ? "s" : ""} another leading, and wait${group.length === 1 ? "s" : ""}.`
  )
}

const wakes = (recording: Recording): ReadonlyArray<Entry> =>
  together(
    recording.sightings.filter(({ event }) => event.name === "woken"),
    50,
    (group, { key }) => `The store wakes ${processes(group)}: ${what(recording, key)} has changed.`
  )

/** One entry for what happens in several processes within a short time. */
const together = (
  sightings: Recording["sightings"],
  within: number,
  tell: (processes: ReadonlyArray<number>, first: { readonly key: string }) => string
): ReadonlyArray<Entry> => {
  const groups: Array<{ at: number; key: string; processes: Set<number> }> = []
  for (const { at, key, process } of sightings.toSorted((a, b) => a.at - b.at)) {
    const open = groups.findLast((group) => group.key === key && at - group.at < within)
    if (open === undefined) groups.push({ at, key, processes: new Set([process]) })
    else open.processes.add(process)
  }
  return groups.map((group) => ({
    at: group.at,
    text: tell(
      [...group.processes].sort((a, b) => a - b),
      group
    )
  }))
}

const last = (recording: Recording): ReadonlyArray<Entry> => {
  const callers = answered(recording)
  if (callers.length === 0) return []
  const end = callers.reduce((latest, { end }) => Math.max(latest, end), 0)
  return [{ at: end, text: `The last of ${counted(callers.length, "caller")} has its answer.` }]
}

/** A chronicle that is not longer than what it tells. */
export const abridged = (entries: ReadonlyArray<Entry>): ReadonlyArray<Entry> =>
  entries.length <= 2 * several
    ? entries
    : [
        ...entries.slice(0, several),
        { at: entries[several]!.at, text: `… ${entries.length - 2 * several} more …` },
        ...entries.slice(-several)
      ]

const times = (n: number): string => (n === 1 ? "once" : n === 2 ? "twice" : `${n} times`)
