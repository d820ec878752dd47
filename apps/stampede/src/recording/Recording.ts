/**
 * The record of one run. Everything shown is derived from it. Instants are milliseconds of the machine's monotonic
 * clock.
 */

/**
 * The way in which a caller got its answer: `hit` (fresh in the cache), `stale` (expired, served at once), `led` (its own call
 * loaded, and cached), `uncached` (its own call loaded; the fill was refused), `waited` (for another's load),
 * `alone` (it loaded beside another's load, having waited too long), `failed`.
 */
export type How = "hit" | "stale" | "led" | "uncached" | "waited" | "alone" | "failed"

/** One caller: its key, its times and its answer. */
export interface CallerRecord {
  readonly key: number
  readonly begin: number
  readonly end: number
  readonly how: How
  /** The version of the value that it was given. */
  readonly version?: number | undefined
  /** The origin call that it made itself. */
  readonly call?: number | undefined
  /** The tag of the error that it was given. */
  readonly error?: string | undefined
}

/** Something that a process observed at its adapter: when it asked and when it was answered. */
export interface Observation {
  readonly key: string
  readonly asked: number
  readonly at: number
  readonly event:
    | { readonly name: "led"; readonly leaseFor: number }
    | { readonly name: "hit" }
    | { readonly name: "followed"; readonly leaseEndsIn: number }
    | { readonly name: "cooling" }
    | { readonly name: "renewed"; readonly held: boolean; readonly leaseFor: number }
    | { readonly name: "filled"; readonly held: boolean }
    | { readonly name: "abandoned"; readonly held: boolean; readonly cooldown: number }
    | { readonly name: "woken" }
    | { readonly name: "deleted" }
}

/** An observation and its process. */
export interface ProcessObservation extends Observation {
  readonly process: number
}

/** One call at the origin. */
export interface Load {
  /** Counted from 1, in the order of arrival. */
  readonly call: number
  readonly process: number
  readonly key: string
  readonly version: number
  readonly begin: number
  /** `undefined` while it runs. */
  end: number | undefined
  /** `lost`: the process that asked was killed before the answer. */
  outcome: "running" | "answered" | "failed" | "lost"
}

/** One process and its callers. */
export interface ProcessRecord {
  readonly index: number
  pid: number
  /** The callers that have begun. */
  readonly began: Array<{ readonly key: number; readonly begin: number }>
  /** The callers that were answered; known at the end. */
  callers: ReadonlyArray<CallerRecord>
  /** Answers so far. */
  answered: number
  /** The instant of the last answer. */
  answeredAt: number
  killedAt: number | undefined
  /** The names of the commands that it sent to the store, in order; `undefined` if they could not be counted. */
  commands: ReadonlyArray<string> | undefined
}

/** One run of one contender. */
export interface Recording {
  readonly contender: string
  readonly title: string
  readonly keys: ReadonlyArray<string>
  readonly expected: number
  /** The instant at which callers start. */
  start: number | undefined
  end: number | undefined
  readonly processes: ReadonlyArray<ProcessRecord>
  readonly loads: ReadonlyArray<Load>
  readonly observations: Array<ProcessObservation>
  /** For each key, the version in the cache afterwards and the current one of the origin. */
  afterwards: ReadonlyArray<{ readonly version: number | undefined; readonly current: number }>
  /** The instant at which new values had been set, if they were, and the number of commands before it. */
  change: { readonly at: number; readonly before: number | undefined } | undefined
  /** A problem of the run itself. */
  problem: string | undefined
}

/** The records of all answered callers. */
export const answered = (recording: Recording): ReadonlyArray<CallerRecord> =>
  recording.processes.flatMap(({ callers }) => callers)

/** The number of callers that were killed with their process. */
export const died = (recording: Recording): number =>
  recording.processes.reduce(
    (sum, { began, callers, killedAt }) => sum + (killedAt === undefined ? 0 : began.length - callers.length),
    0
  )

/** Milliseconds from the start to the latest recorded instant. */
export const duration = (recording: Recording): number => {
  const start = recording.start ?? 0
  const instants = [
    ...recording.processes.flatMap(({ callers, killedAt }) => [killedAt ?? start, ...callers.map(({ end }) => end)]),
    ...recording.loads.map(({ begin, end }) => end ?? begin),
    ...leases(recording)
      .map(({ end }) => end)
      .filter((end) => end <= (recording.end ?? Number.POSITIVE_INFINITY))
  ]
  return instants.reduce((latest, at) => Math.max(latest, at), start) - start
}

/** One lease, from its grant to its end. */
export interface LeaseRecord {
  readonly process: number
  readonly key: string
  readonly from: number
  /** The end that the store had set, as far as it was known. */
  readonly until: number
  /** True if the store ended it earlier, because it knew that the holder had exited. */
  readonly freed: boolean
  /** The actual end. */
  readonly end: number
  readonly ended: "filled" | "refused" | "abandoned" | "expired"
  readonly renewals: ReadonlyArray<number>
  /** Milliseconds after it in which nobody may lead. */
  readonly cooldown: number
  /** The lease on the same key before it, if that one expired without a fill. */
  readonly takesOver: LeaseRecord | undefined
}

/** Stores keep whole milliseconds, rounded one way or the other. */
const tick = 5

/** The leases of a run, in the order in which they were granted. */
export const leases = ({ observations }: Recording): ReadonlyArray<LeaseRecord> => {
  const found: Array<LeaseRecord> = []
  const grants = observations.filter(({ event }) => event.name === "led").sort((a, b) => a.at - b.at)
  for (const grant of grants) {
    const { key, process } = grant
    const later = observations.filter((each) => each.key === key && each.process === process && each.at > grant.at)
    const next = later.find(({ event }) => event.name === "led")?.at ?? Number.POSITIVE_INFINITY
    const own = later.filter(({ at }) => at < next)
    const renewals = own.flatMap(({ asked, at, event }) =>
      event.name === "renewed" && event.held ? [{ asked, at, leaseFor: event.leaseFor }] : []
    )
    const last = renewals.at(-1) ?? {
      asked: grant.asked,
      at: grant.at,
      leaseFor: grant.event.name === "led" ? grant.event.leaseFor : 0
    }
    // The answers to followers bound the end of the lease more closely: no earlier than so long after they asked.
    const bounds = observations.flatMap(({ asked, event, key: other }) =>
      event.name === "followed" && other === key && asked >= last.asked ? [asked + event.leaseEndsIn] : []
    )
    const until = Math.max(last.asked + last.leaseFor, ...bounds.filter((at) => at <= last.at + last.leaseFor))
    const end = own.find(({ event }) => event.name === "filled" || event.name === "abandoned")
    // Another process that was granted the key found it free.
    const successor = grants.find((each) => each.key === key && each.process !== process && each.at > last.at)
    const freed = end === undefined && successor !== undefined && successor.at < until - tick
    const previous = found.findLast((lease) => lease.key === key)
    found.push({
      process,
      key,
      from: grant.at,
      until,
      freed,
      end: end?.at ?? (freed ? successor.at : until),
      ended: endedBy(end?.event),
      renewals: renewals.map(({ asked }) => asked),
      cooldown: end?.event.name === "abandoned" ? end.event.cooldown : 0,
      takesOver: previous?.ended === "expired" ? previous : undefined
    })
  }
  return found
}

const endedBy = (event: Observation["event"] | undefined): LeaseRecord["ended"] => {
  if (event === undefined) return "expired"
  if (event.name === "filled") return event.held ? "filled" : "refused"
  return "abandoned"
}
