/** A run: rounds over one server, each with processes of its own and a seed, until the time is over. */
import { orUnavailable, Unavailable, WrongClock } from "@cache-locking/test-servers"
import { backendOf } from "./backends/Backends.ts"
import type { Fault } from "./History.ts"
import { judge, type Rule } from "./Judge.ts"
import { play } from "./Round.ts"
import { type Abilities, type PlaceFault, plan } from "./Schedule.ts"
import { told } from "./Told.ts"

export interface RunOptions {
  readonly backend: string
  /** The seed of the first round; each other round has the next one. */
  readonly seed: number
  readonly processes: number
  /** Milliseconds. A round begins while there is some left. */
  readonly time: number
  /** Milliseconds of a round until its faults end. */
  readonly length: number
  /** True: all wall clocks are right. */
  readonly rightClocks?: boolean
  /** See `Start.wrapper`. */
  readonly wrapper?: string
  /** Called after each round. */
  readonly onRound?: (round: RoundResult) => void
}

interface RoundResult {
  readonly seed: number
  readonly operations: number
  /** The violations, as stories. */
  readonly stories: ReadonlyArray<string>
}

/** The sums of a run. */
export interface Result {
  readonly title: string
  /** The reason that all wall clocks were right, if they were. */
  readonly rightClocks: string | undefined
  readonly rounds: number
  /** Calls for a key, and changes. */
  readonly operations: number
  readonly loads: number
  readonly faults: ReadonlyMap<string, number>
  readonly outcomes: ReadonlyMap<string, number>
  readonly violations: ReadonlyMap<Rule, number>
  readonly stories: ReadonlyArray<string>
}

const processFaults: ReadonlyArray<PlaceFault> = ["kill", "pause", "block"]
const networkFaults: ReadonlyArray<PlaceFault> = ["cut", "blackhole", "drop-replies", "delay", "refuse", "half-close"]

/** The faults that were injected. What a busy machine adds by itself is none of them. */
const injected = (faults: ReadonlyArray<Fault>) => faults.filter(({ kind }) => kind !== "stall")

const count = <K>(counts: Map<K, number>, key: K): void => void counts.set(key, (counts.get(key) ?? 0) + 1)

const reasonForRightClocks = async (): Promise<string | undefined> => {
  const clock = await orUnavailable(WrongClock.make())
  return clock instanceof Unavailable ? clock.message : undefined
}

export const run = async (options: RunOptions): Promise<Result> => {
  const backend = await backendOf(options.backend)
  const opened = await backend.open()
  const rightClocks = options.rightClocks === true ? "as asked for" : await reasonForRightClocks()
  const abilities: Abilities = {
    place: [
      ...processFaults,
      ...(opened.target === undefined ? [] : networkFaults),
      ...(rightClocks === undefined ? (["clock"] as const) : [])
    ],
    server: opened.faults
  }
  const sums = { rounds: 0, operations: 0, loads: 0 }
  const faults = new Map<string, number>()
  const outcomes = new Map<string, number>()
  const violations = new Map<Rule, number>()
  const stories: Array<string> = []
  try {
    for (const end = performance.now() + options.time; performance.now() < end; ) {
      const seed = options.seed + sums.rounds++
      const { length, processes: places, wrapper } = options
      const planned = plan({ ...backend, abilities, length, places, seed })
      const history = await play({ backend: backend.name, opened, plan: planned, wrapper })
      const found = judge(planned, history)
      const operations = history.calls.length + history.changes.length
      sums.operations += operations
      sums.loads += history.loads.length
      for (const { kind } of injected(history.faults)) count(faults, kind)
      for (const { error, kind, meta } of history.calls) count(outcomes, meta?.cache ?? error?.name ?? kind)
      for (const { rule } of found) count(violations, rule)
      const inWords = found.map((violation) => `seed ${seed}, ${told(planned, history, violation)}`)
      stories.push(...inWords)
      options.onRound?.({ seed, operations, stories: inWords })
    }
  } finally {
    await opened.close()
  }
  return { title: opened.title, rightClocks, ...sums, faults, outcomes, violations, stories }
}
