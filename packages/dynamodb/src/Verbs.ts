/**
 * The verbs of the contract over conditional writes.
 *
 * Core's `Entry` judges what is there; the writes restate its moves as conditions. When a reply is lost, the SDK sends
 * the write again, which then fails its own condition: the item's `rev` shows that.
 */
import type { GetItemCommandOutput } from "@aws-sdk/client-dynamodb"
import {
  type Acquired,
  type AcquireOptions,
  type Adapter,
  type AdapterError,
  type AdapterLimits,
  Entry,
  Limits,
  type Operation,
  type StoreClock,
  type Token,
  type Value
} from "@cache-locking/core"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Batch from "./Batch.ts"
import { Calls, type Session } from "./Calls.ts"
import * as Grant from "./Grant.ts"
import * as Item from "./Item.ts"
import { causeBytes, type Resolved } from "./Options.ts"
import * as Statements from "./Statements.ts"

/** The requests under way at once for the verbs of many keys. The SDK's client has 50 connections. */
const concurrency = 32

const newRev = (): string => crypto.randomUUID()

/** The verbs. Each works without its object. */
export class Verbs {
  readonly name = "dynamodb"
  readonly limits: AdapterLimits
  private readonly calls: Calls
  private readonly clock: StoreClock.StoreClock
  private readonly table: string
  private readonly prefix: string

  constructor(resolved: Resolved) {
    const { clock, space } = resolved
    this.limits = space.limits
    this.clock = clock
    this.table = space.table
    this.prefix = `${space.prefix}#`
    this.calls = new Calls(resolved)
  }

  /** Reads consistently, and writes the lease only if there was no fresh value and no other client was faster. */
  readonly acquire = (key: string, options: AcquireOptions): Effect.Effect<Acquired, AdapterError> =>
    this.run("acquire", key, undefined, async (session, place) =>
      this.decide(session, place, options, await this.find(session, place))
    )

  readonly close: Effect.Effect<void> = Effect.sync(() => this.calls.close())

  readonly fill: Adapter["fill"] = (key, { lifetime, token, value }) =>
    this.run("fill", key, value, async (session, place) => {
      const rev = newRev()
      await this.knowTime(session, place)
      const found = await session.write(Statements.fill(place, this.clock.now(), rev, { token, value, lifetime }))
      return found === undefined || found.rev === rev
    })

  readonly abandon: Adapter["abandon"] = (key, { cause, cooldown, token }) =>
    this.run("abandon", key, cause, (session, place) =>
      this.holding(session, place, token, (now, rev, keptUntil) => {
        // A large cause does not fit beside a large value.
        const fits = keptUntil === undefined || (cause?.bytes.byteLength ?? 0) <= causeBytes
        return Statements.abandon(place, now, rev, { token, cooldown, cause: fits ? cause : undefined, keptUntil })
      })
    )

  readonly renew: Adapter["renew"] = (key, { leaseFor, token }) =>
    this.run("renew", key, undefined, (session, place) =>
      this.holding(session, place, token, (now, rev, keptUntil) =>
        Statements.renew(place, now, rev, { token, leaseFor, keptUntil })
      )
    )

  readonly delete = (key: string): Effect.Effect<boolean, AdapterError> => this.remove("delete", key)

  readonly put: Adapter["put"] = (key, { lifetime, value }) =>
    this.run("put", key, value, async (session, place) => {
      await this.knowTime(session, place)
      await session.send(Statements.put(place, this.clock.now(), newRev(), { value, lifetime }))
    })

  readonly touch: Adapter["touch"] = (key, { freshFor }) =>
    this.run("touch", key, undefined, async (session, place) => {
      const rev = newRev()
      await this.knowTime(session, place)
      let found = await session.write(Statements.touch(place, this.clock.now(), rev, freshFor))
      for (let attempt = 0; found !== undefined && found.rev !== rev; attempt++) {
        const now = this.clock.now()
        const [fresh, next] = Entry.touch(found.entry, now, { freshFor: Item.atMost(freshFor) })
        if (!fresh || next?.kept === undefined || found.rev === undefined) return false
        if (attempt > 0) await session.pause(attempt)
        const there = { rev: found.rev, entry: next, kept: next.kept }
        found = await session.write(Statements.touchBeside(place, now, rev, there))
      }
      return true
    })

  readonly read: Adapter["read"] = (key) =>
    this.run("read", key, undefined, async (session, place) =>
      Entry.read((await this.find(session, place)).entry, this.clock.now())
    )

  /** Answers the hits from batches of reads, and decides the other keys one by one, on the items that were read. */
  readonly acquireMany = (
    keys: ReadonlyArray<string>,
    options: AcquireOptions
  ): Effect.Effect<ReadonlyArray<Acquired>, AdapterError> =>
    Effect.suspend(() => {
      const refusal = Limits.refusalOfAny(this, "acquireMany", keys)
      if (refusal !== undefined) return Effect.fail(refusal)
      // DynamoDB refuses a batch that names an item twice.
      const batches = Arr.chunksOf(new Set(keys), Batch.size)
      const answered = Effect.forEach(batches, (batch) => this.acquireBatch(batch, options), { concurrency: 4 })
      return Effect.map(answered, (answers) => {
        const byKey = new Map(answers.flat())
        return keys.map((key) => byKey.get(key)!)
      })
    })

  readonly deleteMany = (keys: ReadonlyArray<string>): Effect.Effect<number, AdapterError> =>
    Effect.suspend(() => {
      const refusal = Limits.refusalOfAny(this, "deleteMany", keys)
      if (refusal !== undefined) return Effect.fail(refusal)
      const gone = Effect.forEach(keys, (key) => this.remove("deleteMany", key), { concurrency })
      return Effect.map(gone, (gone) => gone.filter(Boolean).length)
    })

  /** Lists by a scan: DynamoDB reads the whole table for it, page by page. */
  readonly keys = (start: string): Stream.Stream<string, AdapterError> =>
    Stream.paginate(undefined as Item.Item | undefined, (from) =>
      this.calls.run("keys", undefined, async (session) => {
        const page = await session.send<{ Items?: ReadonlyArray<Item.Item>; LastEvaluatedKey?: Item.Item }>(
          Statements.names(this.table, this.prefix + start, this.clock.now(), from)
        )
        const keys = (page.Items ?? []).map((item) => (item[Item.keyName]?.S ?? "").slice(this.prefix.length))
        return [keys, Option.fromNullishOr(page.LastEvaluatedKey)] as const
      })
    )

  private run<A>(
    operation: Operation,
    key: string,
    value: Value | undefined,
    verb: (session: Session, place: Statements.Place) => Promise<A>
  ): Effect.Effect<A, AdapterError> {
    const refusal = Limits.refusal(this, operation, key, value)
    if (refusal !== undefined) return Effect.fail(refusal)
    return this.calls.run(operation, key, (session) => verb(session, this.placeOf(key)))
  }

  private remove(operation: "delete" | "deleteMany", key: string): Effect.Effect<boolean, AdapterError> {
    return this.run(operation, key, undefined, async (session, place) => {
      const gone = await session.remove(Statements.remove(place))
      // A removal whose reply was lost must not count as one that found nothing.
      return gone === undefined || Entry.remove(gone.entry, this.clock.now())[0]
    })
  }

  /**
   * Gets a reply before the first write, and before the first one after this host's clock was set, so that the time is
   * known: an item written by a host's clock that is minutes off would end too early or too late by as much.
   */
  private async knowTime(session: Session, place: Statements.Place): Promise<void> {
    if (this.clock.isOutdated) await this.find(session, place)
  }

  private placeOf(key: string): Statements.Place {
    return { table: this.table, name: this.prefix + key }
  }

  private async find(session: Session, place: Statements.Place, again = true): Promise<Item.Found> {
    const { Item: item } = await session.send<GetItemCommandOutput>(Statements.read(place))
    // The reply's time, or this host's, is wrong by more than a second: another reply will tell.
    if (again && this.clock.isDoubtful) return this.find(session, place, false)
    return Item.decode(item)
  }

  /** Answers from the item that was read, or writes the lease, until no other client is faster. */
  private async decide(
    session: Session,
    place: Statements.Place,
    options: AcquireOptions,
    first: Item.Found
  ): Promise<Acquired> {
    const asked = { ...options, leaseFor: Item.atLeast(options.leaseFor) }
    let found = first
    for (let attempt = 0; ; attempt++) {
      if (attempt > 1) await session.pause(attempt)
      const now = this.clock.now()
      const keptUntil = Item.keptUntilOf(found.entry, now)
      const [answer, next] = Entry.acquire(found.entry, now, asked, () => Grant.make(keptUntil))
      if (answer._tag !== "Leader") return answer
      const rev = newRev()
      const there = await session.write(Statements.grant(place, found, next!.lease!, keptUntil, rev))
      if (there === undefined || there.rev === rev) return answer
      found = there
    }
  }

  /** Writes under a lease, on the value that the token describes, or else on the present one. */
  private async holding(
    session: Session,
    place: Statements.Place,
    token: Token,
    statement: (now: number, rev: string, keptUntil: number | undefined) => Parameters<Session["write"]>[0]
  ): Promise<boolean> {
    let keptUntil = Grant.keptUntilOf(token)
    await this.knowTime(session, place)
    for (let attempt = 0; ; attempt++) {
      if (attempt > 1) await session.pause(attempt)
      const [now, rev] = [this.clock.now(), newRev()]
      const found = await session.write(statement(now, rev, keptUntil))
      if (found === undefined || found.rev === rev) return true
      const lease = found.entry?.lease
      if (lease?.token !== token || now >= lease.until) return false
      keptUntil = found.entry?.kept && Item.capped(Entry.keptUntil(found.entry.kept))
    }
  }

  private acquireBatch(
    keys: ReadonlyArray<string>,
    options: AcquireOptions
  ): Effect.Effect<ReadonlyArray<readonly [string, Acquired]>, AdapterError> {
    const read = this.calls.run("acquireMany", undefined, (session) =>
      Batch.read(
        session,
        this.table,
        keys.map((key) => this.prefix + key)
      )
    )
    return Effect.flatMap(read, (items) => {
      const now = this.clock.now()
      return Effect.forEach(
        keys,
        (key) => {
          const found = Item.decode(items.get(this.prefix + key))
          const [answer] = Entry.acquire(found.entry, now, options, () => Grant.make(undefined))
          const answered =
            answer._tag === "Leader"
              ? this.calls.run("acquireMany", key, (session) => this.decide(session, this.placeOf(key), options, found))
              : Effect.succeed(answer)
          return Effect.map(answered, (answer) => [key, answer] as const)
        },
        { concurrency }
      )
    })
  }
}
