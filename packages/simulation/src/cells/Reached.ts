/**
 * The cells of the tables that simulations reach, in this process.
 */
import type { EntryEvent, EntryState, FlightMeets, FlightState } from "./Cells.ts"
import { entryTable } from "./EntryTable.ts"
import { flightTable } from "./FlightTable.ts"

/** How often each cell was reached, by name. The cells of an entry are told apart by the state after the event. */
export type Reached = Map<string, number>

const ofEntry = (state: EntryState, event: EntryEvent, next: EntryState): string =>
  `an entry is ${state}: ${event}, then ${next}`

const ofFlight = (state: FlightState, event: FlightMeets): string => `a flight is ${state}: ${event}`

/** Absent while nobody looks. */
let reached: Reached | undefined

/** Counts from now on, from nothing. */
export const begin = (): Reached => {
  reached = new Map()
  return reached
}

export const isLooking = (): boolean => reached !== undefined

const count = (cell: string): void => {
  reached?.set(cell, (reached.get(cell) ?? 0) + 1)
}

export const entryMoved = (state: EntryState, event: EntryEvent, next: EntryState): void =>
  count(ofEntry(state, event, next))

export const flightMet = (state: FlightState, event: FlightMeets): void => count(ofFlight(state, event))

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
