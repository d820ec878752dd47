/**
 * Asking for leases: a look first, and a write only where the lease seems to be had.
 */
import {
  type Acquired,
  type AcquireOptions,
  type Adapter,
  type AdapterError,
  type BoundedCalls,
  Entry,
  type Leader,
  Limits,
  Milliseconds,
  Token
} from "@cache-locking/core"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import { batch, type Documents } from "./Documents.ts"
import { failures } from "./Failure.ts"
import * as Statements from "./Statements.ts"
import { entryOf, here, type StoredEntry } from "./StoredEntry.ts"

/** How often a key is asked for that others change at the same time, and the pause before each time but the first. */
const attempts = 20
const pauseMs = 5

/** How many of a batch are acquired at once. */
const concurrency = 32

/** What one who may not lead is told; nothing when the lease is to be had. */
const withoutLease = (found: StoredEntry, options: AcquireOptions): Exclude<Acquired, Leader> | undefined => {
  const [answer] = Entry.acquire(entryOf(found), found.now!.getTime(), options, () => Token(""))
  return answer._tag === "Leader" ? undefined : answer
}

export class Acquiring {
  private readonly calls: BoundedCalls.Calls
  private readonly documents: Documents

  constructor(calls: BoundedCalls.Calls, documents: Documents) {
    this.calls = calls
    this.documents = documents
  }

  readonly one = (key: string, options: AcquireOptions): Effect.Effect<Acquired, AdapterError> =>
    Effect.suspend(() => {
      const refusal = Limits.refusal(here, "acquire", key)
      if (refusal !== undefined) return Effect.fail(refusal)
      return this.calls.run("acquire", key, ({ signal }) => this.ask(key, options, signal))
    })

  /** One read of all; then those that are to be led, one by one. */
  readonly many: NonNullable<Adapter["acquireMany"]> = (keys, options) =>
    Effect.suspend(() => {
      const refusal = Limits.refusalOfAny(here, "acquireMany", keys)
      if (refusal !== undefined) return Effect.fail(refusal)
      return Effect.map(
        Effect.forEach(Arr.chunksOf(keys, batch), (page) => this.page(page, options)),
        (found) => found.flat()
      )
    })

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
    throw failures.unavailable("acquire", key, `the key changed ${attempts} times while it was asked for`)
  }

  private async grant(key: string, options: AcquireOptions, signal: AbortSignal): Promise<Acquired | undefined> {
    const mine = Statements.mark("grant")
    const leaseFor = Milliseconds.atLeast(options.leaseFor)
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

  private page(
    keys: ReadonlyArray<string>,
    options: AcquireOptions
  ): Effect.Effect<ReadonlyArray<Acquired>, AdapterError> {
    const seen = this.calls.run("acquireMany", undefined, ({ signal }) => this.documents.findMany(keys, signal))
    return Effect.flatMap(seen, (documents) => {
      const byKey = new Map(documents.map((found) => [found._id, found]))
      return Effect.forEach(
        keys,
        (key) => {
          const found = byKey.get(key) ?? null
          const answer = found === null || options.force === true ? undefined : withoutLease(found, options)
          if (answer !== undefined) return Effect.succeed(answer)
          return this.calls.run("acquireMany", key, ({ signal }) => this.ask(key, options, signal, found))
        },
        { concurrency }
      )
    })
  }
}
