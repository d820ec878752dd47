/** Makes the calls of a story from chance. */
import type { Random } from "./Random.ts"
import type { Event, OwnOptions } from "./Story.ts"

/** The processes, keys and time of a story. */
export interface Stage {
  readonly random: Random
  readonly processes: number
  readonly keys: ReadonlyArray<string>
  /** Milliseconds. */
  readonly length: number
  /** The share of loads whose values are not to be cached. */
  readonly declined: number
}

/** Where and when. */
const place = ({ length, processes, random }: Stage) => ({
  at: random.between(0, length),
  process: random.between(0, processes - 1),
  ...(random.next() < 0.35 && { face: "promise" as const })
})

const takes = ({ random }: Stage): number => random.pick([0, 5, 50, 300, 1_000, 4_000, 8_000])

/** A caller who waits for a load may leave, or have options of its own. */
const patience = ({ random }: Stage) => ({
  ...(random.next() < 0.07 && { leaves: random.pick([3, 40, 200, 1_000]) }),
  ...(random.next() < 0.1 && { options: random.pick(ownOptions) })
})

const ownOptions: ReadonlyArray<OwnOptions> = [
  { waitMax: 100 },
  { onWaitTimeout: "fail", waitMax: 500 },
  { onWaitTimeout: "stale" },
  { staleIfError: 10_000 }
]

/** Where the cache declines values, some loads have such a value. */
const worth = ({ declined, random }: Stage) => (random.next() < declined ? { uncacheable: true as const } : {})

const load = (stage: Stage): Event => ({
  do: "get-or-set",
  ...place(stage),
  key: stage.random.pick(stage.keys),
  takes: takes(stage),
  ...worth(stage),
  ...patience(stage)
})

/** A call for most keys at once. Now and then the origin fails it, or has no value for a key. */
const loadMany = (stage: Stage): Event => {
  const { keys, random } = stage
  const roll = random.next()
  const most = keys.filter(() => random.next() < 0.8)
  return {
    do: "get-or-set-many",
    ...place(stage),
    keys: most.length === 0 ? keys : most,
    takes: takes(stage),
    ...(roll < 0.15 ? { fails: true } : roll < 0.35 ? { without: [random.pick(keys)] } : {}),
    ...worth(stage),
    ...patience(stage)
  }
}

const change = (stage: Stage): ReadonlyArray<Event> => {
  const { keys, random } = stage
  const by = random.pick(["delete", "set", "tag"] as const)
  const first = { do: "change", ...place(stage), key: random.pick(keys), by } as const
  // Two processes that invalidate at once write the same log.
  return by === "tag" && random.next() < 0.5
    ? [first, { ...first, process: place(stage).process, key: random.pick(keys) }]
    : [first]
}

/** A call, or a change of the origin. */
export const callOf = (stage: Stage): ReadonlyArray<Event> => {
  const { keys, random } = stage
  const roll = random.next()
  if (roll < 0.05) return [{ ...load(stage), fails: true } as Event]
  if (roll < 0.63) return [load(stage)]
  if (roll < 0.73) return [loadMany(stage)]
  if (roll < 0.78) return [{ ...load(stage), do: "refresh" } as Event]
  if (roll < 0.82) return [{ do: "get", ...place(stage), key: random.pick(keys) }]
  if (roll < 0.84) return [{ do: "get-many", ...place(stage), keys }]
  if (roll < 0.87) return [{ do: "explain", ...place(stage), key: random.pick(keys) }]
  return change(stage)
}
