/**
 * Acquires keys: a read first, and a write only if the lease seems free.
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
  Token
} from "@cache-locking/core"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import { batch, type Documents } from "./Documents.ts"
import { failures } from "./Failure.ts"
import * as Statements from "./Statements.ts"
import { entryOf, here, isWellFormed, type StoredEntry } from "./StoredEntry.ts"

/** The attempts at a key that other clients keep changing, and the pause between two of them. */
const attempts = 20
const pauseMs = 5

/** The keys of a batch that are acquired at once. */
const concurrency = 32

/** The answer to a caller that may not lead; nothing when the lease is free. */
const withoutLease = (found: StoredEntry, options: AcquireOptions): Exclude<Acquired, Leader> | undefined => {
  const [answer] = Entry.acquire(entryOf(found), found.now!.getTime(), options, () => Token(""))
  return answer._tag === "Leader" ? undefined : answer
}

export class Acquirer {
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

  /** Reads all keys at once, then acquires the ones whose lease seems free, one by one. */
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
   * Reads first, and asks for the lease only if it seems free. If another client was faster, the next read finds its lease.
   *
   * @param seen the document that a batch read, `null` for none; left out to read first
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
        if (looked !== null && !isWellFormed(looked)) await this.documents.discard(key, signal)
      }
      const granted = await this.grant(key, options, signal)
      if (granted !== undefined) return granted
      looked = undefined
    }
    throw failures.unavailable("acquire", key, `the key changed ${attempts} times during the call`)
  }

  private async grant(key: string, options: AcquireOptions, signal: AbortSignal): Promise<Acquired | undefined> {
    const mine = Statements.mark("grant")
    const leaseFor = Limits.atLeast(options.leaseFor)
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
    // The stale value beside the lease is the one that a forced acquire would get.
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
