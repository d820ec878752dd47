/**
 * Acquires keys: by a plain read where a hit is expected, otherwise by the script, which also follows a read that found no hit.
 */
import { type Acquired, type AcquireOptions, type AdapterError, Limits } from "@cache-locking/core"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import type { Calls } from "./Calls.ts"
import { type Hint, storeNow } from "./Hints.ts"
import * as Keyspace from "./Keyspace.ts"
import type { Resolved } from "./Options.ts"
import { numberOf, withoutHit } from "./Reply.ts"
import { atLeast, atMost } from "./Scripts.ts"
import * as StoredValue from "./StoredValue.ts"

/** The keys of one script. A script blocks the server, this one for about a millisecond. */
const askedAtOnce = 128

/** The values of one MGET, bounded for the same reason. */
const readAtOnce = 1_024

/** A key of a batch whose hit is expected. */
interface Expected {
  /** Its index in the batch. */
  readonly at: number
  readonly hint: Hint
}

export class Acquirer {
  private readonly calls: Calls
  private readonly setup: Resolved
  private readonly prefix: string

  constructor(calls: Calls, setup: Resolved) {
    this.calls = calls
    this.setup = setup
    this.prefix = setup.space.prefix
  }

  /** Reads where a hit is expected. The script does everything else. */
  readonly one = (key: string, options: AcquireOptions): Effect.Effect<Acquired, AdapterError> =>
    Effect.suspend(() => {
      const hint = this.hint(key, options)
      return hint === undefined ? this.ask(key, options) : this.peek(key, options, hint)
    })

  /** Sends one MGET for the hits that are expected and, beside it, a script for each page of the other keys. */
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
        const hint = this.setup.port.getMany && this.hint(key, options)
        if (hint === undefined) others.push(at)
        else expected.push({ at, hint })
      }
      const sent = this.askAll(batch, others)
      const peeked = Effect.flatMap(this.peekAll(batch, expected), (missed) => this.askAll(batch, missed))
      const all =
        expected.length === 0
          ? sent
          : others.length === 0
            ? peeked
            : Effect.all([peeked, sent], { concurrency: 2, discard: true })
      return Effect.as(all, batch.found)
    })

  /** The hint that a plain read will probably suffice. */
  private hint(key: string, { force, refreshWithin = 0 }: AcquireOptions): Hint | undefined {
    const { port, space } = this.setup
    return force === true || !port.readsMaster ? undefined : space.hints.find(key, refreshWithin)
  }

  /** Sends one plain GET, and after it the script if the value is gone or no longer fresh enough. */
  private peek(key: string, options: AcquireOptions, hint: Hint): Effect.Effect<Acquired, AdapterError> {
    return this.calls.run(
      "acquire",
      key,
      () => this.setup.port.get(hint.name, hint.route),
      (reply) => {
        const hit = this.seen(key, options, hint, reply)
        return hit === undefined ? this.ask(key, options) : Effect.succeed(hit)
      }
    )
  }

  /** Fills in the expected hits, and returns the indices of the others. */
  private peekAll(batch: Batch, expected: ReadonlyArray<Expected>): Effect.Effect<ReadonlyArray<number>, AdapterError> {
    const { found, keys, options } = batch
    const { getMany } = this.setup.port
    const peeked = (page: ReadonlyArray<Expected>) =>
      this.calls.run(
        "acquireMany",
        undefined,
        () => getMany!(page.map(({ hint }) => hint.name)),
        (replies) =>
          Effect.sync(() =>
            page.flatMap(({ at, hint }, i) => {
              const hit = this.seen(keys[at]!, options, hint, (replies as ReadonlyArray<unknown>)[i])
              if (hit === undefined) return [at]
              found[at] = hit
              return []
            })
          )
      )
    return Effect.map(Effect.forEach(Arr.chunksOf(expected, readAtOnce), peeked), (missed) => missed.flat())
  }

  private seen(key: string, { refreshWithin = 0 }: AcquireOptions, hint: Hint, reply: unknown): Acquired | undefined {
    const stored = StoredValue.decode(reply)
    if (stored !== undefined) {
      const now = storeNow(hint, performance.now())
      if (stored.freshUntil - now > refreshWithin) return StoredValue.hit(stored, now)
    }
    this.setup.space.hints.forget(key)
    return undefined
  }

  /** Runs the script. A hit is remembered, so that the next hit costs less. */
  private ask(key: string, options: AcquireOptions): Effect.Effect<Acquired, AdapterError> {
    const refused = Limits.refusal(Keyspace.here, "acquire", key)
    if (refused !== undefined) return refused
    const name = Keyspace.nameOf(this.prefix, key)
    const sent = new SentAcquire()
    return this.calls.run(
      "acquire",
      key,
      () => this.calls.script(this.setup.scripts.acquire, [name, Keyspace.leaseOf(name)], sent.now(options)),
      (reply) => Effect.succeed(this.found(key, name, sent, reply))
    )
  }

  /** Runs a script for each page of keys, one after the other. */
  private askAll(batch: Batch, places: ReadonlyArray<number>): Effect.Effect<void, AdapterError> {
    const { found, keys, options } = batch
    const ask = (page: ReadonlyArray<number>) => {
      const names = page.map((at) => Keyspace.nameOf(this.prefix, keys[at]!))
      const both = names.flatMap((name) => [name, Keyspace.leaseOf(name)])
      const sent = new SentAcquire()
      return this.calls.run(
        "acquireMany",
        undefined,
        () => this.calls.script(this.setup.scripts.acquireMany!, both, sent.now(options)),
        (replies) =>
          Effect.sync(() => {
            for (const [i, at] of page.entries()) {
              found[at] = this.found(keys[at]!, names[i]!, sent, (replies as ReadonlyArray<unknown>)[i])
            }
          })
      )
    }
    return Effect.forEach(Arr.chunksOf(places, askedAtOnce), ask, { discard: true })
  }

  private found(key: string, name: string, { sentAt, wallAt }: SentAcquire, reply: unknown): Acquired {
    const [tag, at, record, ...rest] = reply as ReadonlyArray<unknown>
    const now = numberOf(at)
    const stored = StoredValue.decode(record)
    if (numberOf(tag) !== 0 || stored === undefined) {
      return withoutHit(numberOf(tag), now, stored, rest)
    }
    this.setup.space.hints.note(key, {
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

/** Keys that are acquired together, and the answer for each. */
interface Batch {
  readonly keys: ReadonlyArray<string>
  readonly options: AcquireOptions
  readonly found: Array<Acquired>
}

/** The moment at which a script that acquires was sent, by both clocks. */
class SentAcquire {
  sentAt = 0
  wallAt = 0

  /** The script's arguments, at the moment of sending. */
  now({ force, leaseFor, owner, refreshWithin = 0 }: AcquireOptions): ReadonlyArray<string> {
    this.sentAt = performance.now()
    this.wallAt = Date.now()
    return [owner, atLeast(leaseFor), atMost(refreshWithin), force === true ? "1" : "0"]
  }
}
