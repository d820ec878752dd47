/**
 * The verbs of the contract over the statements.
 */

import {
  type Acquired,
  type AcquireOptions,
  type Adapter,
  type AdapterError,
  Limit,
  type Operation,
  type Snapshot,
  type Value
} from "@cache-locking/core"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { Calls } from "./Calls.ts"
import { ChangeFeed } from "./ChangeFeed.ts"
import { Collector } from "./Collector.ts"
import { failed } from "./Failure.ts"
import { Hashes, hashOf } from "./Hashes.ts"
import type { Parameter, Row } from "./Link.ts"
import type { Resolved } from "./Options.ts"
import * as Reply from "./Reply.ts"
import { Sightings } from "./Sightings.ts"
import { type Statements, statements } from "./Statements.ts"

/** Durations as whole milliseconds. A lifetime is never made longer by its fraction, a lease never shorter. */
const atMost = (ms: number): number => Math.max(0, Math.floor(ms))
const atLeast = (ms: number): number => Math.max(0, Math.ceil(ms))

/** How many keys one statement is asked for. */
const batch = 500

/** How many of the keys that a batch left open are asked for at a time. */
const concurrency = 32

/** Which adapter this is, and what it cannot do. */
export const here: Pick<Adapter, "name" | "limits"> = {
  name: "postgres",
  limits: { keyBytes: 65_536, valueBytes: 8 * 1024 * 1024, tick: 1, clock: "store" }
}

const encoder = new TextEncoder()

/** The form that the server gives tokens. Anything else is nobody's, and is sent as null. */
const tokenForm = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

const tokenOf = (token: string): string | null => (tokenForm.test(token) ? token : null)

const some = (rows: ReadonlyArray<Row>) => Effect.succeed(rows.length > 0)

const chunksOf = <A>(items: ReadonlyArray<A>): ReadonlyArray<ReadonlyArray<A>> =>
  Array.from({ length: Math.ceil(items.length / batch) }, (_, i) => items.slice(i * batch, (i + 1) * batch))

const arrayOf = (keys: ReadonlyArray<string>): string => Reply.arrayOf(keys.map((key) => encoder.encode(key)))

/** How many of the rows that were emptied had a value. */
const removed = (rows: ReadonlyArray<Row>) => Effect.succeed(rows.filter(([existed]) => Reply.isTrue(existed)).length)

/** The verbs. Every one can be taken off the object. */
export class Verbs {
  private readonly calls: Calls
  private readonly collector: Collector
  private readonly setup: Resolved
  private readonly prefix: string
  private readonly statements: Statements
  private readonly sightings = new Sightings()
  private readonly feeds = new Set<ChangeFeed>()
  private readonly hashes = new Hashes()

  constructor(resolved: Resolved) {
    this.setup = resolved
    this.prefix = resolved.space.prefix
    this.statements = statements(resolved.space)
    this.calls = new Calls(resolved.link, resolved.timeout)
    this.collector = new Collector(this.calls, this.statements.collect, this.prefix)
  }

  /** One statement: one that only reads where that will do, as far as is known here. */
  readonly acquire = (key: string, options: AcquireOptions): Effect.Effect<Acquired, AdapterError> =>
    Effect.suspend(() => {
      const refusal = Limit.refusal(here, "acquire", key)
      if (refusal !== undefined) return Effect.fail(refusal)
      const bytes = this.bytesOf(key)
      const owner = encoder.encode(options.owner)
      const within = atMost(options.refreshWithin ?? 0)
      if (options.force === true || !this.sightings.has(key, within))
        return this.grant(key, bytes, owner, within, options)
      const peek = this.calls.run("acquire", key, this.statements.peek, [this.prefix, bytes, owner, within], ([row]) =>
        Effect.succeed(row === undefined ? undefined : this.found(key, Reply.acquired(row)))
      )
      return Effect.flatMap(peek, (found) =>
        found === undefined ? this.grant(key, bytes, owner, within, options) : Effect.succeed(found)
      )
    })

  /** One read for what needs no lease; the other keys one by one. */
  readonly acquireMany: NonNullable<Adapter["acquireMany"]> = (keys, options) =>
    Effect.map(
      Effect.forEach(chunksOf(keys), (chunk) => this.acquireChunk(chunk, options), { concurrency: 4 }),
      (found) => found.flat()
    )

  readonly fill: Adapter["fill"] = (key, { lifetime, token, value }) =>
    value === undefined
      ? this.ask("fill", "refill", key, undefined, () => [tokenOf(token), ...spans(lifetime)])
      : this.ask("fill", "fill", key, value, () => [tokenOf(token), ...spans(lifetime), value.bytes])

  readonly abandon: Adapter["abandon"] = (key, { cause, cooldown, token }) =>
    this.ask("abandon", "abandon", key, cause, () => [tokenOf(token), atLeast(cooldown ?? 0), cause?.bytes ?? null])

  readonly renew: Adapter["renew"] = (key, { leaseFor, token }) =>
    this.ask("renew", "renew", key, undefined, () => [tokenOf(token), atLeast(leaseFor)])

  readonly delete = (key: string): Effect.Effect<boolean, AdapterError> =>
    Effect.suspend(() => {
      const refusal = Limit.refusal(here, "delete", key)
      if (refusal !== undefined) return Effect.fail(refusal)
      this.sightings.forget(key)
      const gone = this.calls.run("delete", key, this.statements.remove, [this.prefix, encoder.encode(key)], removed)
      return Effect.map(gone, (count) => count > 0)
    })

  readonly deleteMany = (keys: ReadonlyArray<string>): Effect.Effect<number, AdapterError> =>
    Effect.suspend(() => {
      const refusal = refusalOf("deleteMany", keys)
      if (refusal !== undefined) return Effect.fail(refusal)
      return Effect.map(
        Effect.forEach(chunksOf(keys), (chunk) =>
          this.calls.run("deleteMany", undefined, this.statements.removeMany, [this.prefix, arrayOf(chunk)], removed)
        ),
        (gone) => gone.reduce((sum, some) => sum + some, 0)
      )
    })

  readonly put: Adapter["put"] = (key, { lifetime, value }) =>
    Effect.map(
      this.ask("put", "put", key, value, () => [...spans(lifetime), value.bytes]),
      () => this.wrote()
    )

  readonly touch: Adapter["touch"] = (key, { freshFor }) =>
    this.ask("touch", "touch", key, undefined, () => [atMost(freshFor)])

  readonly read = (key: string): Effect.Effect<Snapshot, AdapterError> =>
    Effect.suspend(() => {
      const refusal = Limit.refusal(here, "read", key)
      if (refusal !== undefined) return Effect.fail(refusal)
      return this.calls.run("read", key, this.statements.read, [this.prefix, this.bytesOf(key)], ([row]) =>
        Effect.succeed(Reply.snapshot(row))
      )
    })

  readonly watch: NonNullable<Adapter["watch"]> = (key) => {
    const refusal = Limit.refusal(here, "watch", key)
    if (refusal !== undefined) return Effect.fail(refusal)
    const { space, subscriber, timeout } = this.setup
    const join = Effect.acquireRelease(
      Effect.sync(() => {
        const changed = Latch.makeUnsafe()
        const wake = () => {
          changed.openUnsafe()
        }
        const topic = { channel: space.channel, id: hashOf(key) }
        return { changed, seat: subscriber.join(topic, { told: wake, lost: wake }, timeout) }
      }),
      ({ seat }) => Effect.sync(seat.leave)
    )
    return Effect.flatMap(join, ({ changed, seat }) => Effect.as(live("watch", key, seat.live), changed.await))
  }

  readonly changes: NonNullable<Adapter["changes"]> = (listener) => {
    const { space, subscriber, timeout } = this.setup
    const feed = Effect.acquireRelease(
      Effect.sync(() => {
        const { hashes, lookUp } = this
        const known = (id: string) => hashes.find(id)
        const feed = new ChangeFeed({ subscriber, channel: space.channel, timeout, known, lookUp }, listener)
        this.feeds.add(feed)
        return feed
      }),
      (feed) =>
        Effect.sync(() => {
          this.feeds.delete(feed)
          if (this.feeds.size === 0) this.hashes.clear()
          feed.stop()
        })
    )
    return Effect.flatMap(feed, (feed) => live("changes", undefined, feed.live))
  }

  /** Page by page in the order of hashes, which never change, so that a key that is there all the time is met. */
  readonly keys = (start: string): Stream.Stream<string, AdapterError> =>
    Stream.suspend(() => {
      const beginning = encoder.encode(start)
      return Stream.paginate(new Uint8Array(), (after: Uint8Array) =>
        this.calls.run("keys", undefined, this.statements.keys, [this.prefix, after, beginning], (rows) => {
          const keys = rows.flatMap(([, key]) => (key ? [Reply.textOf(key)] : []))
          const last = rows.at(-1)?.[0]
          return Effect.succeed([keys, last ? Option.some(Reply.bytesOf(last)) : Option.none()] as const)
        })
      )
    })

  /** Removes every row of the table that has ended; answers how many there were. */
  get collect(): Effect.Effect<number, AdapterError> {
    return this.collector.all
  }

  /** Ends what listens here, and the connection for messages, which other adapters over the client open anew. */
  readonly close: Effect.Effect<void> = Effect.sync(() => {
    for (const feed of this.feeds) feed.close()
    this.feeds.clear()
    this.setup.subscriber.close()
  })

  private grant(
    key: string,
    bytes: Uint8Array,
    owner: Uint8Array,
    within: number,
    { force, leaseFor }: AcquireOptions
  ): Effect.Effect<Acquired, AdapterError> {
    const parameters = [this.prefix, bytes, owner, atLeast(leaseFor), within, force === true]
    return this.calls.run("acquire", key, this.statements.acquire, parameters, ([row]) =>
      row === undefined ? undefined : Effect.succeed(this.found(key, Reply.acquired(row)))
    )
  }

  /** Remembers what will be found for a while. */
  private found(key: string, found: Acquired): Acquired {
    if (found._tag === "Leader") {
      this.sightings.forget(key)
      this.wrote()
    } else if (found._tag === "Hit") this.sightings.note(key, found.freshFor)
    else this.sightings.note(key, found._tag === "Follower" ? found.leaseEndsIn : found.retryIn)
    return found
  }

  private acquireChunk(
    keys: ReadonlyArray<string>,
    options: AcquireOptions
  ): Effect.Effect<ReadonlyArray<Acquired>, AdapterError> {
    const refusal = refusalOf("acquireMany", keys)
    if (refusal !== undefined) return Effect.fail(refusal)
    const parameters = [
      this.prefix,
      arrayOf(keys),
      encoder.encode(options.owner),
      atMost(options.refreshWithin ?? 0),
      options.force === true
    ]
    const readable = this.calls.run("acquireMany", undefined, this.statements.acquireMany, parameters, (rows) =>
      Effect.succeed(new Map(rows.map((row) => [Reply.textOf(row[0]!), Reply.acquired(row, 1)])))
    )
    return Effect.flatMap(readable, (found) =>
      Effect.forEach(
        keys,
        (key) => {
          const one = found.get(key)
          return one === undefined ? this.acquire(key, options) : Effect.succeed(one)
        },
        { concurrency }
      )
    )
  }

  /** For verbs that answer whether there was something to do. */
  private ask(
    operation: Operation,
    statement: keyof Statements,
    key: string,
    value: Value | undefined,
    parameters: () => ReadonlyArray<Parameter>
  ): Effect.Effect<boolean, AdapterError> {
    return Effect.suspend(() => {
      const refusal = Limit.refusal(here, operation, key, value)
      if (refusal !== undefined) return Effect.fail(refusal)
      const given = [this.prefix, this.bytesOf(key), ...parameters()]
      return this.calls.run(operation, key, this.statements[statement], given, some)
    })
  }

  /** The key as it is sent. Who listens will be told of it by its hash. */
  private bytesOf(key: string): Uint8Array {
    if (this.feeds.size > 0) this.hashes.note(key)
    return encoder.encode(key)
  }

  private wrote(): void {
    if (this.setup.collect) this.collector.wrote()
  }

  private readonly lookUp = (ids: ReadonlyArray<string>): Promise<ReadonlyArray<string>> => {
    const hashes = Reply.arrayOf(ids.map((id) => Buffer.from(id, "hex")))
    return Effect.runPromise(
      this.calls.run("changes", undefined, this.statements.lookUp, [this.prefix, hashes], (rows) =>
        Effect.succeed(rows.map(([, key]) => Reply.textOf(key!)))
      )
    )
  }
}

const spans = ({ fresh, stale }: { readonly fresh: number; readonly stale: number }): readonly [number, number] => [
  atMost(fresh),
  atMost(stale)
]

const refusalOf = (operation: Operation, keys: ReadonlyArray<string>): AdapterError | undefined => {
  for (const key of keys) {
    const refusal = Limit.refusal(here, operation, key)
    if (refusal !== undefined) return refusal
  }
  return undefined
}

const live = (operation: Operation, key: string | undefined, promise: Promise<void>) =>
  Effect.tryPromise({ try: () => promise, catch: (error) => failed(operation, key, error) })
