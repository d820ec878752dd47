/**
 * What a cache works with: its adapter, the values' way in and out, the policy, and the
 * flights it shares with every other cache of this process over the same store.
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { Adapter } from "./Adapter.ts"
import { type CacheLockingError, formatCacheLockingError } from "./CacheLockingError.ts"
import type * as Codec from "./Codec.ts"
import { Counters } from "./Counters.ts"
import { type Flight, Flights } from "./Flight.ts"
import type { Hooks } from "./Hooks.ts"
import * as Lease from "./Lease.ts"
import { Meter } from "./Metrics.ts"
import type { Policy } from "./Policy.ts"
import { Sealer } from "./Sealer.ts"
import type { FetchContext, Turn } from "./Turn.ts"

/** What a call is to do: resolved options. */
export interface Plan {
  readonly policy: Policy
  readonly hooks: Hooks<any, any, any> | undefined
  readonly signal: AbortSignal | undefined
}

/** Gives the value of a key. */
export type Fetcher<A, E, R> = (context: FetchContext<A>) => Effect.Effect<A, E, R>

interface Shared {
  /** Loads under leases. */
  readonly flights: Flights
  /** Loads beside the lease of another process. */
  readonly fallbacks: Flights
}

const identityOf = (adapter: Adapter): object => adapter.identity ?? adapter

/** How many caches use what an adapter opened. */
const users = new WeakMap<object, number>()

const byIdentity = new WeakMap<object, Map<Codec.Codec<any>, Shared>>()

/** Flights are shared by those who would get the same value: one store, one codec. */
const share = (adapter: Adapter, codec: Codec.Codec<any>): Shared => {
  const byCodec = getOrMake(byIdentity, identityOf(adapter), () => new Map<Codec.Codec<any>, Shared>())
  return getOrMake(byCodec, codec, () => ({ flights: new Flights(), fallbacks: new Flights() }))
}

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

let flightsBegun = 0
// Two processes must never name a flight alike, or one would be granted the other's lease.
const process = Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) =>
  byte.toString(16).padStart(2, "0")
).join("")

/** One cache's state. */
export class Engine<A> {
  readonly adapter: Adapter
  readonly counters = new Counters()
  readonly sealer: Sealer<A>
  readonly flights: Flights
  readonly fallbacks: Flights
  private readonly own = new Set<Flight>()
  private readonly meter: Meter
  private sinceCarried = 0

  constructor(
    adapter: Adapter,
    codec: Codec.Codec<A> | undefined,
    failures: Codec.Codec<any> | undefined,
    name: string,
    context: Context.Context<never>
  ) {
    this.adapter = adapter
    this.meter = new Meter(this.counters, context, name, adapter.name)
    this.sealer = new Sealer(adapter, this.counters, codec, failures)
    const shared = share(adapter, this.sealer.codec)
    this.flights = shared.flights
    this.fallbacks = shared.fallbacks
  }

  /** Begins a flight under a lease. */
  fly(key: string, fetcher: Fetcher<A, any, any>, plan: Plan, context: Context.Context<never>, force: boolean): Flight {
    return this.flights.begin(
      key,
      context,
      (flight) => {
        this.own.add(flight)
        return Effect.ensuring(
          Lease.take(this.turn(key, fetcher, plan, flight, force)),
          Effect.sync(() => {
            this.own.delete(flight)
            this.answered()
          })
        )
      },
      force
    )
  }

  /** Counts an answer towards the next carrying over of the counters to the metrics. */
  answered(): void {
    if (++this.sinceCarried >= 128) this.carry()
  }

  /** Carries the counters over to the metrics. */
  carry(): void {
    this.sinceCarried = 0
    this.meter.carry()
  }

  /** Keeps the adapter open until `close`. */
  retain(): void {
    const identity = identityOf(this.adapter)
    users.set(identity, (users.get(identity) ?? 0) + 1)
  }

  /** Ends the background loads that this cache began; the last user of an adapter closes it. */
  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    for (const flight of this.own) flight.end()
    this.carry()
    const identity = identityOf(this.adapter)
    const left = (users.get(identity) ?? 1) - 1
    users.set(identity, left)
    return left === 0 && this.adapter.close !== undefined ? this.adapter.close : Effect.void
  })

  /** Begins a flight beside another's lease. */
  fallBack(key: string, fetcher: Fetcher<A, any, any>, plan: Plan, context: Context.Context<never>): Flight {
    return this.fallbacks.begin(key, context, (flight) => Lease.bypass(this.turn(key, fetcher, plan, flight, false)))
  }

  private turn(
    key: string,
    fetcher: Fetcher<A, any, any>,
    { hooks, policy }: Plan,
    flight: Flight,
    force: boolean
  ): Turn<A, any, any> {
    return {
      key,
      owner: `${policy.ownerId}${policy.ownerId && ":"}${process}:${(++flightsBegun).toString(36)}`,
      adapter: this.adapter,
      sealer: this.sealer,
      policy,
      fetcher,
      phases: flight,
      trouble: (error) => tell(error, hooks),
      counters: this.counters,
      force
    }
  }
}

/** Logs an error that is nobody's answer, and calls the hook beside the call. */
const tell = (error: CacheLockingError, hooks: Hooks<any, any, any> | undefined): Effect.Effect<void> => {
  const log = Effect.logWarning(`cache-locking: ${formatCacheLockingError(error)}`)
  if (hooks?.onError === undefined) return log
  return Effect.andThen(
    log,
    Effect.asVoid(
      Effect.forkDetach(
        Effect.catchCause(
          Effect.suspend(() => hooks.onError!(error)),
          (cause) => Effect.logWarning("cache-locking: the hook onError failed", cause)
        )
      )
    )
  ) as Effect.Effect<void>
}
