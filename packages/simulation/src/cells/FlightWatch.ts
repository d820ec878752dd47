/**
 * Looks at the flights of simulated processes: from outside, by the adapter that a cache is given and by the methods of
 * `Flight`, so core has no code for it.
 */
import {
  type Acquired,
  type AcquireOptions,
  type Adapter,
  type AdapterError,
  Check,
  type Held
} from "@cache-locking/core"
import { Flight, Within } from "@cache-locking/core/flight/Flight"
import { FlightGroup } from "@cache-locking/core/flight/FlightGroup"
import type { FlightWaiter } from "@cache-locking/core/flight/FlightWaiter"
import type { LoadResult } from "@cache-locking/core/flight/LoadContext"
import * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Change } from "../story/History.ts"
import type { FlightMeets, FlightState, OfLoads } from "./Cells.ts"
import * as Reached from "./Reached.ts"

// The private members of core are read by name, so that one that is renamed does not compile.

const keyOf = (flight: Flight): string => flight["key"]

const stateOf = (flight: Flight): FlightState => {
  if (flight.done) return "over"
  if ((flight["group"] as FlightGroup).get(keyOf(flight)) !== flight) return "closed"
  return flight.unleasedSince === undefined ? flight["phase"] : "unleased"
}

/** What is known of a flight beside its own state. */
interface Known {
  asked: boolean
  /** The state in which it was answered a hit whose value is not looked at yet. */
  hitIn: FlightState | undefined
  /** When the lease that it holds or waits for ends. */
  leaseUntil: number
}

const knownOf = new WeakMap<Flight, Known>()

const know = (flight: Flight): Known => {
  const found = knownOf.get(flight)
  if (found !== undefined) return found
  const known: Known = { asked: false, hitIn: undefined, leaseUntil: Infinity }
  knownOf.set(flight, known)
  return known
}

const meets = (flight: Flight | undefined, event: FlightMeets): void => {
  // What belongs to a request is cut off with it, of which the table tells nothing.
  if (flight === undefined || flight.scope.isRequest) return
  const state = stateOf(flight)
  const known = know(flight)
  if (state === "unleased") known.leaseUntil = Infinity
  // One that asks was told of the lease a moment ago, and goes by it as soon as it follows.
  if (known.leaseUntil < flight.now && state !== "asking") {
    known.leaseUntil = Infinity
    Reached.flightMet(state, "lease ends")
  }
  Reached.flightMet(state, event)
}

/** Notes that the value of a hit was valid, or was not. */
const hitWas = (flight: Flight, event: "acquire → Hit" | "acquire → Hit, invalid"): void => {
  const known = know(flight)
  if (known.hitIn !== undefined) Reached.flightMet(known.hitIn, event)
  known.hitIn = undefined
}

/** Calls a function with what became of an effect, unless it was interrupted. One step, because each message has it. */
const heard = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  hear: (answer: A | undefined) => void
): Effect.Effect<A, E, R> =>
  Effect.matchCauseEffect(effect, {
    onFailure: (cause) => {
      if (!Cause.hasInterrupts(cause)) hear(undefined)
      return Effect.failCause(cause)
    },
    onSuccess: (answer) => {
      hear(answer)
      return Effect.succeed(answer)
    }
  })

/** The flights of the processes over one store. Those that are over may be missing. */
const flightsBeside = new WeakMap<object, Set<Flight>>()

/** The watch of the process that a clock belongs to. */
const watches = new WeakMap<Clock.Clock, Watch>()

class Watch {
  private readonly clock: Clock.Clock
  private readonly flights: Set<Flight>
  /** The flights that have not asked yet, by key. */
  private readonly opened = new Map<string, Flight>()
  /** By key, and the owner or the token. */
  private readonly named = new Map<string, Flight>()

  constructor(clock: Clock.Clock, flights: Set<Flight>) {
    this.clock = clock
    this.flights = flights
  }

  open(flight: Flight): void {
    this.opened.set(keyOf(flight), flight)
    this.flights.add(flight)
  }

  /** The flight that asks for a key. Its first question comes before it has a fiber of its own. */
  asks(key: string, owner: string, within: Flight | undefined): Flight | undefined {
    const name = `${key} ${owner}`
    const flight = this.named.get(name) ?? within ?? this.opened.get(key)
    this.opened.delete(key)
    if (flight === undefined) return undefined
    this.named.set(name, flight)
    const known = know(flight)
    if (known.asked) {
      hitWas(flight, "acquire → Hit, invalid")
      meets(flight, "asks again")
    }
    known.asked = true
    return flight
  }

  acquired(flight: Flight, key: string, { leaseFor }: AcquireOptions, answer: Acquired | undefined): void {
    const known = know(flight)
    if (answer?._tag === "Hit") known.hitIn = stateOf(flight)
    else meets(flight, `acquire → ${answer?._tag ?? "no answer"}`)
    if (answer?._tag === "Leader") this.named.set(`${key} ${answer.token}`, flight)
    if (answer !== undefined) {
      const endsIn = answer._tag === "Leader" ? leaseFor : answer._tag === "Follower" ? answer.leaseEndsIn : Infinity
      known.leaseUntil = flight.now + endsIn
    }
  }

  /** What ends or prolongs a lease, looked at. */
  held(
    verb: Exclude<OfLoads, "acquire">,
    key: string,
    token: string,
    asked: Effect.Effect<Held, AdapterError>,
    leaseFor = Infinity
  ): Effect.Effect<Held, AdapterError> {
    const flight = this.named.get(`${key} ${token}`)
    if (flight === undefined) return asked
    return heard(asked, (answer) => {
      meets(flight, `${verb} → ${answer ?? "no answer"}`)
      if (answer !== undefined) know(flight).leaseUntil = flight.now + (answer ? leaseFor : Infinity)
    })
  }

  /** Notes a write of a key, or of the tag of its values. */
  wrote(key: string, by: Change["by"]): void {
    for (const flight of this.flights) {
      if (flight.done) this.flights.delete(flight)
      else if (by === "tag" ? key.endsWith(`-${keyOf(flight)}`) : key === keyOf(flight))
        meets(flight, `${flight.clock === this.clock ? "own" : "another's"} ${by}`)
    }
  }
}

/**
 * The adapter of a process, looked at.
 *
 * @param clock the clock of the process
 * @param world what processes over the same store have in common
 */
export const adapter = (looked: Adapter, clock: Clock.Clock, world: object): Adapter => {
  if (!Reached.isLooking()) return looked
  const flights = flightsBeside.get(world) ?? new Set()
  flightsBeside.set(world, flights)
  const watch = new Watch(clock, flights)
  watches.set(clock, watch)
  const { acquireMany, watch: subscribe } = looked
  return {
    ...looked,
    acquire: (key, options) => {
      const asked = looked.acquire(key, options)
      // The log of invalidations is written under a lease of no flight.
      if (Check.isReserved(key)) return asked
      return Effect.withFiber((fiber) => {
        const flight = watch.asks(key, options.owner, fiber.getRef(Within))
        return flight === undefined ? asked : heard(asked, (answer) => watch.acquired(flight, key, options, answer))
      })
    },
    acquireMany:
      acquireMany &&
      ((keys, options) =>
        Effect.suspend(() => {
          const asking = keys.map((key) => watch.asks(key, options.owner, undefined))
          return heard(acquireMany(keys, options), (answers) => {
            for (const [at, flight] of asking.entries())
              if (flight !== undefined) watch.acquired(flight, keys[at]!, options, answers?.[at])
          })
        })),
    renew: (key, options) => watch.held("renew", key, options.token, looked.renew(key, options), options.leaseFor),
    fill: (key, options) => watch.held("fill", key, options.token, looked.fill(key, options)),
    abandon: (key, options) => watch.held("abandon", key, options.token, looked.abandon(key, options)),
    delete: (key) => Effect.tap(looked.delete(key), () => Effect.sync(() => watch.wrote(key, "delete"))),
    put: (key, options) => {
      const by = Check.isReserved(key) ? "tag" : "set"
      return Effect.tap(looked.put(key, options), () => Effect.sync(() => watch.wrote(key, by)))
    },
    watch:
      subscribe &&
      ((key) =>
        Effect.withFiber((fiber) => {
          const flight = fiber.getRef(Within)
          const live = heard(subscribe(key), (woken) =>
            meets(flight, woken === undefined ? "not subscribed" : "subscribed")
          )
          return Effect.map(live, (woken) => heard(woken, () => meets(flight, "pushed")))
        }))
  }
}

/** A fetcher, looked at. */
export const fetcher = <A, E, R>(fetched: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Reached.isLooking()
    ? Effect.withFiber((fiber) =>
        Effect.onExit(fetched, (exit) => {
          const end = Exit.isSuccess(exit) ? "succeeds" : Exit.hasInterrupts(exit) ? "is interrupted" : "fails"
          return Effect.sync(() => meets(fiber.getRef(Within), `fetcher ${end}`))
        })
      )
    : fetched

const resultOf = (exit: Exit.Exit<LoadResult, unknown>): FlightMeets => {
  if (Exit.isFailure(exit)) return `settles: ${Cause.hasInterruptsOnly(exit.cause) ? "interrupted" : "failed"}`
  const { value } = exit
  return `settles: ${value._tag === "Loaded" ? (value.uncached ?? "Loaded") : value._tag}`
}

/** Has a function called before a method of each flight. */
const before = <K extends "join" | "leave" | "settle" | "end">(
  name: K,
  look: (flight: Flight, ...given: Parameters<Flight[K]>) => void
): void => {
  const method = Flight.prototype[name] as (...given: Parameters<Flight[K]>) => void
  Flight.prototype[name] = function (this: Flight, ...given: Parameters<Flight[K]>): void {
    look(this, ...given)
    method.apply(this, given)
  } as Flight[K]
}

let looks = false

/** Looks at all flights of this process from now on. */
export const begin = (): void => {
  if (looks) return
  looks = true
  const { open } = FlightGroup.prototype
  FlightGroup.prototype.open = function (options): Flight {
    const flight = open.call(this, options)
    watches.get(options.clock)?.open(flight)
    return flight
  }
  before("join", (flight, waiter) => {
    if (!waiter.isInitiator) meets(flight, "caller joins")
    const { notify } = Object.getPrototypeOf(waiter) as FlightWaiter
    waiter.notify = (event) => {
      if (event._tag !== "Settled") meets(flight, `caller is told ${event._tag}`)
      notify.call(waiter, event)
    }
  })
  before("leave", (flight, waiter) => {
    const waiters: ReadonlySet<FlightWaiter> = flight["waiters"]
    if (waiters.has(waiter)) meets(flight, waiters.size === 1 ? "last caller leaves" : "caller leaves")
  })
  before("settle", (flight, exit) => {
    hitWas(flight, "acquire → Hit")
    meets(flight, resultOf(exit))
  })
  before("end", (flight) => meets(flight, "cache closes"))
}
