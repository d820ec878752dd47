/**
 * One process: a clock that may be wrong, an adapter whose messages take time, and both faces of a cache of the real core.
 */
import { Cache, type Codec } from "@cache-locking/core"
import { createCache, type ListingPromiseCache } from "@cache-locking/core/promise"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import * as Random from "effect/Random"
import * as Coverage from "../cells/Coverage.ts"
import type { Versioned } from "../story/History.ts"
import type { Random as Chance } from "../story/Random.ts"
import type { Story } from "../story/Story.ts"
import { adapterOf, type Stores } from "./Adapters.ts"
import { Connection, type Deliver } from "./Connection.ts"
import { type Face, ofEffects, ofPromises } from "./Face.ts"
import type { Request } from "./Request.ts"
import type { VirtualTime } from "./VirtualTime.ts"

/** Wall clocks begin here, in epoch milliseconds. */
export const epoch = 1_700_000_000_000

export class Process {
  readonly id: number
  readonly faces: { readonly effect: Face; readonly promise: Face }
  readonly context: Context.Context<never>
  readonly connection: Connection
  dead = false
  closed = false
  private readonly time: VirtualTime
  private readonly clientClock: boolean
  private pausedUntil = 0
  private readonly waitingForResume: Array<() => void> = []
  private offset = 0
  /** The request that the present work belongs to, in an isolate. */
  private request: Request | undefined

  constructor(
    id: number,
    time: VirtualTime,
    stores: Stores,
    story: Story,
    codec: Codec.Codec<Versioned>,
    chance: Chance
  ) {
    this.id = id
    this.time = time
    this.clientClock = story.store === "client-clock"
    this.connection = new Connection(time, story, this.here)
    const noLoggers: ReadonlySet<Logger.Logger<unknown, unknown>> = new Set()
    this.context = Context.make(Clock.Clock, this.clock).pipe(
      Context.add(Random.Random, {
        nextIntUnsafe: () => Math.floor(chance.next() * 2 ** 31),
        nextDoubleUnsafe: () => chance.next()
      }),
      Context.add(Logger.CurrentLoggers, noLoggers)
    ) as Context.Context<never>
    const { cacheTtl, declines, tags, ...settings } = story.settings
    const options = {
      ...settings,
      cacheTtl: declines === "cacheTtl" ? (value: Versioned) => (value.uncacheable ? 0 : cacheTtl) : cacheTtl,
      shouldCache: declines === "shouldCache" ? (value: Versioned) => !value.uncacheable : undefined,
      adapter: Coverage.adapter(adapterOf(story, this.connection, stores, id), this.clock, time),
      codec,
      ownerId: `p${id}`,
      tags: tags === "told" ? (_key: string, value: Versioned) => [`tag-of-${value.key}`] : undefined
    }
    const { context } = this
    // Two caches of one name over one store share their flights, and each counts for itself.
    const cache = Cache.makeUnsafe<Versioned>(options, context) as unknown as Cache.ListingCache<Versioned>
    const promises = createCache<Versioned>({ ...options, context }) as ListingPromiseCache<Versioned>
    this.faces = { effect: ofEffects(cache), promise: ofPromises(promises, context) }
  }

  /**
   * Runs an effect in this process, or in one of its requests, and interrupts it when its caller leaves; `ended` is called
   * unless the process or the request is over before.
   */
  run<A, E>(
    effect: Effect.Effect<A, E>,
    ended: (exit: Exit.Exit<A, E>, by: Request | undefined) => void,
    { leaves, request }: { readonly request?: Request | undefined; readonly leaves?: number | undefined } = {}
  ): void {
    this.deliver(request, () => {
      const fiber = Effect.runForkWith(this.context)(effect)
      fiber.addObserver((exit) => {
        if (this.dead || request?.over) return
        request?.answered()
        ended(exit, this.request)
      })
      if (leaves !== undefined) this.time.after(leaves, () => this.deliver(request, () => fiber.interruptUnsafe()))
    })
  }

  /** The place that the present work belongs to. */
  private readonly here = (): Deliver => {
    const { request } = this
    return (run) => this.deliver(request, run)
  }

  /** Runs a function when the process is able to: not while it is paused, and never once it or the request is over. */
  private deliver(request: Request | undefined, run: () => void): void {
    if (this.dead || request?.over) return
    if (this.paused) this.waitingForResume.push(() => this.deliver(request, run))
    else {
      this.request = request
      run()
    }
  }

  pause(millis: number): void {
    this.pausedUntil = Math.max(this.pausedUntil, this.time.now + millis)
    this.time.after(this.pausedUntil - this.time.now, () => {
      if (this.paused) return
      // One event each: what follows from it belongs to the same request.
      for (const run of this.waitingForResume.splice(0)) this.time.after(0, run)
    })
  }

  get paused(): boolean {
    return this.time.now < this.pausedUntil
  }

  /** The time by which the store's leases and lifetimes end, as this process reads it. */
  get storeTime(): number {
    return this.time.now + (this.clientClock ? epoch + this.offset : 0)
  }

  step(millis: number): void {
    this.offset += millis
  }

  private readonly clock: Clock.Clock = {
    currentTimeMillisUnsafe: () => epoch + this.time.now + this.offset,
    currentTimeMillis: Effect.sync(() => epoch + this.time.now + this.offset),
    currentTimeNanosUnsafe: () => BigInt(Math.round((epoch + this.time.now + this.offset) * 1e6)),
    currentTimeNanos: Effect.sync(() => BigInt(Math.round((epoch + this.time.now + this.offset) * 1e6))),
    monotonicTimeNanosUnsafe: () => BigInt(Math.round(this.time.now * 1e6)),
    monotonicTimeNanos: Effect.sync(() => BigInt(Math.round(this.time.now * 1e6))),
    sleep: (duration) =>
      Effect.callback((resume) => {
        const deliver = this.here()
        const timer = this.time.after(Duration.toMillis(duration), () => deliver(() => resume(Effect.void)))
        return Effect.sync(() => timer.cancel())
      })
  }
}
