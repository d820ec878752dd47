/**
 * What happened in one run, as it was seen: everything that is shown is made from this.
 * Instants are milliseconds of the machine's monotonic clock.
 */

/**
 * How a caller got its answer: `hit` (fresh in the cache), `stale` (expired, served at once), `led` (its own call
 * loaded, and cached), `uncached` (its own call loaded; the fill was refused), `waited` (for another's load),
 * `alone` (it loaded beside another's load, having waited too long), `failed`.
 */
export type How = "hit" | "stale" | "led" | "uncached" | "waited" | "alone" | "failed"

/** One caller: which key, when, and how it ended. */
export interface CallerRecord {
  readonly key: number
  readonly begin: number
  readonly end: number
  readonly how: How
  /** The version that it was given. */
  readonly version?: number | undefined
  /** The origin call that it made itself. */
  readonly call?: number | undefined
  /** The tag of the error that it was given. */
  readonly error?: string | undefined
}

/** Something that a process saw at the adapter: when it asked, when it was answered. */
export interface Sighting {
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

/** A sighting, and whose. */
export interface ProcessSighting extends Sighting {
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
  /** When it ended; while it runs, not known. */
  end: number | undefined
  /** `lost`: whoever asked was killed before the answer. */
  outcome: "running" | "answered" | "failed" | "lost"
}

/** One process and its callers. */
export interface ProcessRecord {
  readonly index: number
  pid: number
  /** Those who have set out. */
  readonly began: Array<{ readonly key: number; readonly begin: number }>
  /** How those fared who were answered; known when it is over. */
  callers: ReadonlyArray<CallerRecord>
  /** Answers so far. */
  answered: number
  /** When the last of them was given. */
  answeredAt: number
  killedAt: number | undefined
  /** Commands that it sent to the store, by name, in order; `undefined` if nobody could count them. */
  commands: ReadonlyArray<string> | undefined
}

/** One run of one contender. */
export interface Recording {
  readonly contender: string
  readonly title: string
  readonly keys: ReadonlyArray<string>
  readonly expected: number
  /** When the callers were told to start. */
  start: number | undefined
  end: number | undefined
  readonly processes: ReadonlyArray<ProcessRecord>
  readonly loads: ReadonlyArray<Load>
  readonly sightings: Array<ProcessSighting>
  /** What is in the cache afterwards: per key, the version, and whether that is the origin's own. */
  afterwards: ReadonlyArray<{ readonly version: number | undefined; readonly current: number }>
  /** When somebody had set new values, if so, and the commands that the store was sent before. */
  change: { readonly at: number; readonly before: number | undefined } | undefined
  /** What went wrong with the run itself, if something did. */
  trouble: string | undefined
}

/** Everyone who was answered. */
export const answered = (recording: Recording): ReadonlyArray<CallerRecord> =>
  recording.processes.flatMap(({ callers }) => callers)

/** How many died with their process. */
export const died = (recording: Recording): number =>
  recording.processes.reduce(
    (sum, { began, callers, killedAt }) => sum + (killedAt === undefined ? 0 : began.length - callers.length),
    0
  )

/** A turn at leading one key. */
export interface LeaseRecord {
  readonly process: number
  readonly key: string
  readonly from: number
  /** When the lease was last known to have to end. */
  readonly until: number
  /** It did not last so long: the store knew that its holder was dead. */
  readonly freed: boolean
  /** When it did end, and how. */
  readonly end: number
  readonly ended: "filled" | "refused" | "abandoned" | "expired"
  readonly renewals: ReadonlyArray<number>
  /** How long nobody may lead after it. */
  readonly cooldown: number
  /** Whether an earlier lease on the key ended with nobody to fill. */
  readonly takesOver: LeaseRecord | undefined
}

/** Stores keep whole milliseconds, and round them as they like. */
const tick = 5

/** The leases of a run, in the order in which they were granted. */
export const leases = ({ sightings }: Recording): ReadonlyArray<LeaseRecord> => {
  const turns: Array<LeaseRecord> = []
  const grants = sightings.filter(({ event }) => event.name === "led").sort((a, b) => a.at - b.at)
  for (const grant of grants) {
    const mine = sightings.filter(
      ({ at, key, process }) => key === grant.key && process === grant.process && at > grant.at
    )
    const next = mine.find(({ event }) => event.name === "led")?.at ?? Number.POSITIVE_INFINITY
    const turn = mine.filter(({ at }) => at < next)
    const renewals = turn.flatMap(({ asked, at, event }) =>
      event.name === "renewed" && event.held ? [{ asked, at, leaseFor: event.leaseFor }] : []
    )
    const last = renewals.at(-1) ?? {
      asked: grant.asked,
      at: grant.at,
      leaseFor: grant.event.name === "led" ? grant.event.leaseFor : 0
    }
    // What others were told of it says more exactly when the store will end it: at the earliest, so long after they asked.
    const told = sightings.flatMap(({ asked, event, key }) =>
      event.name === "followed" && key === grant.key && asked >= last.asked ? [asked + event.leaseEndsIn] : []
    )
    const until = Math.max(last.asked + last.leaseFor, ...told.filter((at) => at <= last.at + last.leaseFor))
    const end = turn.find(({ event }) => event.name === "filled" || event.name === "abandoned")
    // Whoever was granted the key found it free.
    const heir = grants.find(({ at, key, process }) => key === grant.key && process !== grant.process && at > last.at)
    const freed = end === undefined && heir !== undefined && heir.at < until - tick
    turns.push({
      process: grant.process,
      key: grant.key,
      from: grant.at,
      until,
      freed,
      end: end?.at ?? (freed ? heir.at : until),
      ended: end === undefined ? "expired" : ending(end.event),
      renewals: renewals.map(({ asked }) => asked),
      cooldown: end?.event.name === "abandoned" ? end.event.cooldown : 0,
      takesOver: expired(turns.findLast(({ key }) => key === grant.key))
    })
  }
  return turns
}

const expired = (lease: LeaseRecord | undefined) => (lease?.ended === "expired" ? lease : undefined)

const ending = (event: Sighting["event"]): LeaseRecord["ended"] => {
  if (event.name === "filled") return event.held ? "filled" : "refused"
  return "abandoned"
}
