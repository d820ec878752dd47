/**
 * For backends whose only atomic operation is "write if unchanged": S3, R2, Memcached `gets`/`cas`.
 *
 * Two methods become a whole `Adapter`. `Entry` runs in a loop of read, decide and write, which starts again when
 * another writer was faster. A hit costs one read and no write. Where a write returns the version it made, the leader's
 * `fill`, `renew` and `abandon` cost one write and no read.
 *
 * A write whose reply was lost may have happened. A repeated `acquire` finds its own lease. A repeated `fill` finds its
 * lease ended and answers `false`, although its value is there.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import { LRUCache } from "lru-cache"
import {
  type Adapter,
  AdapterError,
  type ListingAdapter,
  type Operation,
  Token,
  type Value
} from "../contract/Adapter.ts"
import * as Entry from "../contract/Entry.ts"
import * as Limits from "../contract/Limits.ts"

/** The entry of a key as it was read, and the version that a write must find unchanged. */
export interface VersionedEntry<Version> {
  /** `undefined` when there is no record, or none that can be read (see `EntryRecord.decode`). */
  readonly entry: Entry.Entry | undefined
  /** `undefined` when there is no record at all. */
  readonly version: Version | undefined
  /** The store's own clock in epoch milliseconds, where the reply contains it. Otherwise `now` of the store is used. */
  readonly now?: number | undefined
}

/** A backend whose writes can depend on an unchanged version. */
export interface ConditionalStore<Version = string>
  extends Pick<Adapter, "name" | "limits" | "identity" | "watch" | "keys" | "changes" | "pollEvery" | "close"> {
  readonly read: (key: string) => Effect.Effect<VersionedEntry<Version>, AdapterError>
  /**
   * Writes the entry, or removes the record when there is none, if the version is still the one that was read
   * (`undefined`: if there still is no record). Answers `true` if it did. A store that cannot remove conditionally writes
   * an empty record instead (`EntryRecord.encode(undefined)`).
   *
   * Where the reply contains the new version of the record, that is the answer instead of `true`. The holder of a lease
   * then overwrites its own record the next time without reading it first.
   *
   * Answers `undefined` where the client sent the write twice, because the first reply was lost, and the version is no
   * longer the one that was read: the first write may have been carried out, and overwritten since.
   *
   * @param ttl milliseconds after which nothing of the entry matters, for the store's own expiry; may be `Infinity`
   */
  readonly writeIf: (
    key: string,
    version: Version | undefined,
    entry: Entry.Entry | undefined,
    ttl: number
  ) => Effect.Effect<boolean | Version | undefined, AdapterError>
  /** The store's clock in epoch milliseconds, where it is known without a request. Otherwise the client's clock is used. */
  readonly now?: (() => number) | undefined
}

/** The number of attempts when other writers are faster, and the pauses between them. */
export interface Retries {
  /** Attempts in all. Default 24. */
  readonly attempts?: number | undefined
  /** The longest first pause, in milliseconds. It doubles, and each pause is a random part of it. Default 2. */
  readonly base?: number | undefined
  /** The longest pause, in milliseconds. Default 200. */
  readonly cap?: number | undefined
}

/** The record of a lease as this process wrote it. */
interface OwnRecord<Version> extends VersionedEntry<Version> {
  readonly key: string
}

/** The leases whose records are remembered. For further ones the record is read first. */
const maxRemembered = 256

const grant = (): Token => Token(crypto.randomUUID())

/** The entry; `undefined` if all of it has ended, and the record is then removed. */
const unlessOver = (entry: Entry.Entry | undefined, now: number): Entry.Entry | undefined =>
  entry !== undefined && now < Entry.endsAt(entry) ? entry : undefined

type Decide<A> = (entry: Entry.Entry | undefined, now: number) => Entry.Move<A>

/** Makes an adapter from a conditional store. */
export const make: {
  <Version>(
    store: ConditionalStore<Version> & { readonly keys: ListingAdapter["keys"] },
    retries?: Retries
  ): ListingAdapter
  <Version>(store: ConditionalStore<Version>, retries?: Retries): Adapter
} = <Version>(store: ConditionalStore<Version>, retries: Retries = {}): ListingAdapter => {
  const { attempts = 24, base = 2, cap = 200 } = retries

  const own = new LRUCache<Token, OwnRecord<Version>>({ max: maxRemembered })

  const remember = (key: string, entry: Entry.Entry | undefined, version: true | Version): void => {
    if (entry?.lease === undefined || version === true) return
    own.set(entry.lease.token, { key, entry, version })
  }

  /** The remembered record, once: the next write replaces it. */
  const recall = (key: string, token: Token | undefined): VersionedEntry<Version> | undefined => {
    const record = token === undefined ? undefined : own.peek(token)
    if (record?.key !== key) return undefined
    own.delete(token!)
    return record
  }

  /** Decides, and writes. Returns `undefined` when another writer was faster; `wrote` is absent where that is not sure. */
  const attempt = Effect.fnUntraced(function* <A>(key: string, found: VersionedEntry<Version>, decide: Decide<A>) {
    const now = found.now ?? store.now?.() ?? (yield* Clock.currentTimeMillis)
    const [answer, next] = decide(found.entry, now)
    if (next === found.entry) return { answer, wrote: false }
    const entry = unlessOver(next, now)
    const ttl = entry === undefined ? 0 : Entry.endsAt(entry) - now
    const version = yield* store.writeIf(key, found.version, entry, ttl)
    if (version === undefined) return { answer, wrote: undefined }
    if (version === false) return undefined
    remember(key, entry, version as true | Version)
    return { answer, wrote: true }
  })

  const loop = Effect.fnUntraced(function* <A>(
    operation: Operation,
    key: string,
    decide: Decide<A>,
    token: Token | undefined
  ) {
    /** The answer of a removal that may have been carried out. */
    let removed: A | undefined
    const known = recall(key, token)
    if (known !== undefined) {
      const done = yield* attempt(key, known, decide)
      // The remembered record may be outdated. Only a write that succeeded proves that it was not.
      if (done?.wrote) return done.answer
    }
    for (let count = 0; count < attempts; count++) {
      if (count > 0) yield* Effect.sleep((yield* Random.next) * Math.min(cap, base * 2 ** count))
      const done = yield* attempt(key, yield* store.read(key), decide)
      if (done?.wrote !== undefined) return removed || done.answer
      if (operation === "delete") removed ||= done?.answer
    }
    return yield* new AdapterError({
      adapter: store.name,
      operation,
      key,
      reason: "Unavailable",
      message: `overtaken by other writers ${attempts} times in a row`
    })
  })

  const move = <A>(
    operation: Operation,
    key: string,
    decide: Decide<A>,
    given: { readonly value?: Value | undefined; readonly token?: Token } = {}
  ): Effect.Effect<A, AdapterError> =>
    Limits.refusal(store, operation, key, given.value) ??
    Effect.mapError(loop(operation, key, decide, given.token), (error) => error.as(operation, key))

  return {
    name: store.name,
    limits: store.limits,
    identity: store.identity,
    acquire: (key, options) => move("acquire", key, (entry, now) => Entry.acquire(entry, now, options, grant)),
    fill: (key, options) => move("fill", key, (entry, now) => Entry.fill(entry, now, options), options),
    abandon: (key, options) =>
      move("abandon", key, (entry, now) => Entry.abandon(entry, now, options), {
        value: options.cause,
        token: options.token
      }),
    renew: (key, options) => move("renew", key, (entry, now) => Entry.renew(entry, now, options), options),
    delete: (key) => move("delete", key, Entry.remove),
    put: (key, options) => move("put", key, (_, now) => Entry.put(now, options), options),
    touch: (key, options) => move("touch", key, (entry, now) => Entry.touch(entry, now, options)),
    read: (key) => move("read", key, (entry, now) => [Entry.read(entry, now), entry]),
    watch: store.watch,
    // Present if the store's is, as the types above say.
    keys: store.keys as ListingAdapter["keys"],
    changes: store.changes,
    pollEvery: store.pollEvery,
    close: store.close
  }
}
