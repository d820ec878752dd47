/**
 * The verbs of a near and a far tier, and their effect on the copies.
 *
 * An answer of the far tier is kept as a copy only if its key did not change since the far tier was asked. Otherwise it
 * is passed on, but not kept.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import {
  type Acquired,
  type Adapter,
  AdapterError,
  type Operation,
  type Snapshot,
  type Value
} from "../../contract/Adapter.ts"
import { isReserved, reserved } from "../../contract/Check.ts"
import { tagOf } from "../../tags/Tags.ts"
import type { Bus } from "./Bus.ts"
import type { FarRequest } from "./ChangeLog.ts"
import { type ChangeSource, InvalidationFeed } from "./InvalidationFeed.ts"
import { type Bounds, NearTier } from "./NearTier.ts"

/** Both tiers and the options, checked and with their defaults. */
export interface Tiers extends Bounds {
  readonly far: Adapter
  readonly bus: Bus | undefined
  /** In milliseconds. */
  readonly heartbeat: number | undefined
  /** True when the user gave `ttl`: it may then bound copies by itself. */
  readonly isTtlGiven: boolean
}

/** Heartbeats go through the store as records that nobody reads. */
const heartbeatPrefix = `${reserved}beat:`

export class TieredVerbs {
  readonly near: NearTier
  private readonly tiered: Tiers
  private readonly far: Adapter
  private readonly feed: InvalidationFeed | undefined
  /** Requests to the far tier for a value, and those that found a fresh one. */
  private farAsked = 0
  private farHits = 0
  private name: string | undefined

  constructor(tiered: Tiers) {
    const { bus, far, heartbeat, isTtlGiven } = tiered
    const source = bus === undefined ? far.changes && this.farSource(far.changes) : this.busSource(bus)
    this.tiered = tiered
    this.far = far
    this.near = new NearTier(tiered, source !== undefined)
    this.feed =
      source &&
      new InvalidationFeed(this.near.log, source, heartbeat, {
        of: bus === undefined ? far.name : "the bus",
        keepsCopies: isTtlGiven
      })
  }

  /** Names this process in messages. Made at the first use: Workers have no random numbers while a module loads. */
  private get origin(): string {
    this.name ??= crypto.randomUUID().slice(0, 18)
    return this.name
  }

  private farSource(changes: NonNullable<Adapter["changes"]>): ChangeSource {
    const keyOf = (n: number | "") => `${heartbeatPrefix}${this.origin}:${n}`
    return {
      subscribe: (listener) =>
        changes({
          ...listener,
          changed: (key) => {
            if (!key.startsWith(heartbeatPrefix)) listener.changed(key)
            else if (key.startsWith(keyOf(""))) listener.heartbeat(Number(key.slice(keyOf("").length)))
          }
        }),
      sendHeartbeat: (n) =>
        this.far.put(keyOf(n), {
          value: { bytes: new Uint8Array(0) },
          lifetime: { fresh: (this.tiered.heartbeat ?? 0) * 2, stale: 0 }
        })
    }
  }

  /** Messages are `k<origin>:<key>` for a change and `b<origin>:<n>` for a heartbeat. */
  private busSource(bus: Bus): ChangeSource {
    return {
      subscribe: (listener) =>
        bus.subscribe({
          ...listener,
          received: (message) => {
            const colon = message.indexOf(":")
            const isOwnMessage = message.slice(1, colon) === this.origin
            const content = message.slice(colon + 1)
            // This process saw its own changes when it made them.
            if (message.startsWith("k") && !isOwnMessage) listener.changed(content)
            else if (message.startsWith("b") && isOwnMessage) listener.heartbeat(Number(content))
          }
        }),
      sendHeartbeat: (n) => bus.publish(`b${this.origin}:${n}`)
    }
  }

  /** Asks the far tier. `take` gets the answer while the log still knows which keys changed meanwhile. */
  private asking<A>(
    verb: Effect.Effect<A, AdapterError>,
    take: (answer: A, request: FarRequest, clock: Clock.Clock) => A
  ): Effect.Effect<A, AdapterError> {
    return Effect.withFiber((fiber) => {
      const clock = fiber.getRef(Clock.Clock)
      const request = this.begin(fiber, clock)
      return Effect.ensuring(
        Effect.map(verb, (answer) => take(answer, request, clock)),
        this.end
      )
    })
  }

  private begin(fiber: Fiber.Fiber<unknown, unknown>, clock: Clock.Clock): FarRequest {
    this.feed?.use(fiber)
    return this.near.log.begin(clock)
  }

  private readonly end = Effect.sync(() => this.near.log.end())

  private take(key: string, found: Acquired, request: FarRequest): Acquired {
    this.farAsked++
    if (found._tag === "Hit") return this.keep(key, found, found.value, request)
    // An early or forced refresh leaves a fresh value where it is.
    if (found.stale === undefined || found.stale.staleFor > 0) this.near.drop(key)
    return found
  }

  /** Counts a fresh answer, and keeps a copy of its value where that is allowed. */
  private keep<A extends { readonly age: number; readonly freshFor: number }>(
    key: string,
    found: A,
    value: Value,
    request: FarRequest
  ): A {
    this.farHits++
    if (!this.near.log.isCurrent(request, key) || isReserved(key)) return found
    return { ...found, value: this.near.keep(request, key, value, found.age, found.freshFor) }
  }

  readonly acquire: Adapter["acquire"] = (key, options) =>
    this.asking(this.far.acquire(key, options), (found, request) => this.take(key, found, request))

  readonly acquireMany: NonNullable<Adapter["acquireMany"]> = (keys, options) =>
    this.asking(this.far.acquireMany!(keys, options), (found, request) =>
      found.map((one, index) => this.take(keys[index]!, one, request))
    )

  readonly read: Adapter["read"] = (key) => {
    const tag = tagOf(key)
    if (tag !== undefined) return this.readTag(key, tag)
    return this.asking(this.far.read(key), (found, request): Snapshot => {
      if (isReserved(key)) return found
      this.farAsked++
      if (found.value !== undefined && found.freshFor > 0) return this.keep(key, found, found.value, request)
      this.near.drop(key)
      return found
    })
  }

  private readTag(key: string, tag: string): Effect.Effect<Snapshot, AdapterError> {
    const ask = this.asking(this.far.read(key), (record, request, clock) => {
      if (this.near.log.isCurrent(request, key)) this.near.learn(request, tag, record, clock)
      return record
    })
    return Effect.withFiber((fiber) => {
      const known = this.near.recordOf(tag, fiber.getRef(Clock.Clock))
      return known === undefined ? ask : Effect.succeed(known)
    })
  }

  readonly fill: Adapter["fill"] = (key, options) => {
    const { lifetime, value } = options
    return this.writing("fill", [key], this.far.fill(key, options), (held, request) => {
      if (held && value !== undefined) this.near.keep(request, key, asBytes(value, this.far), 0, lifetime.fresh)
    })
  }

  readonly put: Adapter["put"] = (key, options) =>
    this.writing("put", [key], this.far.put(key, options), (_, request) => {
      if (isReserved(key)) return
      this.near.keep(request, key, asBytes(options.value, this.far), 0, options.lifetime.fresh)
    })

  readonly delete: Adapter["delete"] = (key) => this.writing("delete", [key], this.far.delete(key))

  readonly deleteMany: NonNullable<Adapter["deleteMany"]> = (keys) =>
    this.writing("deleteMany", keys, this.far.deleteMany!(keys))

  readonly touch: Adapter["touch"] = (key, options) =>
    Effect.withFiber((fiber) => {
      const request = this.begin(fiber, fiber.getRef(Clock.Clock))
      return Effect.onExit(this.far.touch(key, options), (exit) => {
        if (Exit.isSuccess(exit) && exit.value) this.near.touched(request, key, options.freshFor)
        else this.near.log.changed(key)
        return this.end
      })
    })

  /** Changes keys in the far tier, drops their copies before and after, and notifies the other processes. */
  private writing<A>(
    operation: Operation,
    keys: ReadonlyArray<string>,
    verb: Effect.Effect<A, AdapterError>,
    done?: (answer: A, request: FarRequest) => void
  ): Effect.Effect<A, AdapterError> {
    const { log } = this.near
    const written = Effect.withFiber<A, AdapterError>((fiber) => {
      for (const key of keys) log.changed(key)
      const request = this.begin(fiber, fiber.getRef(Clock.Clock))
      return Effect.onExit(verb, (exit) => {
        const isCurrent = keys.length === 1 && log.isCurrent(request, keys[0]!)
        // Requests that are under way may be answered with the old value.
        for (const key of keys) log.changed(key)
        if (isCurrent && Exit.isSuccess(exit)) done?.(exit.value, request)
        return this.end
      })
    })
    const { bus } = this.tiered
    if (bus === undefined) return written
    const notify = this.notify(operation, keys, bus)
    // A write that failed may still have happened.
    return Effect.onExit(written, (exit) => (Exit.isSuccess(exit) ? notify : Effect.ignore(notify)))
  }

  private notify(operation: Operation, keys: ReadonlyArray<string>, bus: Bus): Effect.Effect<void, AdapterError> {
    const published = Effect.forEach(keys, (key) => bus.publish(`k${this.origin}:${key}`), {
      concurrency: "unbounded",
      discard: true
    })
    return Effect.mapError(published, (cause) => {
      const message = `the store was changed, but the other processes could not be notified: ${cause.message}`
      return new AdapterError({
        adapter: this.far.name,
        operation,
        key: keys[0],
        reason: "Unavailable",
        message,
        cause,
        retryAfter: cause.retryAfter
      })
    })
  }

  readonly tiers: NonNullable<Adapter["tiers"]> = () => {
    const { farAsked, farHits, near } = this
    return [
      { name: "near", hits: near.hits, misses: farAsked, evictions: near.evictions },
      { name: this.far.name, hits: farHits, misses: farAsked - farHits, evictions: this.far.evictions?.() ?? 0 }
    ]
  }

  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    this.near.log.dropAll()
    return Effect.andThen(this.feed?.close ?? Effect.void, this.far.close ?? Effect.void)
  })
}

/** A copy holds the bytes that the far tier would return, unless the far tier itself keeps the very object. */
const asBytes = (value: Value, far: Adapter): Value => (far.keepsReferences === true ? value : { bytes: value.bytes })
