/**
 * The verbs of the contract over documents.
 */
import {
  type Acquired,
  type AcquireOptions,
  type Adapter,
  type AdapterError,
  Entry,
  type Leader,
  type Lifetime,
  Limit,
  type Operation,
  type Snapshot,
  Token,
  type Value
} from "@cache-locking/core"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { Calls } from "./Calls.ts"
import { ChangeFeed } from "./ChangeFeed.ts"
import { NoChangeStreams } from "./ChangeSubscriber.ts"
import { batch, Documents } from "./Documents.ts"
import { failed, failure } from "./Failure.ts"
import * as KeyRange from "./KeyRange.ts"
import type { Resolved } from "./Options.ts"
import * as Statements from "./Statements.ts"
import { entryOf, limits, type StoredEntry } from "./StoredEntry.ts"

/** Durations as they are stored. A lifetime is never made longer by its fraction, a lease never shorter. */
const atMost = (ms: number): number => (ms < tooLong ? Math.max(0, Math.floor(ms)) : Number.POSITIVE_INFINITY)
const atLeast = (ms: number): number => (ms < tooLong ? Math.max(0, Math.ceil(ms)) : Number.POSITIVE_INFINITY)

/** Some 30,000 years. */
const tooLong = 1e15

const span = ({ fresh, stale }: Lifetime): Statements.Span => ({ fresh: atMost(fresh), stale: atMost(stale) })

/** How often a key is asked for that others change at the same time, and the pause before each time but the first. */
const attempts = 20
const pauseMs = 5

/** How many of a batch are acquired at once. */
const acquireConcurrency = 32

const listPage = 1_000

const mark = (verb: keyof typeof Statements.verbs): string => Statements.verbs[verb] + crypto.randomUUID()

/** Which adapter this is, and what it cannot do. */
export const here: Pick<Adapter, "name" | "limits"> = { name: "mongodb", limits }

const nothing: Entry.Entry = { kept: undefined, lease: undefined, cooldown: undefined }

/** What one who may not lead is told; nothing when the lease is to be had. */
const withoutLease = (found: StoredEntry, options: AcquireOptions): Exclude<Acquired, Leader> | undefined => {
  const [answer] = Entry.acquire(entryOf(found), found.now!.getTime(), options, () => Token(""))
  return answer._tag === "Leader" ? undefined : answer
}

const refused = (operation: Operation, keys: ReadonlyArray<string>): AdapterError | undefined => {
  for (const key of keys) {
    const refusal = Limit.refusal(here, operation, key)
    if (refusal !== undefined) return refusal
  }
  return undefined
}

const pages = (keys: ReadonlyArray<string>): ReadonlyArray<ReadonlyArray<string>> =>
  Array.from({ length: Math.ceil(keys.length / batch) }, (_, i) => keys.slice(i * batch, (i + 1) * batch))

/** The verbs. Every one can be taken off the object. */
export class Verbs {
  private readonly setup: Resolved
  private readonly calls: Calls
  private readonly documents: Documents
  private readonly feeds = new Set<ChangeFeed>()

  constructor(resolved: Resolved) {
    this.setup = resolved
    this.calls = new Calls(resolved.timeout)
    this.documents = new Documents(resolved.collection, resolved.timeout)
  }

  readonly acquire = (key: string, options: AcquireOptions): Effect.Effect<Acquired, AdapterError> =>
    this.run("acquire", key, undefined, (signal) => this.ask(key, options, signal))

  readonly fill: Adapter["fill"] = (key, { lifetime, token, value }) =>
    this.changeLeased("fill", key, token, value, (mark) => Statements.fill(mark, token, span(lifetime), value?.bytes))

  readonly abandon: Adapter["abandon"] = (key, { cause, cooldown, token }) =>
    this.changeLeased("abandon", key, token, cause, (mark) =>
      Statements.abandon(mark, token, atLeast(cooldown ?? 0), cause?.bytes)
    )

  readonly renew: Adapter["renew"] = (key, { leaseFor, token }) =>
    this.changeLeased("renew", key, token, undefined, (mark) => Statements.renew(mark, token, atLeast(leaseFor)))

  readonly delete = (key: string): Effect.Effect<boolean, AdapterError> =>
    this.run("delete", key, undefined, (signal) => this.documents.remove(key, mark("delete"), signal))

  readonly put: Adapter["put"] = (key, { lifetime, value }) =>
    Effect.asVoid(
      this.run("put", key, value, (signal) =>
        this.documents.upsert(key, Statements.put(mark("put"), span(lifetime), value.bytes), { _id: 1 }, signal)
      )
    )

  readonly touch: Adapter["touch"] = (key, { freshFor }) =>
    this.run("touch", key, undefined, (signal) => {
      const mine = mark("touch")
      return this.documents.change({ _id: key }, mine, Statements.touch(mine, atMost(freshFor)), signal)
    })

  readonly read = (key: string): Effect.Effect<Snapshot, AdapterError> =>
    this.run("read", key, undefined, async (signal) => {
      const found = await this.documents.find(key, signal)
      return found === null ? Entry.read(nothing, 0) : Entry.read(entryOf(found), found.now!.getTime())
    })

  /** One read of all; then those that are to be led, one by one. */
  readonly acquireMany: NonNullable<Adapter["acquireMany"]> = (keys, options) =>
    Effect.suspend(() => {
      const refusal = refused("acquireMany", keys)
      if (refusal !== undefined) return Effect.fail(refusal)
      return Effect.map(
        Effect.forEach(pages(keys), (page) => this.acquirePage(page, options)),
        (found) => found.flat()
      )
    })

  readonly deleteMany = (keys: ReadonlyArray<string>): Effect.Effect<number, AdapterError> =>
    Effect.suspend(() => {
      const refusal = refused("deleteMany", keys)
      if (refusal !== undefined) return Effect.fail(refusal)
      return Effect.map(
        Effect.forEach(pages([...new Set(keys)]), (page) =>
          this.calls.run("deleteMany", undefined, (signal) => this.documents.removeMany(page, mark("delete"), signal))
        ),
        (counts) => counts.reduce((sum, count) => sum + count, 0)
      )
    })

  /** Page by page in the order of keys, so that none is passed over, whatever changes meanwhile. */
  readonly keys = (prefix: string): Stream.Stream<string, AdapterError> => {
    const first = KeyRange.of(prefix)
    // Nothing well-formed begins so.
    if (first === undefined) return Stream.empty
    return Stream.paginate(first, (range) =>
      this.calls.run("keys", undefined, async (signal) => {
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
    const refusal = Limit.refusal(here, "watch", key)
    if (refusal !== undefined) return Effect.fail(refusal)
    const { space, timeout } = this.setup
    const join = Effect.acquireRelease(
      Effect.sync(() => {
        const changed = Latch.makeUnsafe()
        const wake = () => {
          changed.openUnsafe()
        }
        return { changed, seat: space.subscriber.join(key, { told: wake, lost: wake }, timeout) }
      }),
      ({ seat }) => Effect.sync(seat.leave)
    )
    return Effect.flatMap(join, ({ changed, seat }) => Effect.as(this.settled("watch", key, seat.live), changed.await))
  }

  readonly changes: NonNullable<Adapter["changes"]> = (listener) => {
    const { space, timeout } = this.setup
    const feed = Effect.acquireRelease(
      Effect.sync(() => {
        const feed = new ChangeFeed(space.subscriber, listener, timeout)
        this.feeds.add(feed)
        return feed
      }),
      (feed) =>
        Effect.sync(() => {
          this.feeds.delete(feed)
          feed.stop()
        })
    )
    return Effect.flatMap(feed, ({ live }) => this.settled("changes", undefined, live))
  }

  /** Ends what listens here, and the change stream, which other adapters over the collection open anew. */
  readonly close: Effect.Effect<void> = Effect.sync(() => {
    for (const feed of this.feeds) feed.close()
    this.feeds.clear()
    this.setup.space.subscriber.close()
  })

  private run<A>(
    operation: Operation,
    key: string,
    value: Value | undefined,
    work: (signal: AbortSignal) => Promise<A>
  ): Effect.Effect<A, AdapterError> {
    return Effect.suspend(() => {
      const refusal = Limit.refusal(here, operation, key, value)
      return refusal === undefined ? this.calls.run(operation, key, work) : Effect.fail(refusal)
    })
  }

  /** A verb that needs the lease. The document that has its token is the only one that can be meant. */
  private changeLeased(
    verb: "fill" | "abandon" | "renew",
    key: string,
    token: string,
    value: Value | undefined,
    pipeline: (mark: string) => ReturnType<typeof Statements.fill>
  ): Effect.Effect<boolean, AdapterError> {
    return this.run(verb, key, value, (signal) => {
      const mine = mark(verb)
      return this.documents.change({ _id: key, "lease.token": { $eq: token } }, mine, pipeline(mine), signal)
    })
  }

  /**
   * Reads; only when the lease seems to be had, asks for it. Whoever was faster is then seen by another look.
   *
   * @param seen what a batch read, `null` for nothing; left out to read first
   */
  private async ask(
    key: string,
    options: AcquireOptions,
    signal: AbortSignal,
    seen?: StoredEntry | null
  ): Promise<Acquired> {
    let looked = seen
    for (let attempt = 0; attempt < attempts; attempt++) {
      if (attempt > 1) await new Promise((resolve) => setTimeout(resolve, pauseMs))
      if (options.force !== true) {
        if (looked === undefined) looked = await this.documents.find(key, signal)
        const answer = looked === null ? undefined : withoutLease(looked, options)
        if (answer !== undefined) return answer
      }
      const granted = await this.grant(key, options, signal)
      if (granted !== undefined) return granted
      looked = undefined
    }
    throw failure("Unavailable", "acquire", key, `the key changed ${attempts} times while it was asked for`)
  }

  private async grant(key: string, options: AcquireOptions, signal: AbortSignal): Promise<Acquired | undefined> {
    const mine = mark("grant")
    const leaseFor = atLeast(options.leaseFor)
    const pipeline = Statements.grant(mine, {
      owner: options.owner,
      token: crypto.randomUUID(),
      leaseFor,
      refreshWithin: Math.max(0, options.refreshWithin ?? 0),
      force: options.force === true
    })
    const after = await this.documents.upsert(key, pipeline, undefined, signal)
    if (after?.by !== mine || after.lease === undefined || after.at === undefined) return undefined
    const { token } = after.lease
    // What is stale beside the lease is what there would be for one who takes it by force.
    return Entry.acquire(entryOf(after), after.at, { owner: options.owner, leaseFor, force: true }, () =>
      Token(token)
    )[0]
  }

  private acquirePage(
    keys: ReadonlyArray<string>,
    options: AcquireOptions
  ): Effect.Effect<ReadonlyArray<Acquired>, AdapterError> {
    const seen = this.calls.run("acquireMany", undefined, (signal) => this.documents.findMany(keys, signal))
    return Effect.flatMap(seen, (documents) => {
      const byKey = new Map(documents.map((found) => [found._id, found]))
      return Effect.forEach(
        keys,
        (key) => {
          const found = byKey.get(key) ?? null
          const answer = found === null || options.force === true ? undefined : withoutLease(found, options)
          if (answer !== undefined) return Effect.succeed(answer)
          return this.calls.run("acquireMany", key, (signal) => this.ask(key, options, signal, found))
        },
        { concurrency: acquireConcurrency }
      )
    })
  }

  private settled(operation: Operation, key: string | undefined, live: Promise<void>) {
    return Effect.tryPromise({
      try: () => live,
      catch: (error) =>
        error instanceof NoChangeStreams
          ? failure("Rejected", operation, key, error.message)
          : failed(operation, key, error)
    })
  }
}
