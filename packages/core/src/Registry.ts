/**
 * The flights of this process: by store, by codec, and by the life that those who share them have in common.
 */
import type { Adapter } from "./Adapter.ts"
import type * as Codec from "./Codec.ts"
import { Flights } from "./Flight.ts"
import { type Life, ofProcess } from "./Life.ts"

/** The flights that the same callers share. */
export interface Shared {
  /** Loads under leases. */
  readonly flights: Flights
  /** Forced refreshes: joined only by each other, for others may have a fresh value meanwhile. */
  readonly refreshes: Flights
  /** Loads for which nobody waits: early refreshes, and those that had to wait for their place. */
  readonly behind: Flights
  /** Loads beside the lease of another process. */
  readonly fallbacks: Flights
}

type ByLife = WeakMap<Life, Shared>

const byIdentity = new WeakMap<object, WeakMap<Codec.Codec<any>, ByLife>>()

/** The same for adapters that reach the same keys of the same store. */
export const identityOf = (adapter: Adapter): object => adapter.identity ?? adapter

/** What a map has, made when it is missing. */
export const getOrMake = <K, V>(
  map: { readonly get: (key: K) => V | undefined; readonly set: (key: K, value: V) => unknown },
  key: K,
  make: () => V
): V => {
  const found = map.get(key)
  if (found !== undefined) return found
  const made = make()
  map.set(key, made)
  return made
}

const shareOf = (life: Life): Shared => ({
  flights: new Flights(life),
  refreshes: new Flights(life),
  behind: new Flights(life),
  fallbacks: new Flights(life)
})

/** The flights over one store: shared by those who would get the same value, and live as long. */
export class Registry {
  private readonly ofProcess: Shared
  private readonly byLife: ByLife

  constructor(identity: object, codec: Codec.Codec<any>) {
    const byCodec = getOrMake(byIdentity, identity, () => new WeakMap<Codec.Codec<any>, ByLife>())
    this.byLife = getOrMake(byCodec, codec, () => new WeakMap<Life, Shared>())
    this.ofProcess = getOrMake(this.byLife, ofProcess, () => shareOf(ofProcess))
  }

  /** The flights that callers of this life share. */
  shared(life: Life): Shared {
    if (life === ofProcess) return this.ofProcess
    return life.shares ? getOrMake(this.byLife, life, () => shareOf(life)) : shareOf(life)
  }

  /** A write of this process overtakes the loads of a key: callers who come after it are not to join them. */
  overtake(key: string, life: Life): void {
    for (const flights of this.all(life)) flights.detach(key)
  }

  /** The same for all keys: who comes after an invalidation is not to join a load that began before it. */
  overtakeAll(life: Life): void {
    for (const flights of this.all(life)) flights.detachAll()
  }

  private all(life: Life): ReadonlyArray<Flights> {
    return [this.ofProcess, this.shared(life)].flatMap((shared) => Object.values<Flights>({ ...shared }))
  }

  /** How many callers wait for a key now. */
  waiters(key: string, life: Life): number {
    const { fallbacks, flights, refreshes } = this.shared(life)
    return [flights, refreshes, fallbacks].reduce((sum, each) => sum + (each.get(key)?.size ?? 0), 0)
  }
}
