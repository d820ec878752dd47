/**
 * The flights of this process, by store and codec.
 */

import type * as Codec from "../codec/Codec.ts"
import type { Adapter } from "../contract/Adapter.ts"
import * as Identity from "../contract/Identity.ts"
import { FlightGroup } from "./FlightGroup.ts"

const groups = Identity.perObject((_: object) => Identity.perObject((_: Codec.Codec<any>) => new FlightGroups()))

/** The flights over one store, shared by those who would get the same value: the same store, the same codec. */
export class FlightGroups {
  /** Loads under leases. */
  readonly flights = new FlightGroup()
  /** Forced refreshes: joined only by each other, for others may have a fresh value meanwhile. */
  readonly refreshes = new FlightGroup()
  /** Loads for which nobody waits: early refreshes, and those that had to wait for their place. */
  readonly behind = new FlightGroup()
  /** Loads beside the lease of another process. */
  readonly fallbacks = new FlightGroup()

  static of(adapter: Adapter, codec: Codec.Codec<any>): FlightGroups {
    return groups(Identity.of(adapter))(codec)
  }

  private get all(): ReadonlyArray<FlightGroup> {
    return [this.flights, this.refreshes, this.behind, this.fallbacks]
  }

  /** A write of this process overtakes the loads of a key: callers who come after it are not to join them. */
  detachInFlight(key: string): void {
    for (const flights of this.all) flights.detach(key)
  }

  /** The same for all keys: who comes after an invalidation is not to join a load that began before it. */
  detachAllInFlight(): void {
    for (const flights of this.all) flights.detachAll()
  }

  /** How many callers wait for a key now. */
  waiters(key: string): number {
    return this.all.reduce((sum, flights) => sum + (flights.get(key)?.size ?? 0), 0)
  }

  /** How many flights are under way. */
  get size(): number {
    return this.all.reduce((sum, flights) => sum + flights.size, 0)
  }
}
