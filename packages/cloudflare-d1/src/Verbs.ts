/**
 * The verbs of the contract over the statements.
 */
import {
  type Acquired,
  type AcquireOptions,
  type Adapter,
  type AdapterError,
  Entry,
  type Lifetime,
  Limits,
  type Operation,
  type Snapshot,
  Token,
  type Value
} from "@cache-locking/core"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { Calls } from "./Calls.ts"
import type { Bound } from "./D1Binding.ts"
import { failures } from "./Failure.ts"
import type { Resolved, Space } from "./Options.ts"
import { prefixEnd } from "./PrefixEnd.ts"
import { entryOf, type Row } from "./Row.ts"
import * as Statements from "./Statements.ts"
import * as Table from "./Table.ts"

/** The adapter's name and limits. A row has 2,000,000 bytes in D1, with the key, the cause and the rest beside the value. */
export const here: Pick<Adapter, "name" | "limits"> = {
  name: "cloudflare-d1",
  limits: { keyBytes: 16_384, valueBytes: 1_900_000, tick: 1, clock: "store" }
}

/** The largest cause that a failed leader may leave. It stands in one row with the value. */
export const causeBytes = 65_536

/** Durations as statements read them. */
const atMost = (ms: number): number => Math.min(Limits.atMost(ms), Statements.never)
const atLeast = (ms: number): number => Math.min(Limits.atLeast(ms), Statements.never)

/** The keys of one page of a listing. */
const pageSize = 500

/** The batches under way at once. A batch is a transaction, and several small ones let others in between. */
const batchConcurrency = 4

/** The attempts of `acquire`, whose answer may expire between its two statements. */
const attempts = 4

/** Marks a lease that `Entry` would grant on a row that was read. Only the database grants leases. */
const ungranted = Token("")

const spans = ({ fresh, stale }: Lifetime): readonly [number, number] => [atMost(fresh), atMost(stale)]

/** The verbs. Each works without its object. */
export class Verbs {
  private readonly calls: Calls
  private readonly space: Space
  private readonly statements: Statements.Statements

  constructor({ database, setup, space, table, timeout }: Resolved) {
    this.calls = new Calls(database, timeout, setup ? Table.migration(table) : undefined)
    this.space = space
    this.statements = space.statements
  }

  /** Sends one statement that reads if a hit is expected, otherwise one transaction that may grant the lease. */
  readonly acquire = (key: string, options: AcquireOptions): Effect.Effect<Acquired, AdapterError> =>
    Effect.suspend(() => {
      const refusal = Limits.refusal(here, "acquire", key)
      if (refusal !== undefined) return Effect.fail(refusal)
      const expected = options.force !== true && this.space.hints.has(key, options.refreshWithin ?? 0)
      return expected ? this.peek(key, options) : this.ask(key, options)
    })

  readonly acquireMany = (
    keys: ReadonlyArray<string>,
    options: AcquireOptions
  ): Effect.Effect<ReadonlyArray<Acquired>, AdapterError> =>
    Limits.refusalOfAny(here, "acquireMany", keys) ??
    Effect.map(
      Effect.forEach(
        Arr.chunksOf(keys, Statements.keysAtOnce),
        (chunk) => this.askMany("acquireMany", chunk, options, 1),
        {
          concurrency: batchConcurrency
        }
      ),
      (found) => found.flat()
    )

  readonly fill: Adapter["fill"] = (key, { lifetime, token, value }) =>
    value === undefined
      ? this.held("fill", key, () => [this.statements.refill, key, token, ...spans(lifetime)])
      : this.written("fill", key, value, () => [this.statements.fill, key, token, ...spans(lifetime), value.bytes])

  readonly put: Adapter["put"] = (key, { lifetime, value }) =>
    Effect.asVoid(this.written("put", key, value, () => [this.statements.put, key, ...spans(lifetime), value.bytes]))

  readonly abandon: Adapter["abandon"] = (key, { cause, cooldown, token }) =>
    this.refusedCause(key, cause) ??
    this.held("abandon", key, () => [
      this.statements.abandon,
      key,
      token,
      atLeast(cooldown ?? 0),
      cause === undefined ? null : cause.bytes
    ])

  readonly renew: Adapter["renew"] = (key, { leaseFor, token }) =>
    this.held("renew", key, () => [this.statements.renew, key, token, atLeast(leaseFor)])

  readonly touch: Adapter["touch"] = (key, { freshFor }) =>
    this.held("touch", key, () => [this.statements.touch, key, atMost(freshFor)])

  readonly delete = (key: string): Effect.Effect<boolean, AdapterError> =>
    Effect.map(this.remove("delete", [key]), (count) => count === 1)

  readonly deleteMany = (keys: ReadonlyArray<string>): Effect.Effect<number, AdapterError> =>
    Limits.refusalOfAny(here, "deleteMany", keys) ??
    Effect.map(
      Effect.forEach(Arr.chunksOf(keys, Statements.keysAtOnce), (chunk) => this.remove("deleteMany", chunk), {
        concurrency: batchConcurrency
      }),
      (counts) => counts.reduce((sum, count) => sum + count, 0)
    )

  readonly read = (key: string): Effect.Effect<Snapshot, AdapterError> =>
    this.one(
      "read",
      key,
      ([rows]) => {
        const row = rows![0] as Row | undefined
        return row === undefined ? Entry.read(undefined, 0) : Entry.read(entryOf(row), row.now)
      },
      () => [this.statements.rows(1), key]
    )

  /** Lists page by page in the order of UTF-8 bytes, so that every key that exists all the time is listed. */
  readonly keys = (prefix: string): Stream.Stream<string, AdapterError> => {
    // The prefix may end with half of a surrogate pair. All such keys have the text before it in common.
    const start = prefix.replace(/[\uD800-\uDBFF]$/, "")
    if (!start.isWellFormed()) return Stream.empty
    const end = prefixEnd(start) ?? null
    return Stream.paginate(undefined as string | undefined, (after) =>
      Effect.map(
        this.calls.run("keys", undefined, () => [
          [after === undefined ? this.statements.keysFrom : this.statements.keysAfter, after ?? start, end, pageSize]
        ]),
        ([rows]) => {
          const keys = (rows as ReadonlyArray<Row>).map(({ key }) => key)
          const next = keys.length < pageSize ? Option.none<string>() : Option.some(keys.at(-1)!)
          return [keys.filter((key) => key.startsWith(prefix)), next] as const
        }
      )
    )
  }

  /** Sends a statement that only reads. It answers if no lease is needed. */
  private peek(key: string, options: AcquireOptions): Effect.Effect<Acquired, AdapterError> {
    return Effect.flatMap(
      this.calls.run("acquire", key, () => [[this.statements.rows(1), key]]),
      ([rows]) => {
        const found = this.judge(key, options, rows![0] as Row | undefined)
        if (found !== undefined) return Effect.succeed(found)
        this.space.hints.forget(key)
        return this.ask(key, options)
      }
    )
  }

  private ask(key: string, options: AcquireOptions): Effect.Effect<Acquired, AdapterError> {
    return Effect.map(this.askMany("acquire", [key], options, 1), ([found]) => found!)
  }

  /** Sends one transaction, which takes the leases that are free and reads the rows. */
  private askMany(
    operation: Operation,
    keys: ReadonlyArray<string>,
    options: AcquireOptions,
    attempt: number
  ): Effect.Effect<ReadonlyArray<Acquired>, AdapterError> {
    const { force, leaseFor, owner, refreshWithin } = options
    const only = keys.length === 1 ? keys[0] : undefined
    return Effect.flatMap(
      this.calls.run(operation, only, () => [
        [
          this.statements.acquire(keys.length),
          owner,
          atLeast(leaseFor),
          atMost(refreshWithin ?? 0),
          force === true ? 1 : 0,
          ...keys
        ],
        [this.statements.rows(keys.length), ...keys]
      ]),
      ([, rows]) => {
        const byKey = new Map((rows as ReadonlyArray<Row>).map((row) => [row.key, row]))
        const found = keys.map((key) => this.judge(key, options, byKey.get(key)))
        if (found.every((one) => one !== undefined)) return Effect.succeed(found)
        if (attempt < attempts) return this.askMany(operation, keys, options, attempt + 1)
        const message = `the answer expired before it was read, ${attempts} times`
        return Effect.fail(failures.unavailable(operation, only, message))
      }
    )
  }

  /** The answer that a row gives to a caller; nothing if a lease would have to be granted. */
  private judge(key: string, options: AcquireOptions, row: Row | undefined): Acquired | undefined {
    if (row === undefined) return undefined
    const entry = entryOf(row)
    const [found] = Entry.acquire(entry, row.now, options, () => ungranted)
    if (found._tag === "Leader" && found.token === ungranted) return undefined
    if (found._tag === "Hit") this.space.hints.note(key, found.freshFor)
    else this.space.hints.forget(key)
    return found
  }

  /** Runs a verb that answers true if it changed a row. */
  private held(operation: Operation, key: string, bound: () => Bound): Effect.Effect<boolean, AdapterError> {
    return this.one(operation, key, ([rows]) => rows!.length === 1, bound)
  }

  /** Runs a verb that stores a value, and with some writes sends a sweep. */
  private written(
    operation: Operation,
    key: string,
    value: Value,
    bound: () => Bound
  ): Effect.Effect<boolean, AdapterError> {
    return Effect.suspend(() => {
      const refusal = Limits.refusal(here, operation, key, value)
      if (refusal !== undefined) return Effect.fail(refusal)
      const { hints, sweeper } = this.space
      hints.forget(key)
      return Effect.map(
        this.calls.run(operation, key, () => [bound(), ...sweeper.statements(this.statements, key)]),
        ([rows, ...swept]) => {
          sweeper.swept(swept)
          return rows!.length === 1
        }
      )
    })
  }

  private remove(operation: Operation, keys: ReadonlyArray<string>): Effect.Effect<number, AdapterError> {
    return Effect.suspend(() => {
      const refusal = Limits.refusalOfAny(here, operation, keys)
      if (refusal !== undefined) return refusal
      for (const key of keys) this.space.hints.forget(key)
      return Effect.map(
        this.calls.run(operation, keys.length === 1 ? keys[0] : undefined, () => [
          [this.statements.remove(keys.length), ...keys]
        ]),
        ([rows]) => (rows as ReadonlyArray<{ readonly existed: number }>).filter(({ existed }) => existed === 1).length
      )
    })
  }

  /** Sends one statement about one key. */
  private one<A>(
    operation: Operation,
    key: string,
    answer: (rows: ReadonlyArray<ReadonlyArray<unknown>>) => A,
    bound: () => Bound
  ): Effect.Effect<A, AdapterError> {
    return Effect.suspend(() => {
      const refusal = Limits.refusal(here, operation, key)
      if (refusal !== undefined) return Effect.fail(refusal)
      return Effect.map(
        this.calls.run(operation, key, () => [bound()]),
        answer
      )
    })
  }

  private refusedCause(key: string, cause: Value | undefined): Effect.Effect<never, AdapterError> | undefined {
    if (cause === undefined || cause.bytes.byteLength <= causeBytes) return undefined
    const message = `the cause has ${cause.bytes.byteLength} bytes; the most for this adapter is ${causeBytes}`
    return Effect.fail(failures.rejected("abandon", key, message))
  }
}
