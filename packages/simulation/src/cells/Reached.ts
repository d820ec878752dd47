/**
 * The cells of the tables that simulations reach, in this process.
 */
import type { EntryEvent, EntryState, FlightMeets, FlightState } from "./Cells.ts"
import { entryTable } from "./EntryTable.ts"
import { flightTable } from "./FlightTable.ts"

const ofEntry = (state: EntryState, event: EntryEvent, next: EntryState): string =>
  `an entry is ${state}: ${event}, then ${next}`

const ofFlight = (state: FlightState, event: FlightMeets): string => `a flight is ${state}: ${event}`

/** Counts. The names of cells are made when they are asked for. */
export class Reached {
  private readonly entry = new Map<EntryEvent, Map<EntryState, Map<EntryState, number>>>()
  private readonly flight = new Map<FlightMeets, Map<FlightState, number>>()

  entryMoved(state: EntryState, event: EntryEvent, next: EntryState): void {
    count(within(within(this.entry, event), state), next)
  }

  flightMet(state: FlightState, event: FlightMeets): void {
    count(within(this.flight, event), state)
  }

  /** How often each cell was reached, by name. The cells of an entry are told apart by the state after the event. */
  get cells(): ReadonlyMap<string, number> {
    const cells = new Map<string, number>()
    for (const [event, row] of this.flight) for (const [state, times] of row) cells.set(ofFlight(state, event), times)
    for (const [event, row] of this.entry)
      for (const [state, nexts] of row) for (const [next, times] of nexts) cells.set(ofEntry(state, event, next), times)
    return cells
  }
}

const count = <K>(times: Map<K, number>, key: K): void => {
  times.set(key, (times.get(key) ?? 0) + 1)
}

const within = <K, L, V>(maps: Map<K, Map<L, V>>, key: K): Map<L, V> => {
  const found = maps.get(key)
  if (found !== undefined) return found
  const made = new Map<L, V>()
  maps.set(key, made)
  return made
}

/** Absent while nobody looks. */
let reached: Reached | undefined

/** Counts from now on, from nothing. */
export const begin = (): Reached => {
  reached = new Reached()
  return reached
}

export const isLooking = (): boolean => reached !== undefined

export const entryMoved = (state: EntryState, event: EntryEvent, next: EntryState): void =>
  reached?.entryMoved(state, event, next)

export const flightMet = (state: FlightState, event: FlightMeets): void => reached?.flightMet(state, event)

const entriesOf = Object.entries as <K extends string, V>(row: { readonly [key in K]: V }) => Array<[K, V]>

/** The cells that can be reached. */
export const all: ReadonlySet<string> = new Set([
  ...entriesOf(flightTable).flatMap(([event, row]) =>
    entriesOf(row).flatMap(([state, cell]) => (typeof cell === "string" ? [ofFlight(state, event)] : []))
  ),
  ...entriesOf(entryTable).flatMap(([event, row]) =>
    entriesOf(row).flatMap(([state, cell]) =>
      "unreachable" in cell ? [] : cell.map((next) => ofEntry(state, event, next))
    )
  )
])
