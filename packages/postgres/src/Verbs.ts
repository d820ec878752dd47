/**
 * The verbs of the contract over the statements.
 */

import {
  type Adapter,
  type AdapterError,
  type Lifetime,
  Limits,
  type Operation,
  type Snapshot,
  Subscriptions,
  type Value
} from "@cache-locking/core"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { Acquirer, arrayOf, keysAtOnce } from "./Acquirer.ts"
import { Calls } from "./Calls.ts"
import { Collector } from "./Collector.ts"
import { failures } from "./Failure.ts"
import { Hashes, hashOf } from "./Hashes.ts"
import { KeyLookup } from "./KeyLookup.ts"
import type { Parameter, Row } from "./Link.ts"
import type { Resolved } from "./Options.ts"
import * as Reply from "./Reply.ts"
import { here } from "./Space.ts"
import { type Statements, statements } from "./Statements.ts"
import type { Listener } from "./Subscriber.ts"

const encoder = new TextEncoder()

/** The form of the server's tokens. Any other text is no token, and is sent as null. */
const tokenForm = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

const tokenOf = (token: string): string | null => (tokenForm.test(token) ? token : null)

const spans = (lifetime: Lifetime): readonly [fresh: number, stale: number] => {
  const { fresh, stale } = Limits.lifetime(lifetime)
  return [fresh, stale]
}

const some = (rows: ReadonlyArray<Row>) => Effect.succeed(rows.length > 0)

/** The number of emptied rows that had a value. */
const removed = (rows: ReadonlyArray<Row>) => Effect.succeed(rows.filter(([existed]) => Reply.isTrue(existed)).length)

/** The verbs. Each works without its object. */
export class Verbs {
  private readonly calls: Calls
  private readonly collector: Collector
  private readonly setup: Resolved
  private readonly prefix: string
  private readonly statements: Statements
  private readonly acquirer: Acquirer
  private readonly feeds = new Subscriptions.Feeds()
  private readonly hashes = new Hashes()
  readonly acquire: Adapter["acquire"]
  readonly acquireMany: NonNullable<Adapter["acquireMany"]>

  constructor(resolved: Resolved) {
    this.setup = resolved
    this.prefix = resolved.space.prefix
    this.statements = statements(resolved.space, resolved.watch)
    this.calls = new Calls(resolved.link, resolved.timeout)
    this.collector = new Collector(this.calls, this.statements.collect, this.prefix)
    const { calls, prefix, statements: texts } = this
    this.acquirer = new Acquirer({ calls, prefix, statements: texts, bytesOf: this.bytesOf, wrote: this.wrote })
    this.acquire = this.acquirer.one
    this.acquireMany = this.acquirer.many
  }

  readonly fill: Adapter["fill"] = (key, { lifetime, token, value }) =>
    value === undefined
      ? this.ask("fill", "refill", key, undefined, () => [tokenOf(token), ...spans(lifetime)])
      : this.ask("fill", "fill", key, value, () => [tokenOf(token), ...spans(lifetime), value.bytes])

  readonly abandon: Adapter["abandon"] = (key, { cause, cooldown, token }) =>
    this.ask("abandon", "abandon", key, cause, () => [
      tokenOf(token),
      Limits.atLeast(cooldown ?? 0),
      cause?.bytes ?? null
    ])

  readonly renew: Adapter["renew"] = (key, { leaseFor, token }) =>
    this.ask("renew", "renew", key, undefined, () => [tokenOf(token), Limits.atLeast(leaseFor)])

  readonly delete = (key: string): Effect.Effect<boolean, AdapterError> =>
    Effect.suspend(() => {
      const refusal = Limits.refusal(here, "delete", key)
      if (refusal !== undefined) return Effect.fail(refusal)
      this.acquirer.forget(key)
      const gone = this.calls.statement(
        "delete",
        key,
        this.statements.remove,
        [this.prefix, encoder.encode(key)],
        removed
      )
      return Effect.map(gone, (count) => count > 0)
    })

  readonly deleteMany = (keys: ReadonlyArray<string>): Effect.Effect<number, AdapterError> =>
    Effect.suspend(() => {
      const refusal = Limits.refusalOfAny(here, "deleteMany", keys)
      if (refusal !== undefined) return Effect.fail(refusal)
      return Effect.map(
        Effect.forEach(Arr.chunksOf(keys, keysAtOnce), (chunk) =>
          this.calls.statement(
            "deleteMany",
            undefined,
            this.statements.removeMany,
            [this.prefix, arrayOf(chunk)],
            removed
          )
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
    this.ask("touch", "touch", key, undefined, () => [Limits.atMost(freshFor)])

  readonly read = (key: string): Effect.Effect<Snapshot, AdapterError> =>
    Effect.suspend(() => {
      const refusal = Limits.refusal(here, "read", key)
      if (refusal !== undefined) return Effect.fail(refusal)
      return this.calls.statement("read", key, this.statements.read, [this.prefix, this.bytesOf(key)], ([row]) =>
        Effect.succeed(Reply.snapshot(row))
      )
    })

  readonly watch: NonNullable<Adapter["watch"]> = (key) => {
    const refusal = Limits.refusal(here, "watch", key)
    if (refusal !== undefined) return Effect.fail(refusal)
    return Subscriptions.watch(
      (wake) => this.join(hashOf(key), { onMessage: wake, onLost: wake }),
      (error) => failures.of("watch", key, error)
    )
  }

  readonly changes: NonNullable<Adapter["changes"]> = (listener) => {
    const { hashes, lookUp } = this
    const known = (id: string) => hashes.find(id)
    const source: Subscriptions.Source = {
      join: (feed) => this.join(undefined, new KeyLookup(feed, { known, lookUp })),
      // A feed that cannot look keys up cannot report changes.
      check: () => lookUp([])
    }
    const forget = Effect.sync(() => {
      if (this.feeds.size === 0) hashes.clear()
    })
    return Effect.andThen(
      Effect.addFinalizer(() => forget),
      this.feeds.changes(source, listener, (error) => failures.of("changes", undefined, error))
    )
  }

  /**
   * Lists page by page in the order of hashes, which never change, so that every key that exists all the time is
   * listed.
   */
  readonly keys = (start: string): Stream.Stream<string, AdapterError> =>
    Stream.suspend(() => {
      const beginning = encoder.encode(start)
      return Stream.paginate(new Uint8Array(), (after: Uint8Array) =>
        this.calls.statement("keys", undefined, this.statements.keys, [this.prefix, after, beginning], (rows) => {
          const keys = rows.flatMap(([, key]) => (key ? [Reply.textOf(key)] : []))
          const last = rows.at(-1)?.[0]
          return Effect.succeed([keys, last ? Option.some(Reply.bytesOf(last)) : Option.none()] as const)
        })
      )
    })

  /** Removes every expired row of the table, and returns their number. */
  get collect(): Effect.Effect<number, AdapterError> {
    return this.collector.all
  }

  /** Ends the feeds and the connection for messages. Other adapters over the client open their own anew. */
  readonly close: Effect.Effect<void> = Effect.sync(() => {
    this.feeds.close()
    this.setup.subscriber.close()
    this.calls.close()
  })

  /** Runs a verb that answers true if it changed a row. */
  private ask(
    operation: Operation,
    statement: keyof Statements,
    key: string,
    value: Value | undefined,
    parameters: () => ReadonlyArray<Parameter>
  ): Effect.Effect<boolean, AdapterError> {
    return Effect.suspend(() => {
      const refusal = Limits.refusal(here, operation, key, value)
      if (refusal !== undefined) return Effect.fail(refusal)
      const given = [this.prefix, this.bytesOf(key), ...parameters()]
      return this.calls.statement(operation, key, this.statements[statement], given, some)
    })
  }

  /** The key as it is sent. It is remembered for feeds, whose messages have its hash. */
  private readonly bytesOf = (key: string): Uint8Array => {
    if (this.feeds.size > 0) this.hashes.note(key)
    return encoder.encode(key)
  }

  private readonly wrote = (): void => {
    if (this.setup.collect) this.collector.wrote()
  }

  private readonly lookUp = (ids: ReadonlyArray<string>): Promise<ReadonlyArray<string>> => {
    const hashes = Reply.arrayOf(ids.map((id) => Buffer.from(id, "hex")))
    return Effect.runPromise(
      this.calls.statement("changes", undefined, this.statements.lookUp, [this.prefix, hashes], (rows) =>
        Effect.succeed(rows.map(([, key]) => Reply.textOf(key!)))
      )
    )
  }

  private join(id: string | undefined, listener: Listener): Subscriptions.Membership {
    const { space, subscriber, timeout } = this.setup
    return subscriber.join({ channel: space.channel, id }, listener, timeout)
  }
}
