/**
 * How a key is acquired: by a plain read where a hit is expected, by the script where it is not, or the read found none.
 */
import { type Acquired, type AcquireOptions, type AdapterError, Limits } from "@cache-locking/core"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import type { Calls } from "./client/Calls.ts"
import * as Keyspace from "./Keyspace.ts"
import type { Resolved } from "./Options.ts"
import { numberOf, withoutHit } from "./Reply.ts"
import { atLeast, atMost } from "./Scripts.ts"
import { type Sighting, storeNow } from "./Sightings.ts"
import * as StoredValue from "./StoredValue.ts"

/** How many keys one script is asked for: it keeps the server busy meanwhile, for a millisecond or so. */
const askedAtOnce = 128

/** How many values one MGET is asked for, for the same reason. */
const readAtOnce = 1_024

/** A key of a batch whose hit is expected. */
interface Expected {
  /** Its place in the batch. */
  readonly at: number
  readonly sighting: Sighting
}

export class Acquiring {
  private readonly calls: Calls
  private readonly setup: Resolved
  private readonly prefix: string

  constructor(calls: Calls, setup: Resolved) {
    this.calls = calls
    this.setup = setup
    this.prefix = setup.space.prefix
  }

  /** One step for a hit that is expected; everything else is the script's. */
  readonly one = (key: string, options: AcquireOptions): Effect.Effect<Acquired, AdapterError> =>
    Effect.suspend(() => {
      const sighting = this.sighting(key, options)
      return sighting === undefined ? this.ask(key, options) : this.peek(key, options, sighting)
    })

  /** One MGET for the hits that are expected and, beside it, one script for every so many of the other keys. */
  readonly many = (
    keys: ReadonlyArray<string>,
    options: AcquireOptions
  ): Effect.Effect<ReadonlyArray<Acquired>, AdapterError> =>
    Effect.suspend(() => {
      const refused = Limits.refusalOfAny(Keyspace.here, "acquireMany", keys)
      if (refused !== undefined) return refused
      const batch = { keys, options, found: new Array<Acquired>(keys.length) }
      const expected: Array<Expected> = []
      const others: Array<number> = []
      for (const [at, key] of keys.entries()) {
        const sighting = this.setup.port.getMany && this.sighting(key, options)
        if (sighting === undefined) others.push(at)
        else expected.push({ at, sighting })
      }
      const asked = this.askAll(batch, others)
      const peeked = Effect.flatMap(this.peekAll(batch, expected), (missed) => this.askAll(batch, missed))
      const all =
        expected.length === 0
          ? asked
          : others.length === 0
            ? peeked
            : Effect.all([peeked, asked], { concurrency: 2, discard: true })
      return Effect.as(all, batch.found)
    })

  /** What tells that a plain read will probably do. */
  private sighting(key: string, { force, refreshWithin = 0 }: AcquireOptions): Sighting | undefined {
    const { port, space } = this.setup
    return force === true || !port.readsMaster ? undefined : space.sightings.find(key, refreshWithin)
  }

  /** One plain GET; the script after all when the value is gone or no longer fresh enough. */
  private peek(key: string, options: AcquireOptions, sighting: Sighting): Effect.Effect<Acquired, AdapterError> {
    return this.calls.run(
      "acquire",
      key,
      () => this.setup.port.get(sighting.name, sighting.route),
      (reply) => {
        const hit = this.seen(key, options, sighting, reply)
        return hit === undefined ? this.ask(key, options) : Effect.succeed(hit)
      }
    )
  }

  /** Finds those that are as expected; answers which are not. */
  private peekAll(batch: Batch, expected: ReadonlyArray<Expected>): Effect.Effect<ReadonlyArray<number>, AdapterError> {
    const { found, keys, options } = batch
    const { getMany } = this.setup.port
    const peeked = (page: ReadonlyArray<Expected>) =>
      this.calls.run(
        "acquireMany",
        undefined,
        () => getMany!(page.map(({ sighting }) => sighting.name)),
        (replies) =>
          Effect.sync(() =>
            page.flatMap(({ at, sighting }, i) => {
              const hit = this.seen(keys[at]!, options, sighting, (replies as ReadonlyArray<unknown>)[i])
              if (hit === undefined) return [at]
              found[at] = hit
              return []
            })
          )
      )
    return Effect.map(Effect.forEach(Arr.chunksOf(expected, readAtOnce), peeked), (missed) => missed.flat())
  }

  private seen(
    key: string,
    { refreshWithin = 0 }: AcquireOptions,
    sighting: Sighting,
    reply: unknown
  ): Acquired | undefined {
    const stored = StoredValue.decode(reply)
    if (stored !== undefined) {
      const now = storeNow(sighting, performance.now())
      if (stored.freshUntil - now > refreshWithin) return StoredValue.hit(stored, now)
    }
    this.setup.space.sightings.forget(key)
    return undefined
  }

  /** The script. A hit is remembered, so that the next one can be had for less. */
  private ask(key: string, options: AcquireOptions): Effect.Effect<Acquired, AdapterError> {
    const refused = Limits.refusal(Keyspace.here, "acquire", key)
    if (refused !== undefined) return refused
    const name = Keyspace.nameOf(this.prefix, key)
    const asked = new Asked()
    return this.calls.run(
      "acquire",
      key,
      () => this.calls.script(this.setup.scripts.acquire, [name, Keyspace.leaseOf(name)], asked.now(options)),
      (reply) => Effect.succeed(this.found(key, name, asked, reply))
    )
  }

  /** One script for every so many keys, one after the other. */
  private askAll(batch: Batch, places: ReadonlyArray<number>): Effect.Effect<void, AdapterError> {
    const { found, keys, options } = batch
    const ask = (page: ReadonlyArray<number>) => {
      const names = page.map((at) => Keyspace.nameOf(this.prefix, keys[at]!))
      const both = names.flatMap((name) => [name, Keyspace.leaseOf(name)])
      const asked = new Asked()
      return this.calls.run(
        "acquireMany",
        undefined,
        () => this.calls.script(this.setup.scripts.acquireMany!, both, asked.now(options)),
        (replies) =>
          Effect.sync(() => {
            for (const [i, at] of page.entries()) {
              found[at] = this.found(keys[at]!, names[i]!, asked, (replies as ReadonlyArray<unknown>)[i])
            }
          })
      )
    }
    return Effect.forEach(Arr.chunksOf(places, askedAtOnce), ask, { discard: true })
  }

  private found(key: string, name: string, { sentAt, wallAt }: Asked, reply: unknown): Acquired {
    const [tag, at, record, ...rest] = reply as ReadonlyArray<unknown>
    const now = numberOf(at)
    const stored = StoredValue.decode(record)
    if (numberOf(tag) !== 0 || stored === undefined) {
      return withoutHit(numberOf(tag), now, stored, rest)
    }
    this.setup.space.sightings.note(key, {
      name,
      route: this.setup.port.routeOf(this.setup.port.keyPrefix + name),
      sentAt,
      wallAt,
      storeAt: now,
      freshUntil: stored.freshUntil
    })
    return StoredValue.hit(stored, now)
  }
}

/** Keys that are acquired together, and what was found of each. */
interface Batch {
  readonly keys: ReadonlyArray<string>
  readonly options: AcquireOptions
  readonly found: Array<Acquired>
}

/** When a script that acquires was sent, by both clocks. */
class Asked {
  sentAt = 0
  wallAt = 0

  /** The script's arguments, at the moment of sending. */
  now({ force, leaseFor, owner, refreshWithin = 0 }: AcquireOptions): ReadonlyArray<string> {
    this.sentAt = performance.now()
    this.wallAt = Date.now()
    return [owner, atLeast(leaseFor), atMost(refreshWithin), force === true ? "1" : "0"]
  }
}
