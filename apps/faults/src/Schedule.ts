/**
 * The schedule of a round, from a seed: the options of its caches, the calls that its processes make, and the faults.
 *
 * A seed fixes the schedule. It does not fix how real processes meet, so a failing seed may need some attempts.
 */
import { Random, type Story } from "@cache-locking/simulation"

/** The options of a round's caches. Its calls say which tags are given and which are told. */
export type Settings = Omit<Story.CacheSettings, "tags">

export type CallKind = "getOrSet" | "refresh" | "get" | "getOrSetMany"

/** The faults of one place: a worker process, its clock, and its way to the server. */
export type PlaceFault =
  /** SIGKILL; another process takes its place. */
  | "kill"
  /** SIGSTOP, and SIGCONT. */
  | "pause"
  /** The event loop does nothing else. */
  | "block"
  /** The wall clock steps. */
  | "clock"
  /** RST to all connections. */
  | "cut"
  /** Nothing passes; what was sent arrives afterwards. */
  | "blackhole"
  /** Requests are carried out, and the replies are lost. */
  | "drop-replies"
  /** Messages are late, by a random time each. */
  | "delay"
  /** No new connection is made, and those that stand are cut. */
  | "refuse"
  /** The server's side of each connection ends after some bytes of replies; the client's stays open. */
  | "half-close"

/** The faults of the server. */
export type ServerFault = "server-pause" | "server-restart"

export interface Abilities {
  readonly place: ReadonlyArray<PlaceFault>
  readonly server: ReadonlyArray<ServerFault>
}

interface Ask {
  /** The place of the process that is asked. */
  readonly place: number
  /** Milliseconds that the origin takes for a load. */
  readonly takes: number
  /** True when the origin fails. */
  readonly fails: boolean
  /** True when the call names the tags; otherwise the cache's own function does, from the value. */
  readonly tagged: boolean
  /** True when the value must not be cached. */
  readonly declines: boolean
}

/** A call of the cache. */
export type Asked = Ask &
  (
    | { readonly do: Exclude<CallKind, "getOrSetMany">; readonly key: string }
    | { readonly do: "getOrSetMany"; readonly keys: ReadonlyArray<string> }
  )

export type Event = { readonly at: number } & (
  | Asked
  | { readonly do: "change"; readonly place: number; readonly key: string; readonly by: "delete" | "set" | "tag" }
  /** `by`: milliseconds of a delay or a clock's new error, bytes before a half-close. */
  | { readonly do: PlaceFault; readonly place: number; readonly for: number; readonly by: number }
  | { readonly do: ServerFault; readonly for: number }
)

export interface Plan {
  readonly seed: number
  readonly places: number
  readonly settings: Settings
  /** The bound of each request of the adapter. */
  readonly commandTimeout: number
  readonly keys: ReadonlyArray<string>
  /** Milliseconds until the faults end. */
  readonly length: number
  /** The error of each place's wall clock, at first. */
  readonly clocks: ReadonlyArray<number>
  readonly events: ReadonlyArray<Event>
}

export interface PlanOptions {
  readonly seed: number
  readonly places: number
  readonly length: number
  /** Calls per second. */
  readonly pace: number
  readonly leases: ReadonlyArray<number>
  readonly commandTimeout: number
  readonly abilities: Abilities
}

/** Milliseconds by which wall clocks are wrong. */
const clockErrors = [-2_000, -300, 0, 300, 2_000]

/** Milliseconds of a delay, bytes before a half-close. */
const amounts = [10, 100, 400]

/** No wall clock is further from another. */
export const clockSpan = Math.max(...clockErrors) - Math.min(...clockErrors)

const callKinds: ReadonlyArray<Exclude<CallKind, "getOrSetMany">> = [
  "getOrSet",
  "getOrSet",
  "getOrSet",
  "refresh",
  "get"
]

export const plan = (options: PlanOptions): Plan => {
  const { abilities, commandTimeout, leases, length, pace, places, seed } = options
  const random = new Random(seed)
  const settings: Settings = {
    cacheTtl: random.pick([300, 2_000, 20_000]),
    leaseTtl: random.pick(leases),
    waitMax: random.pick([1_000, 4_000]),
    staleWhileRevalidate: random.pick([0, 0, 2_000]),
    staleIfError: 0,
    onAdapterError: random.pick(["fail", "fail", "fetch"])
  }
  const keys = ["a", "b", "c", "d", "e", "f"].slice(0, random.between(2, 6))
  const clocks = Array.from({ length: places }, () =>
    abilities.place.includes("clock") ? random.pick(clockErrors) : 0
  )
  const events = [
    ...calls(random, keys, length, pace, places, settings),
    ...faults(random, abilities, length, places, settings)
  ]
  return {
    ...{ seed, places, settings, commandTimeout, keys, length, clocks },
    events: events.sort((one, other) => one.at - other.at)
  }
}

function* calls(
  random: Random,
  keys: ReadonlyArray<string>,
  length: number,
  pace: number,
  places: number,
  { leaseTtl }: Settings
): Generator<Event> {
  for (let left = Math.round((length * pace) / 1_000); left > 0; left--) {
    const at = random.between(0, length)
    const place = random.between(0, places - 1)
    const key = random.pick(keys)
    const ask = {
      place,
      takes: random.pick([0, 5, 50, 50, 300, random.pick([1_000, Math.round(leaseTtl * 1.3)])]),
      fails: random.next() < 0.03,
      tagged: random.next() < 0.5,
      declines: random.next() < 0.05
    }
    const roll = random.next()
    if (roll < 0.12) yield { at, do: "change", place, key, by: random.pick(["delete", "set", "tag"]) }
    else if (roll < 0.2) {
      yield { at, do: "getOrSetMany", keys: keys.filter((each) => each === key || random.next() < 0.5), ...ask }
    } else yield { at, do: random.pick(callKinds), key, ...ask }
  }
}

/** One fault after the other in each place, and at the server, with pauses between. */
function* faults(
  random: Random,
  abilities: Abilities,
  length: number,
  places: number,
  { leaseTtl }: Settings
): Generator<Event> {
  const quiet = () => random.between(500, 1_000 * places)
  for (let place = 0; place < places; place++) {
    for (let at = quiet(); ; ) {
      const span = random.pick([200, 800, Math.round(leaseTtl * 1.4)])
      if (at + span > length) break
      const fault = random.pick(abilities.place)
      yield { at, do: fault, place, for: span, by: random.pick(fault === "clock" ? clockErrors : amounts) }
      at += span + quiet()
    }
  }
  if (abilities.server.length === 0) return
  for (let at = 2 * quiet(); ; ) {
    const span = random.pick([100, 400, 1_500])
    if (at + span > length) break
    yield { at, do: random.pick(abilities.server), for: span }
    at += span + 2 * quiet()
  }
}
