/**
 * The cells that the simulations of this process reach.
 */
import * as FlightWatch from "./FlightWatch.ts"
import * as Reached from "./Reached.ts"

export { move } from "./EntryWatch.ts"
export { adapter, fetcher } from "./FlightWatch.ts"
export { all, type Reached } from "./Reached.ts"

/** Looks from now on, and counts from nothing. Until then a simulation costs nothing more. */
export const begin = (): Reached.Reached => {
  FlightWatch.begin()
  return Reached.begin()
}
