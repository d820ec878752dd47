/** A test with many processes over one store, at whose end nothing may be left. */
import { assert, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import * as Cache from "../../src/Cache.ts"
import * as Codec from "../../src/codec/Codec.ts"
import type { Adapter, Token, Value } from "../../src/contract/Adapter.ts"
import type { CacheLockingError } from "../../src/contract/CacheLockingError.ts"
import type { Engine } from "../../src/flight/Engine.ts"
import { FlightGroups } from "../../src/flight/FlightGroup.ts"
import * as Guard from "../../src/guard/Guard.ts"
import * as MemoryAdapter from "../../src/stores/MemoryAdapter.ts"
import { Recorded } from "./Recorded.ts"
import { peer } from "./Wrappers.ts"

const macrotask = Effect.promise<void>(() => new Promise((resolve) => setImmediate(resolve)))

/** Lets all work happen that needs no time. */
export const flush: Effect.Effect<void> = Effect.gen(function* () {
  for (let i = 0; i < 6; i++) {
    yield* macrotask
    yield* Effect.yieldNow
  }
})

/** Lets this much time pass, and all work happen that is then due. */
export const advance = (millis: number): Effect.Effect<void> =>
  Effect.andThen(flush, Effect.andThen(TestClock.adjust(millis), flush))

/** Begins something and lets it get as far as it can without time. */
export const begin = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<Fiber.Fiber<A, E>, never, R> =>
  Effect.tap(Effect.forkChild(effect), () => flush)

/** Begins it many times at once. */
export const beginMany = <A, E, R>(
  count: number,
  effect: (n: number) => Effect.Effect<A, E, R>
): Effect.Effect<ReadonlyArray<Fiber.Fiber<A, E>>, never, R> =>
  Effect.tap(
    Effect.forEach(
      Array.from({ length: count }, (_, n) => n),
      (n) => Effect.forkChild(effect(n))
    ),
    () => flush
  )

/** The answers of all of them. */
export const joinAll = <A, E>(fibers: ReadonlyArray<Fiber.Fiber<A, E>>): Effect.Effect<Array<A>, E> =>
  Effect.forEach(fibers, Fiber.join)

/** The exit of a fiber; fails the test if it still runs. */
export const ended = <A, E>(fiber: Fiber.Fiber<A, E>) => {
  const exit = fiber.pollUnsafe()
  return exit ?? assert.fail("it has not ended")
}

/** True while a fiber still runs. */
export const waits = (fiber: Fiber.Fiber<unknown, unknown>): boolean => fiber.pollUnsafe() === undefined

/** Hooks that record the errors given to `onError`. */
export const recordErrors = () => {
  const errors: Array<CacheLockingError> = []
  return { errors, hooks: { onError: (error: CacheLockingError) => Effect.sync(() => errors.push(error)) } }
}

/** The flights under way of this process over an adapter. */
export const flightsOf = (adapter: Adapter, codec: Codec.Codec<any> = Codec.default): number =>
  FlightGroups.of(adapter, codec).size

/** The state that the processes of a test share, and the checks at its end. */
export class World {
  /** The memory adapter behind all of them. */
  readonly store: Adapter
  readonly processes: Array<Recorded> = []
  readonly codecs = new Set<Codec.Codec<any> | undefined>([undefined])
  /** Sleeps that have begun and not yet ended. */
  sleeping = 0
  /** The engines of the caches. */
  private readonly engines: Array<Pick<Engine, "returns">> = []
  /** Options that every cache has unless it is given others. */
  private readonly base: { readonly hooks?: {} }

  constructor(store: Adapter, base: { readonly hooks?: {} } = {}) {
    this.store = store
    this.base = base
  }

  /** A process's adapter over the store, with its calls recorded; flights are not shared with others. */
  process(wrap: (adapter: Adapter) => Adapter = (adapter) => adapter): Recorded {
    const recorded = new Recorded(peer(wrap(peer(this.store))))
    this.processes.push(recorded)
    return recorded
  }

  /** A process and a cache in it. */
  cache<A = string, HE = never>(
    options: Omit<Cache.Options<A, HE>, "adapter"> = {},
    wrap?: (adapter: Adapter) => Adapter
  ): Effect.Effect<{ readonly cache: Cache.ListingCache<A, HE>; readonly process: Recorded }, never, Scope.Scope> {
    const process = this.process(wrap)
    this.codecs.add(options.codec)
    return Effect.orDie(
      Effect.map(Cache.make<A, HE>({ ...this.base, ...options, adapter: process.adapter }), (cache) => {
        this.engines.push((cache as unknown as { readonly engine: Engine }).engine)
        // Where a test takes `keys` away, the type is not to protect it.
        return { cache: cache as Cache.ListingCache<A, HE>, process }
      })
    )
  }

  /** Takes the lease of a key as a process that then crashes. */
  crash(key: string, leaseFor: number, owner = "crashed"): Effect.Effect<Token> {
    return Effect.orDie(
      Effect.map(this.store.acquire(key, { owner, leaseFor }), (found) =>
        found._tag === "Leader" ? found.token : assert.fail(`not a leader but ${found._tag}`)
      )
    )
  }

  get flights(): number {
    let flights = 0
    for (const { adapter } of this.processes) for (const codec of this.codecs) flights += flightsOf(adapter, codec)
    return flights
  }

  /** Leases that still have to be given back to a store that does not answer. */
  get returning(): number {
    return this.engines.reduce((sum, { returns }) => sum + (returns.size > 0 ? 1 : 0), 0)
  }

  /** Stores that are down, which are asked again and again. */
  get probing(): number {
    return this.processes.filter(({ adapter }) => Guard.health(Guard.of(adapter))?.isAsked).length
  }

  /** Nothing is under way any more, but for leases that have to be given back and stores that are down. */
  assertIdle(): void {
    assert.deepStrictEqual(
      {
        flights: this.flights,
        watching: this.processes.reduce((sum, { watching }) => sum + watching, 0),
        pending: this.processes.reduce((sum, { pending }) => sum + pending, 0),
        sleeping: this.sleeping - this.returning - this.probing
      },
      { flights: 0, watching: 0, pending: 0, sleeping: 0 },
      "something is left behind"
    )
  }
}

/** The clock, with its sleeps counted. */
const counted = (clock: Clock.Clock, world: World): Clock.Clock => ({
  ...clock,
  sleep: (duration) =>
    Effect.acquireUseRelease(
      Effect.sync(() => world.sleeping++),
      () => clock.sleep(duration),
      () => Effect.sync(() => world.sleeping--)
    )
})

/** The clock of the test, whose wall clock is set to another time than its timers keep. */
export const stepped = (by: () => number): Effect.Effect<Clock.Clock> =>
  Effect.clockWith((clock) =>
    Effect.succeed({ ...clock, currentTimeMillisUnsafe: () => clock.currentTimeMillisUnsafe() + by() })
  )

export interface ScenarioOptions {
  readonly store?: (() => Adapter) | undefined
  /** Something may be left at the end, because the test breaks the adapter for good. */
  readonly untidy?: boolean | undefined
}

type Body = (world: World) => Effect.Effect<unknown, unknown, Scope.Scope>

const run = (body: Body, options: ScenarioOptions, base?: { readonly hooks?: {} }) =>
  Effect.gen(function* () {
    const world = new World((options.store ?? MemoryAdapter.make)(), base)
    const clock = yield* Clock.Clock
    const scope = yield* Scope.make()
    yield* Effect.provideService(Scope.provide(body(world), scope), Clock.Clock, counted(clock, world))
    yield* flush
    if (options.untidy !== true) world.assertIdle()
    // Giving leases back takes its time over a slow store.
    const closing = yield* begin(Scope.close(scope, Exit.void))
    yield* advance(1000)
    // Where the store never answers, a close takes as long as it may.
    if (options.untidy === true) return yield* advance(5000)
    yield* Fiber.join(closing)
    assert.deepStrictEqual([world.sleeping, world.returning], [0, 0], "close left a timer")
  })

/** A test over a memory store that is checked, at its end, for flights, subscriptions, calls and timers. */
export const scenario = (name: string, body: Body, options: ScenarioOptions = {}): void =>
  it.effect(name, () => run(body, options))

/** Bytes for an adapter that is used without a cache. */
export const bytesOf = (text: string): Value => ({ bytes: new TextEncoder().encode(text) })
