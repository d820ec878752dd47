/**
 * The verbs of the contract: read, decide by core's `Entry`, and write if unchanged; start again when another client was faster.
 */
import {
  type Acquired,
  type AcquireOptions,
  type Adapter,
  type AdapterError,
  Entry,
  Limits,
  type Operation,
  type Snapshot,
  Token,
  type Value
} from "@cache-locking/core"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { Calls } from "./Calls.ts"
import { failures } from "./Failure.ts"
import { Grants } from "./Grants.ts"
import * as Keyspace from "./Keyspace.ts"
import type { Resolved } from "./Options.ts"
import { type Found, Records, type Version, type Written } from "./Records.ts"
import { valueBytesOf } from "./Size.ts"

/** The attempts of a verb that other writers overtake. */
const attempts = 24

/** The longest first pause between two attempts, which doubles up to the longest of all, in milliseconds. */
const pause = { first: 4, longest: 200 } as const

const grant = (): Token => Token(crypto.randomUUID())

type Decide<A> = (entry: Entry.Entry | undefined, now: number) => Entry.Move<A>

/** Passes the time by the caller's clock. */
const timed = <A>(f: (now: number) => Effect.Effect<A, AdapterError>): Effect.Effect<A, AdapterError> =>
  Effect.withFiber((fiber) => f(fiber.getRef(Clock.Clock).currentTimeMillisUnsafe()))

/** The verbs. Each works without its object. */
export class Verbs {
  readonly here: Pick<Adapter, "name" | "limits">
  private readonly prefix: string
  private readonly calls: Calls
  private readonly records: Records
  private readonly grants = new Grants()

  constructor({ itemSize, pool, space, timeout }: Resolved) {
    this.here = {
      name: "memcached",
      limits: { keyBytes: Keyspace.keyBytes, valueBytes: valueBytesOf(itemSize), tick: 1, clock: "client" }
    }
    this.prefix = space.prefix
    this.calls = new Calls(pool, timeout)
    this.records = new Records(this.calls, itemSize)
  }

  /** Leaves no timer behind, unless a call still waits. */
  readonly close: Effect.Effect<void> = Effect.sync(() => this.calls.close())

  readonly acquire = (key: string, options: AcquireOptions): Effect.Effect<Acquired, AdapterError> =>
    this.move("acquire", key, undefined, (entry, now) => Entry.acquire(entry, now, options, grant))

  readonly fill: Adapter["fill"] = (key, options) =>
    this.moveLeased("fill", key, options.token, options.value, (entry, now) => Entry.fill(entry, now, options))

  readonly abandon: Adapter["abandon"] = (key, options) =>
    this.moveLeased("abandon", key, options.token, options.cause, (entry, now) => Entry.abandon(entry, now, options))

  readonly renew: Adapter["renew"] = (key, options) =>
    this.moveLeased("renew", key, options.token, undefined, (entry, now) => Entry.renew(entry, now, options))

  readonly delete = (key: string): Effect.Effect<boolean, AdapterError> =>
    this.move("delete", key, undefined, Entry.remove)

  readonly touch: Adapter["touch"] = (key, options) =>
    this.move("touch", key, undefined, (entry, now) => Entry.touch(entry, now, options))

  readonly read = (key: string): Effect.Effect<Snapshot, AdapterError> =>
    this.move("read", key, undefined, (entry, now) => [Entry.read(entry, now), entry])

  /** Writes over any record, without reading first. */
  readonly put: Adapter["put"] = (key, options) =>
    this.admitted("put", key, options.value, (name) =>
      timed((now) => {
        const [, next] = Entry.put(now, options)
        return Effect.asVoid(
          next === undefined
            ? this.records.remove("put", key, name)
            : this.records.write("put", key, name, next, Entry.endsAt(next) - now)
        )
      })
    )

  private admitted<A>(
    operation: Operation,
    key: string,
    value: Value | undefined,
    go: (name: string) => Effect.Effect<A, AdapterError>
  ): Effect.Effect<A, AdapterError> {
    return Effect.suspend(() => {
      const refusal = Limits.refusal(this.here, operation, key, value)
      return refusal === undefined ? go(Keyspace.nameOf(this.prefix, key)) : Effect.fail(refusal)
    })
  }

  private move<A>(
    operation: Operation,
    key: string,
    value: Value | undefined,
    decide: Decide<A>
  ): Effect.Effect<A, AdapterError> {
    return this.admitted(operation, key, value, (name) => this.attempt(operation, key, name, decide, 1))
  }

  /**
   * Runs a verb that needs the lease. It does not read first if this process wrote the lease itself, and either nothing
   * stands beside the lease or a fill replaces the value beside it.
   */
  private moveLeased(
    operation: "fill" | "abandon" | "renew",
    key: string,
    token: Token,
    value: Value | undefined,
    decide: Decide<boolean>
  ): Effect.Effect<boolean, AdapterError> {
    return Effect.suspend(() => {
      const move = this.move(operation, key, value, decide)
      const name = Keyspace.nameOf(this.prefix, key)
      const granted = this.grants.take(token, name)
      if (granted === undefined || Limits.refusal(this.here, operation, key, value)) return move
      if (!granted.alone && (operation !== "fill" || value === undefined)) return move
      return timed((now) => {
        const [held, next] = decide({ kept: undefined, lease: granted.lease, cooldown: undefined }, now)
        if (!held) return move
        return Effect.flatMap(this.write(operation, key, name, granted.version, next, now), (written) =>
          written === false ? move : Effect.succeed(true)
        )
      })
    })
  }

  private attempt<A>(
    operation: Operation,
    key: string,
    name: string,
    decide: Decide<A>,
    times: number
  ): Effect.Effect<A, AdapterError> {
    return this.records.read(operation, key, name, (found: Found) =>
      timed((now) => {
        const [answer, next] = decide(found.entry, now)
        if (next === found.entry) return Effect.succeed(answer)
        return Effect.flatMap(this.write(operation, key, name, found.version, next, now), (written) => {
          if (written !== false) return Effect.succeed(answer)
          if (times === attempts) {
            const message = `overtaken by other writers ${times} times in a row`
            return Effect.fail(failures.unavailable(operation, key, message))
          }
          const longest = Math.min(pause.longest, pause.first * 2 ** (times - 1))
          const again = Effect.suspend(() => this.attempt(operation, key, name, decide, times + 1))
          return Effect.andThen(Effect.sleep(Math.random() * longest), again)
        })
      })
    )
  }

  /** Writes the next entry, or removes an expired one, and remembers a lease. */
  private write(
    operation: Operation,
    key: string,
    name: string,
    version: Version | undefined,
    next: Entry.Entry | undefined,
    now: number
  ): Effect.Effect<Written, AdapterError> {
    const ttl = next === undefined ? 0 : Entry.endsAt(next) - now
    const living = ttl > 0 ? next : undefined
    const written = this.records.writeIf(operation, key, name, version, living, ttl)
    const lease = living?.lease
    if (lease === undefined) return written
    const alone = living?.kept === undefined && living?.cooldown === undefined
    return Effect.tap(written, (written) => {
      if (written) this.grants.note({ name, lease, alone, version: written })
      return Effect.void
    })
  }
}
