/**
 * The state of one cache. Each piece has one owner:
 *
 * | state                                   | owner                                             |
 * | --------------------------------------- | ------------------------------------------------- |
 * | counts                                  | `Counters`                                        |
 * | codec                                   | `ValueCodec`                                      |
 * | flights by key, shared between caches   | `FlightGroups`                                    |
 * | flights that this cache began           | `Engine.flights`                                  |
 * | slots for background loads              | `BackgroundQueue`, one for each request or process |
 * | failures in a row, by key               | `Backoff`                                         |
 * | leases to be given back                 | `LeaseReturns`, one for each request or process   |
 * | metrics and logs                        | `Reporter`                                        |
 * | users of an adapter and of a name       | `OpenCaches`                                      |
 * | health of a store, shared by its users  | `Guard`                                           |
 */
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import type * as Codec from "../codec/Codec.ts"
import { ValueCodec } from "../codec/ValueCodec.ts"
import type { Adapter } from "../contract/Adapter.ts"
import { type CacheLockingError, formatCacheLockingError } from "../contract/CacheLockingError.ts"
import * as Check from "../contract/Check.ts"
import * as Identity from "../contract/Identity.ts"
import * as Monotonic from "../contract/Monotonic.ts"
import * as Namespace from "../contract/Namespace.ts"
import * as Guard from "../guard/Guard.ts"
import type { Hooks } from "../options/Answer.ts"
import type { RequestScope } from "../options/RequestScope.ts"
import { Meter } from "../stats/Metrics.ts"
import { Counters } from "../stats/Stats.ts"
import * as AsyncContext from "./AsyncContext.ts"
import type { Flight } from "./Flight.ts"
import { FlightGroups } from "./FlightGroup.ts"
import { LeaseReturns } from "./LeaseReturns.ts"
import * as OpenCaches from "./OpenCaches.ts"

/**
 * The number of keys whose failures are counted at once. Beyond it, the count of the key that failed longest ago begins
 * anew.
 */
const mostFailingKeys = 1_000

/** Counts the failures in a row of each key. */
class Backoff {
  private readonly failures = new Map<string, number>()

  /** Records that a load of a key failed, or succeeded; returns its failures in a row. */
  note(key: string, failed: boolean): number {
    const count = failed ? (this.failures.get(key) ?? 0) + 1 : 0
    if (failed || this.failures.size > 0) this.failures.delete(key)
    if (!failed) return 0
    this.failures.set(key, count)
    if (this.failures.size > mostFailingKeys) this.failures.delete(this.failures.keys().next().value as string)
    return count
  }
}

/**
 * The number of flights after which counts are transferred to the metrics at once, because no timer runs between the
 * requests of a Worker.
 */
const flightsPerCarry = 256

/**
 * The number of background loads that run at a time, unless an option says otherwise. It is twice the connections of a
 * usual pool: the origin is kept busy, and a caller that has to wait for a load has few of them ahead of its own.
 * `docs/decisions/refresh-concurrency.md` has the measurement.
 */
export const defaultRefreshConcurrency = 16

/**
 * The slots of background loads. A load that finds none waits in a queue, which holds a key and a function for it, and no
 * fiber.
 */
export class BackgroundQueue {
  private running = 0
  private readonly queue = new Map<unknown, () => void>()
  private readonly slots: number

  constructor(slots: number) {
    this.slots = slots
  }

  /**
   * Takes a slot, or queues `later`, which is then called with a slot taken, in the context of the code that queued it.
   * A key, or a batch of keys, is queued once.
   */
  acquireSlot(key: unknown, later: () => void): boolean {
    if (this.running < this.slots) {
      this.running++
      return true
    }
    if (!this.queue.has(key)) this.queue.set(key, AsyncContext.bind(later))
    return false
  }

  /** Gives a slot back, or passes it on to the next load in the queue. */
  releaseSlot(): void {
    const [next] = this.queue
    if (next === undefined) {
      this.running--
      return
    }
    const [key, begin] = next
    this.queue.delete(key)
    begin()
  }

  /** The number of loads that wait. */
  get size(): number {
    return this.queue.size
  }
}

/** Reports one cache's counts to the metrics. */
class Reporter {
  private readonly meter: Meter
  private flights = 0

  constructor(counters: Counters, context: Context.Context<never>, name: string, adapter: Adapter) {
    this.meter = new Meter(counters, context, name, adapter)
    counters.onLoaded = this.meter.loaded
  }

  /** Schedules a transfer, because something was counted. */
  counted(): void {
    this.meter.soon()
  }

  /** Records that a flight is over. */
  flightEnded(): void {
    if (++this.flights >= flightsPerCarry) this.carry()
    else this.counted()
  }

  /** Transfers the counts to the metrics. */
  carry(): void {
    this.flights = 0
    this.meter.carry()
  }

  /** Transfers the counts a last time. */
  close(): void {
    this.carry()
    this.meter.stop()
  }
}

/** The resolved options of a close. */
export interface Closing {
  /** Milliseconds. */
  readonly within: number
  readonly loads: "await" | "end"
}

/** A close keeps a fifth of its time for giving leases back, and no more than this, in milliseconds. */
const mostForLeases = 1_000

export interface EngineOptions {
  readonly adapter: Adapter
  readonly codec: Codec.Codec<any> | undefined
  readonly failureCodec: Codec.Codec<any> | undefined
  /** The keyspace of the cache, and its name in metrics. */
  readonly name: string
  readonly refreshConcurrency: number
  readonly context: Context.Context<never>
}

export class Engine {
  /** The adapter of the cache's name. */
  readonly adapter: Adapter
  readonly counters = new Counters()
  readonly valueCodec: ValueCodec<unknown>
  readonly groups: FlightGroups
  /** The flights that this cache began and that are not over. */
  readonly flights = new Set<Flight>()
  readonly backoff = new Backoff()
  readonly reporter: Reporter
  private readonly queues = new WeakMap<object, BackgroundQueue>()
  readonly returns = new LeaseReturns(() => {})
  private readonly refreshConcurrency: number
  private readonly context: Context.Context<never>
  private readonly tenant: OpenCaches.Tenant
  /** True when it takes no new calls. */
  closed = false
  /** True when its loads were ended: a call that was under way begins no other. */
  ended = false
  /** Ends the hook for changes of the store. */
  private deafen: (() => void) | undefined
  private closing: Fiber.Fiber<void> | undefined
  private readonly hurry = Latch.makeUnsafe()
  /** Called when a flight of this cache is over. */
  private onGone: (() => void) | undefined

  constructor({ adapter: given, codec, context, failureCodec, name, refreshConcurrency }: EngineOptions) {
    const store = Guard.of(given)
    const adapter = Namespace.of(store, name)
    this.adapter = adapter
    this.context = context
    this.reporter = new Reporter(this.counters, context, name, adapter)
    this.valueCodec = new ValueCodec<unknown>(adapter, this.counters, codec, failureCodec)
    this.groups = FlightGroups.of(adapter, this.valueCodec.codec)
    this.refreshConcurrency = refreshConcurrency
    this.tenant = { store, adapter, name, codec: this.valueCodec.codec }
  }

  /**
   * The queue of background loads: one for the process, and within a request one for each call, which `batch`
   * identifies. A request that is cut off frees no slot, and no load of another request may begin within it.
   */
  queueOf(scope: RequestScope, batch: object = {}): BackgroundQueue {
    const owner = scope.isRequest ? batch : scope
    return Identity.getOrMake(this.queues, owner, () => new BackgroundQueue(this.refreshConcurrency))
  }

  /** The leases of a scope that are still to be given back. A request that is cut off leaves its own to end by themselves. */
  returnsOf(scope: RequestScope): LeaseReturns {
    return scope.isRequest ? new LeaseReturns(scope.waitUntil) : this.returns
  }

  /**
   * Keeps the adapter open until `close`.
   *
   * @throws InvalidOption when another open cache of the same name has another codec
   */
  retain(scope: RequestScope, hooks: Hooks<unknown, unknown> | undefined): void {
    OpenCaches.enter(this.tenant)
    // Each request makes such a cache anew.
    if (scope.isRequest) return
    const warning = OpenCaches.warning(this.tenant)
    if (warning !== undefined) Effect.runForkWith(this.context)(Effect.logWarning(warning))
    const { onStoreChange } = hooks ?? {}
    if (onStoreChange === undefined) return
    this.deafen = Guard.health(this.adapter)?.listen((change) => {
      const told = Effect.suspend(() => Check.effect("hooks.onStoreChange", onStoreChange(change)))
      Effect.runForkWith(this.context)(
        Effect.catchCause(told, (cause) => Effect.logWarning("cache-locking: the hook onStoreChange failed", cause))
      )
    })
  }

  /** Records that a flight of this cache is over, and has left nothing to do. */
  flightOver(): void {
    this.reporter.flightEnded()
    this.onGone?.()
  }

  /**
   * Refuses new calls, ends background loads, awaits or ends those of callers, and gives their leases back. The last
   * user of an adapter closes the adapter. A second call waits for the same end, and may bring it about sooner.
   */
  close({ loads, within }: Closing): Effect.Effect<void> {
    return Effect.withFiber(({ context }) => {
      if (loads === "end") this.hurry.openUnsafe()
      this.closed = true
      // It runs in a fiber of its own: the caller's fiber may have been interrupted, as when it closes a scope.
      this.closing ??= Effect.runForkWith(context)(this.shutDown(within))
      return Fiber.join(this.closing)
    })
  }

  private readonly shutDown = Effect.fnUntraced(function* (this: Engine, within: number) {
    const clock = yield* Clock.Clock
    const endsAt = Monotonic.now(clock) + within
    const bounded = <A>(effect: Effect.Effect<A>, reserve: number) =>
      Effect.raceFirst(effect, Effect.sleep(Math.max(0, endsAt - reserve - Monotonic.now(clock))))
    for (const flight of this.flights) flight.end()
    const left = Effect.raceFirst(this.groups.leftBy(this), this.hurry.await)
    yield* bounded(left, Math.min(mostForLeases, within / 5))
    this.ended = true
    this.groups.close(this)
    for (const flight of this.flights) flight.end()
    // Leases are given back even to a store that was down a moment ago.
    const retry = Guard.health(this.adapter)?.retry ?? Effect.void
    yield* bounded(
      Effect.andThen(Effect.andThen(this.flightsGone, retry), () => this.returns.end),
      0
    )
    this.deafen?.()
    this.reporter.close()
    for (const { close } of OpenCaches.leave(this.tenant)) if (close !== undefined) yield* close
  })

  /** Waits until the flights that were ended are over. One that another cache's callers wait for goes on. */
  private get flightsGone(): Effect.Effect<void> {
    return Effect.callback((resume) => {
      const look = () => {
        if (![...this.flights].some(({ ended }) => ended)) resume(Effect.void)
      }
      this.onGone = look
      look()
    })
  }
}

/** Logs an error that fails no caller, and runs the hooks for errors beside the call. */
export const report = (error: CacheLockingError, hooks: Hooks<unknown, unknown> | undefined): Effect.Effect<void> => {
  const log = Effect.logWarning(`cache-locking: ${formatCacheLockingError(error)}`)
  const { onError, onRefreshError } = hooks ?? {}
  const calls: Array<Effect.Effect<unknown, unknown>> = []
  if (onError !== undefined) calls.push(Effect.suspend(() => Check.effect("hooks.onError", onError(error))))
  if (onRefreshError !== undefined && error._tag === "REFRESH_FAILED") {
    const context = { key: error.context.key ?? "" }
    calls.push(Effect.suspend(() => Check.effect("hooks.onRefreshError", onRefreshError(error.cause, context))))
  }
  if (calls.length === 0) return log
  const beside = Effect.catchCause(Effect.all(calls), (cause) =>
    Effect.logWarning("cache-locking: a hook for errors failed", cause)
  )
  return Effect.andThen(log, Effect.asVoid(Effect.forkDetach(beside)))
}
