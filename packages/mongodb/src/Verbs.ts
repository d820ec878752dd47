/**
 * The verbs of the contract over documents.
 */
import {
  type Adapter,
  type AdapterError,
  BoundedCalls,
  Entry,
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
import { Acquirer } from "./Acquirer.ts"
import { type Listener, NoChangeStreams } from "./ChangeSubscriber.ts"
import { batch, Documents } from "./Documents.ts"
import { failures } from "./Failure.ts"
import * as KeyRange from "./KeyRange.ts"
import type { Resolved } from "./Options.ts"
import * as Statements from "./Statements.ts"
import { entryOf, here } from "./StoredEntry.ts"

const listPage = 1_000

const nothing: Entry.Entry = { kept: undefined, lease: undefined, cooldown: undefined }

/** The verbs. Each works without its object. */
export class Verbs {
  private readonly setup: Resolved
  private readonly calls: BoundedCalls.Calls
  private readonly documents: Documents
  private readonly feeds = new Subscriptions.Feeds()
  readonly acquire: Adapter["acquire"]
  readonly acquireMany: NonNullable<Adapter["acquireMany"]>

  constructor(resolved: Resolved) {
    this.setup = resolved
    this.calls = BoundedCalls.make({ failures, timeout: resolved.timeout })
    this.documents = new Documents(resolved.collection, resolved.timeout)
    const acquirer = new Acquirer(this.calls, this.documents)
    this.acquire = acquirer.one
    this.acquireMany = acquirer.many
  }

  readonly fill: Adapter["fill"] = (key, { lifetime, token, value }) =>
    this.changeLeased("fill", key, token, value, (mark) =>
      Statements.fill(mark, token, Limits.lifetime(lifetime), value?.bytes)
    )

  readonly abandon: Adapter["abandon"] = (key, { cause, cooldown, token }) =>
    this.changeLeased("abandon", key, token, cause, (mark) =>
      Statements.abandon(mark, token, Limits.atLeast(cooldown ?? 0), cause?.bytes)
    )

  readonly renew: Adapter["renew"] = (key, { leaseFor, token }) =>
    this.changeLeased("renew", key, token, undefined, (mark) => Statements.renew(mark, token, Limits.atLeast(leaseFor)))

  readonly delete = (key: string): Effect.Effect<boolean, AdapterError> =>
    this.run("delete", key, undefined, (signal) => this.documents.remove(key, Statements.mark("delete"), signal))

  readonly put: Adapter["put"] = (key, { lifetime, value }) =>
    Effect.asVoid(
      this.run("put", key, value, (signal) =>
        this.documents.upsert(
          key,
          Statements.put(Statements.mark("put"), Limits.lifetime(lifetime), value.bytes),
          { _id: 1 },
          signal
        )
      )
    )

  readonly touch: Adapter["touch"] = (key, { freshFor }) =>
    this.run("touch", key, undefined, (signal) => {
      const mine = Statements.mark("touch")
      // A value that cannot be read is not prolonged.
      const id = { _id: key, ...Statements.wellFormed }
      return this.documents.change(id, mine, Statements.touch(mine, Limits.atMost(freshFor)), signal)
    })

  readonly read = (key: string): Effect.Effect<Snapshot, AdapterError> =>
    this.run("read", key, undefined, async (signal) => {
      const found = await this.documents.find(key, signal)
      return found === null ? Entry.read(nothing, 0) : Entry.read(entryOf(found), found.now!.getTime())
    })

  readonly deleteMany = (keys: ReadonlyArray<string>): Effect.Effect<number, AdapterError> =>
    Effect.suspend(() => {
      const refusal = Limits.refusalOfAny(here, "deleteMany", keys)
      if (refusal !== undefined) return Effect.fail(refusal)
      return Effect.map(
        Effect.forEach(Arr.chunksOf(new Set(keys), batch), (page) =>
          this.calls.run("deleteMany", undefined, ({ signal }) =>
            this.documents.removeMany(page, Statements.mark("delete"), signal)
          )
        ),
        (counts) => counts.reduce((sum, count) => sum + count, 0)
      )
    })

  /** Lists page by page in the order of keys, so that no key is missed, whatever changes meanwhile. */
  readonly keys = (prefix: string): Stream.Stream<string, AdapterError> => {
    const first = KeyRange.of(prefix)
    // No well-formed key begins with it.
    if (first === undefined) return Stream.empty
    return Stream.paginate(first, (range) =>
      this.calls.run("keys", undefined, async ({ signal }) => {
        const found = await this.documents.list(range, listPage, signal)
        const last = found.at(-1)
        const next =
          found.length < listPage || last === undefined
            ? Option.none<KeyRange.KeyRange>()
            : Option.some(KeyRange.after(range, last))
        return [found, next] as const
      })
    )
  }

  readonly watch: NonNullable<Adapter["watch"]> = (key) => {
    const refusal = Limits.refusal(here, "watch", key)
    if (refusal !== undefined) return Effect.fail(refusal)
    return Subscriptions.watch((wake) => this.join(key, { onMessage: wake, onLost: wake }), notLive("watch", key))
  }

  readonly changes: NonNullable<Adapter["changes"]> = (listener) => {
    const join = ({ changed, lost }: Subscriptions.ChangeFeed) =>
      this.join(undefined, { onMessage: (key, valued) => valued && changed(key), onLost: lost })
    return this.feeds.changes({ join }, listener, notLive("changes", undefined))
  }

  /** Ends the feeds and the change stream. Other adapters over the collection open it anew. */
  readonly close: Effect.Effect<void> = Effect.sync(() => {
    this.feeds.close()
    this.setup.space.subscriber.close()
    this.calls.close()
  })

  private run<A>(
    operation: Operation,
    key: string,
    value: Value | undefined,
    work: (signal: AbortSignal) => Promise<A>
  ): Effect.Effect<A, AdapterError> {
    return Effect.suspend(() => {
      const refusal = Limits.refusal(here, operation, key, value)
      return refusal === undefined ? this.calls.run(operation, key, ({ signal }) => work(signal)) : Effect.fail(refusal)
    })
  }

  /** Runs a verb that needs the lease, on the document that has its token. */
  private changeLeased(
    verb: "fill" | "abandon" | "renew",
    key: string,
    token: string,
    value: Value | undefined,
    pipeline: (mark: string) => ReturnType<typeof Statements.fill>
  ): Effect.Effect<boolean, AdapterError> {
    return this.run(verb, key, value, (signal) => {
      const mine = Statements.mark(verb)
      return this.documents.change({ _id: key, "lease.token": { $eq: token } }, mine, pipeline(mine), signal)
    })
  }

  private join(key: string | undefined, listener: Listener): Subscriptions.Membership {
    const { space, timeout } = this.setup
    return space.subscriber.join(key, listener, timeout)
  }
}

const notLive = (operation: Operation, key: string | undefined) => (error: unknown) =>
  error instanceof NoChangeStreams
    ? failures.rejected(operation, key, error.message)
    : failures.of(operation, key, error)
