/**
 * The verbs of the contract over the scripts.
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
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { Acquirer } from "./Acquirer.ts"
import { Calls } from "./Calls.ts"
import { failures } from "./client/Failure.ts"
import type { Argument, Topic } from "./client/RedisPort.ts"
import type { Listener } from "./client/Subscriber.ts"
import * as Keyspace from "./Keyspace.ts"
import type { Resolved } from "./Options.ts"
import { isOne, nothing, snapshotOf, textOf } from "./Reply.ts"
import { atLeast, atMost, type Script, valueChanged } from "./Scripts.ts"

const deleteConcurrency = 256

const bytesOf = (value: Value | undefined): ReadonlyArray<Uint8Array> => (value === undefined ? [] : [value.bytes])

/** The verbs. Each works when it is detached from its object. */
export class Verbs {
  private readonly calls: Calls
  private readonly setup: Resolved
  private readonly prefix: string
  /** The prefix with the client's own, for channels and patterns, to which no client adds it. */
  private readonly fullPrefix: string
  private readonly feeds = new Subscriptions.Feeds()
  readonly acquire: Adapter["acquire"]
  readonly acquireMany: NonNullable<Adapter["acquireMany"]>

  constructor(resolved: Resolved) {
    this.setup = resolved
    this.prefix = resolved.space.prefix
    this.fullPrefix = resolved.port.keyPrefix + resolved.space.prefix
    this.calls = new Calls(resolved)
    const acquirer = new Acquirer(this.calls, resolved)
    this.acquire = acquirer.one
    this.acquireMany = acquirer.many
  }

  readonly fill: Adapter["fill"] = (key, { lifetime, token, value }) =>
    this.evaluate("fill", key, isOne, value, () => [token, ...spans(lifetime), ...bytesOf(value)])

  readonly abandon: Adapter["abandon"] = (key, { cause, cooldown, token }) =>
    this.evaluate("abandon", key, isOne, cause, () => [token, atLeast(cooldown ?? 0), ...bytesOf(cause)])

  readonly renew: Adapter["renew"] = (key, { leaseFor, token }) =>
    this.evaluate("renew", key, isOne, undefined, () => [token, atLeast(leaseFor)])

  readonly delete = (key: string): Effect.Effect<boolean, AdapterError> =>
    Effect.suspend(() => {
      const { port, space } = this.setup
      space.hints.forget(key)
      const name = Keyspace.nameOf(this.prefix, key)
      const connection = () => port.connectionOf?.(name)
      let sentOver: unknown
      const sending = () => {
        sentOver = connection()
        return []
      }
      // A client that sent the script again, because the first reply was lost, gets the reply that nothing was there.
      const existed = (reply: unknown) => isOne(reply) || connection() !== sentOver
      return this.evaluate("delete", key, existed, undefined, sending)
    })

  readonly put: Adapter["put"] = (key, { lifetime, value }) =>
    this.evaluate("put", key, nothing, value, () => [value.bytes, ...spans(lifetime)])

  readonly touch: Adapter["touch"] = (key, { freshFor }) =>
    this.evaluate("touch", key, isOne, undefined, () => [atMost(freshFor)])

  readonly read = (key: string): Effect.Effect<Snapshot, AdapterError> =>
    this.evaluate("read", key, snapshotOf, undefined, () => [])

  readonly watch: NonNullable<Adapter["watch"]> = (key) => {
    const refusal = Limits.refusal(Keyspace.here, "watch", key)
    if (refusal !== undefined) return Effect.fail(refusal)
    const topic = { name: Keyspace.nameOf(this.fullPrefix, key), pattern: false }
    return Effect.andThen(
      this.connected("watch", key),
      Subscriptions.watch(
        (wake) => this.join(topic, { onMessage: wake, onLost: wake }),
        (error) => failures.of("watch", key, error)
      )
    )
  }

  /** One pattern subscription serves the feeds of all adapters over the client. */
  readonly changes: NonNullable<Adapter["changes"]> = (listener) => {
    const topic = { name: Keyspace.patternOf(this.fullPrefix, ""), pattern: true }
    const join = ({ changed, lost }: Subscriptions.ChangeFeed) =>
      this.join(topic, {
        onMessage: (channel, message) => {
          if (message === valueChanged) changed(Keyspace.keyOf(this.fullPrefix, channel))
        },
        onLost: lost
      })
    return Effect.andThen(
      this.connected("changes", undefined),
      this.feeds.changes({ join }, listener, (error) => failures.of("changes", undefined, error))
    )
  }

  /**
   * Lists the leases first, then the values. Every key that has one of them all the time is listed, because a fill
   * stores the value before it ends the lease, and a value is not collected while there is a lease beside it.
   */
  readonly keys = (start: string): Stream.Stream<string, AdapterError> =>
    Stream.flatMap(Stream.fromIterableEffect(this.calls.run("keys", undefined, this.setup.port.scans)), (scan) => {
      const values = Keyspace.patternOf(this.fullPrefix, start)
      return Stream.concat(
        Stream.paginate("0", (cursor) => this.page(() => scan(cursor, Keyspace.leaseOf(values), "hash"))),
        Stream.paginate("0", (cursor) => this.page(() => scan(cursor, values, "string")))
      )
    })

  readonly deleteMany = (keys: ReadonlyArray<string>): Effect.Effect<number, AdapterError> =>
    Limits.refusalOfAny(Keyspace.here, "deleteMany", keys) ??
    Effect.map(
      Effect.forEach(keys, this.delete, { concurrency: deleteConcurrency }),
      (gone) => gone.filter(Boolean).length
    )

  /** Ends the feeds and the connections for messages. Other adapters over the client open their own anew. */
  readonly close: Effect.Effect<void> = Effect.sync(() => {
    this.feeds.close()
    this.setup.subscriber.close()
    this.calls.close()
  })

  private evaluate<A>(
    operation: Exclude<Operation, "acquire" | "watch" | "changes" | "keys" | "acquireMany" | "deleteMany">,
    key: string,
    answer: (reply: unknown) => A,
    value: Value | undefined,
    args: () => ReadonlyArray<Argument>
  ): Effect.Effect<A, AdapterError> {
    return Effect.suspend(() => {
      const refusal = Limits.refusal(Keyspace.here, operation, key, value)
      if (refusal !== undefined) return Effect.fail(refusal)
      const name = Keyspace.nameOf(this.prefix, key)
      const script: Script = this.setup.scripts[operation]
      return this.calls.run(
        operation,
        key,
        () => this.calls.script(script, [name, Keyspace.leaseOf(name)], args()),
        (reply) => Effect.succeed(answer(reply))
      )
    })
  }

  private page(send: () => Promise<unknown>) {
    return this.calls.run("keys", undefined, send, (reply) => {
      const [next, names] = reply as readonly [unknown, ReadonlyArray<unknown>]
      const keys = names.map((name) => Keyspace.keyOf(this.fullPrefix, textOf(name)))
      const cursor = textOf(next)
      return Effect.succeed([keys, cursor === "0" ? Option.none<string>() : Option.some(cursor)] as const)
    })
  }

  /** Waits for the client, because only a connected client knows the nodes of its cluster. */
  private connected(operation: Operation, key: string | undefined): Effect.Effect<void, AdapterError> {
    return this.calls.run(operation, key, () => Promise.resolve())
  }

  private join(topic: Topic, listener: Listener): Subscriptions.Membership {
    const { subscriber, timeout } = this.setup
    return subscriber.join(topic, listener, timeout)
  }
}

const spans = ({ fresh, stale }: Lifetime): ReadonlyArray<string> => [atMost(fresh), atMost(stale)]
