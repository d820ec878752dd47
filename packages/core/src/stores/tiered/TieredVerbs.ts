/**
 * The verbs of a near and a far tier: what each does to the copies.
 *
 * A copy is made of an answer only if no change of its key was told since the far tier was asked. So an answer that was
 * overtaken on its way is handed on, for the far tier gave it, and not kept.
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
import { isOwn, reserved, tagOf } from "../../tags/Tags.ts"
import type { Bus } from "./Bus.ts"
import { Feed, type Source } from "./InvalidationFeed.ts"
import { type Asking, type Bounds, NearTier } from "./NearTier.ts"

/** Both tiers, resolved. */
export interface Plan extends Bounds {
  readonly far: Adapter
  readonly bus: Bus | undefined
  readonly heartbeat: number | undefined
}

/** Tells this process's messages from others'. Not when the module loads: Workers have no random numbers then. */
const nameOrigin = (): string => crypto.randomUUID().slice(0, 18)

/** Beats go through the store as records that nobody reads. */
const beatPrefix = `${reserved}beat:`

/** The verbs of both. */
export class Tiers {
  readonly near: NearTier
  readonly plan: Plan
  private readonly far: Adapter
  private readonly bus: Bus | undefined
  private readonly feed: Feed | undefined
  private farHits = 0
  private name: string | undefined

  constructor(plan: Plan) {
    const { bus, far, heartbeat } = plan
    const source = bus === undefined ? far.changes && this.farSource(far.changes) : this.busSource(bus)
    this.plan = plan
    this.far = far
    this.bus = bus
    this.near = new NearTier(plan, source !== undefined)
    this.feed = source && new Feed(this.near, source, heartbeat)
  }

  private get origin(): string {
    this.name ??= nameOrigin()
    return this.name
  }

  private farSource(changes: NonNullable<Adapter["changes"]>): Source {
    const beatKey = (n: number | "") => `${beatPrefix}${this.origin}:${n}`
    return {
      listen: (ear) =>
        changes({
          ...ear,
          changed: (key) => {
            if (!key.startsWith(beatPrefix)) ear.changed(key)
            else if (key.startsWith(beatKey(""))) ear.heartbeat(Number(key.slice(beatKey("").length)))
          }
        }),
      beat: (n) =>
        this.far.put(beatKey(n), {
          value: { bytes: new Uint8Array(0) },
          lifetime: { fresh: (this.plan.heartbeat ?? 0) * 2, stale: 0 }
        })
    }
  }

  /** Messages are `<k or b><origin>:<key or n>`. */
  private busSource(bus: Bus): Source {
    return {
      listen: (ear) =>
        bus.subscribe({
          ...ear,
          told: (message) => {
            const colon = message.indexOf(":")
            const mine = message.slice(1, colon) === this.origin
            const about = message.slice(colon + 1)
            // This process's own changes were seen when they were made.
            if (message.startsWith("k") && !mine) ear.changed(about)
            else if (message.startsWith("b") && mine) ear.heartbeat(Number(about))
          }
        }),
      beat: (n) => bus.publish(`b${this.origin}:${n}`)
    }
  }

  /** Asks the far tier; `take` is given what it says while it is known whether a change was told meanwhile. */
  private asking<A>(
    verb: Effect.Effect<A, AdapterError>,
    take: (answer: A, asking: Asking, clock: Clock.Clock) => A
  ): Effect.Effect<A, AdapterError> {
    return Effect.withFiber((fiber) => {
      const clock = fiber.getRef(Clock.Clock)
      const asking = this.begin(fiber, clock)
      return Effect.ensuring(
        Effect.map(verb, (answer) => take(answer, asking, clock)),
        this.end
      )
    })
  }

  private begin(fiber: Fiber.Fiber<unknown, unknown>, clock: Clock.Clock): Asking {
    this.feed?.use(fiber)
    return this.near.begin(clock)
  }

  private readonly end = Effect.sync(() => this.near.end())

  private take(key: string, found: Acquired, asking: Asking): Acquired {
    this.near.misses++
    if (found._tag === "Hit") {
      this.farHits++
      if (!this.near.isCurrent(asking, key) || isOwn(key)) return found
      return { ...found, value: this.near.keep(asking, key, found.value, found.age, found.freshFor) }
    }
    // An early or forced refresh leaves a fresh value where it is.
    if (found.stale === undefined || found.stale.staleFor > 0) this.near.drop(key)
    return found
  }

  readonly acquire: Adapter["acquire"] = (key, options) =>
    this.asking(this.far.acquire(key, options), (found, asking) => this.take(key, found, asking))

  readonly acquireMany: NonNullable<Adapter["acquireMany"]> = (keys, options) =>
    this.asking(this.far.acquireMany!(keys, options), (found, asking) =>
      found.map((one, index) => this.take(keys[index]!, one, asking))
    )

  readonly read: Adapter["read"] = (key) => {
    const tag = tagOf(key)
    if (tag !== undefined) return this.readTag(key, tag)
    return this.asking(this.far.read(key), (found, asking): Snapshot => {
      if (isOwn(key)) return found
      this.near.misses++
      if (found.value === undefined || found.freshFor <= 0) {
        this.near.drop(key)
        return found
      }
      this.farHits++
      if (!this.near.isCurrent(asking, key)) return found
      return { ...found, value: this.near.keep(asking, key, found.value, found.age, found.freshFor) }
    })
  }

  private readTag(key: string, tag: string): Effect.Effect<Snapshot, AdapterError> {
    const ask = this.asking(this.far.read(key), (record, asking, clock) => {
      if (this.near.isCurrent(asking, key)) this.near.learn(asking, tag, record, clock)
      return record
    })
    return Effect.withFiber((fiber) => {
      const known = this.near.recordOf(tag, fiber.getRef(Clock.Clock))
      return known === undefined ? ask : Effect.succeed(known)
    })
  }

  readonly fill: Adapter["fill"] = (key, options) => {
    const { lifetime, value } = options
    return this.writing("fill", [key], this.far.fill(key, options), (held, asking) => {
      if (held && value !== undefined) this.near.keep(asking, key, asBytes(value, this.far), 0, lifetime.fresh)
    })
  }

  readonly put: Adapter["put"] = (key, options) =>
    this.writing("put", [key], this.far.put(key, options), (_, asking) => {
      if (isOwn(key)) return
      this.near.keep(asking, key, asBytes(options.value, this.far), 0, options.lifetime.fresh)
    })

  readonly delete: Adapter["delete"] = (key) => this.writing("delete", [key], this.far.delete(key), nothing)

  readonly deleteMany: NonNullable<Adapter["deleteMany"]> = (keys) =>
    this.writing("deleteMany", keys, this.far.deleteMany!(keys), nothing)

  readonly touch: Adapter["touch"] = (key, options) =>
    Effect.withFiber((fiber) => {
      const asking = this.begin(fiber, fiber.getRef(Clock.Clock))
      return Effect.onExit(this.far.touch(key, options), (exit) => {
        if (Exit.isSuccess(exit) && exit.value) this.near.touched(asking, key, options.freshFor)
        else this.near.changed(key)
        return this.end
      })
    })

  /** Changes keys in the far tier, drops their copies before and after, and tells the others. */
  private writing<A>(
    operation: Operation,
    keys: ReadonlyArray<string>,
    verb: Effect.Effect<A, AdapterError>,
    done: (answer: A, asking: Asking) => void
  ): Effect.Effect<A, AdapterError> {
    const written = Effect.withFiber<A, AdapterError>((fiber) => {
      for (const key of keys) this.near.changed(key)
      const asking = this.begin(fiber, fiber.getRef(Clock.Clock))
      return Effect.onExit(verb, (exit) => {
        const alone = keys.length === 1 && this.near.isCurrent(asking, keys[0]!)
        // What others ask for at this moment may be what was there before.
        for (const key of keys) this.near.changed(key)
        if (alone && Exit.isSuccess(exit)) done(exit.value, asking)
        return this.end
      })
    })
    if (this.bus === undefined) return written
    const tell = this.tell(operation, keys, this.bus)
    // A write that failed may have happened all the same.
    return Effect.onExit(written, (exit) => (Exit.isSuccess(exit) ? tell : Effect.ignore(tell)))
  }

  private tell(operation: Operation, keys: ReadonlyArray<string>, bus: Bus): Effect.Effect<void, AdapterError> {
    const told = Effect.forEach(keys, (key) => bus.publish(`k${this.origin}:${key}`), {
      concurrency: "unbounded",
      discard: true
    })
    return Effect.mapError(told, (cause) => {
      const message = `it was done, but the others could not be told: ${cause.message}`
      return new AdapterError({
        adapter: this.far.name,
        operation,
        key: keys[0],
        reason: "Unavailable",
        message,
        cause
      })
    })
  }

  readonly tiers: NonNullable<Adapter["tiers"]> = () => {
    const { evictions, hits, misses } = this.near
    const far = { hits: this.farHits, misses: misses - this.farHits, evictions: this.far.evictions?.() ?? 0 }
    return [
      { name: "near", hits, misses, evictions },
      { name: this.far.name, ...far }
    ]
  }

  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    this.near.clear()
    return Effect.andThen(this.feed?.close ?? Effect.void, this.far.close ?? Effect.void)
  })
}

const nothing = (): void => {}

/** Copies are of bytes, as the far tier would answer them to a codec; unless it keeps the very objects itself. */
const asBytes = (value: Value, far: Adapter): Value => {
  if (far.keepsReferences === true) return value
  return { bytes: value.bytes }
}
