/**
 * For backends whose only atomic move is "write if unchanged": S3, R2, Memcached `gets`/`cas`.
 *
 * Two methods become a whole `Adapter`: `Entry` is run in a loop of read, decide and write
 * that starts again when another writer was faster. A hit costs one read and no write.
 *
 * A write whose reply was lost may have happened. `acquire` asked again finds its own lease;
 * a `fill` asked again finds its lease ended and answers `false`, though its value is there.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import { type Adapter, AdapterError, type ListingAdapter, type Operation, Token, type Value } from "./Adapter.ts"
import * as Entry from "./Entry.ts"
import * as Limit from "./Limit.ts"

/** What was read of a key, and the version that a write must find unchanged. */
export interface Found<Version> {
  /** Nothing when there is nothing, or what is there cannot be read (see `EntryRecord.decode`). */
  readonly entry: Entry.Entry | undefined
  /** Nothing when there is no record at all. */
  readonly version: Version | undefined
  /** The store's own clock in epoch milliseconds, where the reply tells it; else the client's clock is used. */
  readonly now?: number | undefined
}

/** A backend that writes if unchanged. */
export interface ConditionalStore<Version = string>
  extends Pick<Adapter, "name" | "limits" | "identity" | "watch" | "keys" | "changes" | "close"> {
  readonly read: (key: string) => Effect.Effect<Found<Version>, AdapterError>
  /**
   * Writes the entry, or removes it when there is none, if the version is still the one that was read
   * (`undefined`: if there still is no record), and answers whether it did. A store that cannot remove
   * conditionally writes an empty record instead (`EntryRecord.encode(undefined)`).
   *
   * @param ttl milliseconds after which nothing of the entry matters, for the store's own expiry; may be `Infinity`
   */
  readonly writeIf: (
    key: string,
    version: Version | undefined,
    entry: Entry.Entry | undefined,
    ttl: number
  ) => Effect.Effect<boolean, AdapterError>
}

/** How often a move that was overtaken starts again. */
export interface Retries {
  /** Attempts in all. Default 24. */
  readonly attempts?: number | undefined
  /** The longest first pause, in milliseconds; it doubles, and each pause is a random part of it. Default 2. */
  readonly base?: number | undefined
  /** The longest pause, in milliseconds. Default 200. */
  readonly cap?: number | undefined
}

const grant = (): Token => Token(crypto.randomUUID())

/** Keeps no corpse: an entry of which nothing lives any more is removed. */
const alive = (entry: Entry.Entry | undefined, now: number): Entry.Entry | undefined =>
  entry !== undefined && now < Entry.endsAt(entry) ? entry : undefined

/** The adapter that a conditional store becomes. */
export const make: {
  <Version>(
    store: ConditionalStore<Version> & { readonly keys: ListingAdapter["keys"] },
    retries?: Retries
  ): ListingAdapter
  <Version>(store: ConditionalStore<Version>, retries?: Retries): Adapter
} = <Version>(store: ConditionalStore<Version>, retries: Retries = {}): ListingAdapter => {
  const { attempts = 24, base = 2, cap = 200 } = retries

  const loop = Effect.fnUntraced(function* <A>(
    operation: Operation,
    key: string,
    decide: (entry: Entry.Entry | undefined, now: number) => Entry.Move<A>
  ) {
    for (let attempt = 0; attempt < attempts; attempt++) {
      if (attempt > 0) yield* Effect.sleep((yield* Random.next) * Math.min(cap, base * 2 ** attempt))
      const found = yield* store.read(key)
      const now = found.now ?? (yield* Clock.currentTimeMillis)
      const [answer, next] = decide(found.entry, now)
      if (next === found.entry) return answer
      const entry = alive(next, now)
      const ttl = entry === undefined ? 0 : Entry.endsAt(entry) - now
      if (yield* store.writeIf(key, found.version, entry, ttl)) return answer
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
    value: Value | undefined,
    decide: (entry: Entry.Entry | undefined, now: number) => Entry.Move<A>
  ): Effect.Effect<A, AdapterError> => Limit.refusal(store, operation, key, value) ?? loop(operation, key, decide)

  return {
    name: store.name,
    limits: store.limits,
    identity: store.identity,
    acquire: (key, options) =>
      move("acquire", key, undefined, (entry, now) => Entry.acquire(entry, now, options, grant)),
    fill: (key, options) => move("fill", key, options.value, (entry, now) => Entry.fill(entry, now, options)),
    abandon: (key, options) => move("abandon", key, options.cause, (entry, now) => Entry.abandon(entry, now, options)),
    renew: (key, options) => move("renew", key, undefined, (entry, now) => Entry.renew(entry, now, options)),
    delete: (key) => move("delete", key, undefined, Entry.remove),
    put: (key, options) => move("put", key, options.value, (_, now) => Entry.put(now, options)),
    touch: (key, options) => move("touch", key, undefined, (entry, now) => Entry.touch(entry, now, options)),
    read: (key) => move("read", key, undefined, (entry, now) => [Entry.read(entry, now), entry]),
    watch: store.watch,
    // Present if the store's is, as the types above say.
    keys: store.keys as ListingAdapter["keys"],
    changes: store.changes,
    close: store.close
  }
}
