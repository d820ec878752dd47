/**
 * Acquires keys: one key by one statement, and many by one statement for those that need no lease.
 */
import { type Acquired, type AcquireOptions, type Adapter, type AdapterError, Limits } from "@cache-locking/core"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import type { Calls } from "./Calls.ts"
import { Hints } from "./Hints.ts"
import * as Reply from "./Reply.ts"
import { here } from "./Space.ts"
import type { Statements } from "./Statements.ts"

/** The keys of one statement. */
export const keysAtOnce = 500

/** The keys that a batch left open are acquired one by one, this many at a time. */
const concurrency = 32

const encoder = new TextEncoder()

/** Keys as one parameter. */
export const arrayOf = (keys: ReadonlyArray<string>): string => Reply.arrayOf(keys.map((key) => encoder.encode(key)))

/** The parts that an acquirer needs. */
export interface Tools {
  readonly calls: Calls
  readonly prefix: string
  readonly statements: Statements
  /** The key as it is sent. */
  readonly bytesOf: (key: string) => Uint8Array
  /** Called for every lease. */
  readonly wrote: () => void
}

export class Acquirer {
  private readonly tools: Tools
  private readonly hints = new Hints()

  constructor(tools: Tools) {
    this.tools = tools
  }

  /** Sends one statement: a read where a hint says that it suffices, otherwise one that may grant the lease. */
  readonly one = (key: string, options: AcquireOptions): Effect.Effect<Acquired, AdapterError> =>
    Effect.suspend(() => {
      const refusal = Limits.refusal(here, "acquire", key)
      if (refusal !== undefined) return Effect.fail(refusal)
      const { bytesOf, calls, prefix, statements } = this.tools
      const bytes = bytesOf(key)
      const owner = encoder.encode(options.owner)
      const within = Limits.atMost(options.refreshWithin ?? 0)
      // A server that takes no writes, as in a failover, can still be read.
      const isReadable = this.hints.has(key, within) || calls.link.isReadOnly
      if (options.force === true || !isReadable) return this.grant(key, bytes, owner, within, options)
      const peek = calls.statement("acquire", key, statements.peek, [prefix, bytes, owner, within], ([row]) =>
        Effect.succeed(row === undefined ? undefined : this.found(key, Reply.acquired(row)))
      )
      return Effect.flatMap(peek, (found) =>
        found === undefined ? this.grant(key, bytes, owner, within, options) : Effect.succeed(found)
      )
    })

  /** Reads the keys that need no lease at once, and acquires the others one by one. */
  readonly many: NonNullable<Adapter["acquireMany"]> = (keys, options) =>
    Effect.suspend(() => {
      const refusal = Limits.refusalOfAny(here, "acquireMany", keys)
      if (refusal !== undefined) return Effect.fail(refusal)
      const found = Effect.forEach(Arr.chunksOf(keys, keysAtOnce), (chunk) => this.some(chunk, options), {
        concurrency: 4
      })
      return Effect.map(found, (found) => found.flat())
    })

  /** Forgets the hint about a key. */
  forget(key: string): void {
    this.hints.forget(key)
  }

  private grant(
    key: string,
    bytes: Uint8Array,
    owner: Uint8Array,
    within: number,
    { force, leaseFor }: AcquireOptions
  ): Effect.Effect<Acquired, AdapterError> {
    const { calls, prefix, statements } = this.tools
    const parameters = [prefix, bytes, owner, Limits.atLeast(leaseFor), within, force === true]
    return calls.statement("acquire", key, statements.acquire, parameters, ([row]) =>
      row === undefined ? undefined : Effect.succeed(this.found(key, Reply.acquired(row)))
    )
  }

  /** Records the time for which the answer will probably hold. */
  private found(key: string, found: Acquired): Acquired {
    if (found._tag === "Leader") {
      this.hints.forget(key)
      this.tools.wrote()
    } else if (found._tag === "Hit") this.hints.note(key, found.freshFor)
    else this.hints.note(key, found._tag === "Follower" ? found.leaseEndsIn : found.retryIn)
    return found
  }

  private some(
    keys: ReadonlyArray<string>,
    options: AcquireOptions
  ): Effect.Effect<ReadonlyArray<Acquired>, AdapterError> {
    const { calls, prefix, statements } = this.tools
    const parameters = [
      prefix,
      arrayOf(keys),
      encoder.encode(options.owner),
      Limits.atMost(options.refreshWithin ?? 0),
      options.force === true
    ]
    const readable = calls.statement("acquireMany", undefined, statements.acquireMany, parameters, (rows) =>
      Effect.succeed(new Map(rows.map((row) => [Reply.textOf(row[0]!), Reply.acquired(row, 1)])))
    )
    return Effect.flatMap(readable, (found) =>
      Effect.forEach(
        keys,
        (key) => {
          const one = found.get(key)
          return one === undefined ? this.one(key, options) : Effect.succeed(one)
        },
        { concurrency }
      )
    )
  }
}
