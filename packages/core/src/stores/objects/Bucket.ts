/**
 * The object store behind an `ObjectStore`: its interface, and a trial of the conditions that leases rely on.
 */
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import { type Adapter, AdapterError } from "../../contract/Adapter.ts"

/** Short texts that a store keeps beside an object and returns without its bytes. */
export type Notes = Readonly<Record<string, string>>

/** An object as it was read. */
export interface StoredObject {
  readonly bytes: Uint8Array
  /** The ETag, which a conditional write must find unchanged. */
  readonly version: string
}

/** An object in a listing. */
export interface Listed {
  readonly name: string
  readonly version: string | undefined
  readonly size: number
  /** Epoch milliseconds by the store's clock. */
  readonly modified: number
  /** Present where listings contain them. Otherwise `notes` is called once for each object. */
  readonly notes?: Notes | undefined
}

/** One page of a listing. */
export interface Page {
  readonly objects: ReadonlyArray<Listed>
  /** The beginning of the next page; `undefined` on the last page. */
  readonly cursor: string | undefined
}

/**
 * A bucket. Every call must be bounded in time. Of its errors only reason, message and cause are used; `ObjectStore` adds
 * the verb and the key.
 */
export interface Bucket extends Pick<Adapter, "name" | "identity" | "pollEvery" | "close"> {
  readonly limits: Omit<Adapter["limits"], "keyBytes">
  /** Reads an object as the last finished write left it. */
  readonly get: (name: string) => Effect.Effect<StoredObject | undefined, AdapterError>
  /**
   * Writes atomically if the version is still the given one (`undefined`: if there still is no object). Answers `false` if
   * it is not, else the version that was made, or `true` where the store does not return one.
   */
  readonly putIf: (
    name: string,
    version: string | undefined,
    bytes: Uint8Array,
    notes: Notes
  ) => Effect.Effect<string | boolean, AdapterError>
  /** Writes an object whose name nobody else writes. */
  readonly put: (name: string, bytes: Uint8Array) => Effect.Effect<void, AdapterError>
  /** Removes an object; with a version, only that one, where the store can. Succeeds where there is none. */
  readonly remove: (name: string, version?: string) => Effect.Effect<void, AdapterError>
  /** The objects whose names have this beginning, in any order. */
  readonly list: (beginning: string, cursor: string | undefined) => Effect.Effect<Page, AdapterError>
  /** The notes of an object; `undefined` when there is none. Not needed where listings contain them. */
  readonly notes?: ((name: string) => Effect.Effect<Notes | undefined, AdapterError>) | undefined
  /** The store's clock in epoch milliseconds, known after the first request. Without it the client's clock is used. */
  readonly now?: (() => number) | undefined
}

/** Attempts at an undecided write before the object is read again. */
const attempts = 5

/**
 * Repeats a conditional write that was not decided, because the store was busy or another write was under way. Answers
 * `false` if no attempt was decided: another writer may have been faster, and the caller reads its object.
 *
 * @param pauseOf the longest first pause after such a failure, in milliseconds, which doubles and of which at least half
 *   is waited; `undefined` for any other failure
 */
export const insist = Effect.fnUntraced(function* <A>(
  write: Effect.Effect<A, AdapterError>,
  pauseOf: (failure: AdapterError) => number | undefined
): Effect.fn.Return<A | false, AdapterError> {
  for (let attempt = 0; ; attempt++) {
    const made = yield* Effect.result(write)
    if (Result.isSuccess(made)) return made.success
    const pause = pauseOf(made.failure)
    if (pause === undefined) return yield* made.failure
    if (attempt === attempts - 1) return false
    yield* Effect.sleep((0.5 + (yield* Random.next) / 2) * pause * 2 ** attempt)
  }
})

/** The writes that the trial makes at once over the same version. One may succeed. */
const writers = 8

const encoder = new TextEncoder()

/**
 * Tries the conditional writes that leases rely on, with an object of its own that is then removed. A store that
 * ignores a condition answers like one that respects it, and every caller would lead. Fails as `Rejected` for such a
 * store: it can keep values (`ValueStore`), not leases.
 */
export const setup = Effect.fnUntraced(function* (bucket: Bucket, prefix: string) {
  const name = `${prefix}/setup/${crypto.randomUUID()}`
  const write = (version: string | undefined, text: string) => bucket.putIf(name, version, encoder.encode(text), {})
  const demand = (holds: boolean, message: string) =>
    holds
      ? Effect.void
      : new AdapterError({ adapter: bucket.name, operation: "put", reason: "Rejected", message: `${message}${advice}` })

  const probe = Effect.gen(function* () {
    yield* demand(
      (yield* write(undefined, "first")) !== false,
      "the store refused to write an object that was not there"
    )
    yield* demand((yield* write(undefined, "second")) === false, "the store does not heed If-None-Match on a write")
    const first = yield* bucket.get(name)
    yield* demand(
      first !== undefined && new TextDecoder().decode(first.bytes) === "first",
      "the store did not return what was just written"
    )
    const seen = first!.version
    yield* demand((yield* write(seen, "third")) !== false, "the store refused a write whose If-Match holds")
    yield* demand((yield* write(seen, "fourth")) === false, "the store does not heed If-Match on a write")
    const third = yield* bucket.get(name)
    const race = Array.from({ length: writers }, (_, index) => write(third?.version ?? seen, `race ${index}`))
    const winners = (yield* Effect.all(race, { concurrency: writers })).filter((made) => made !== false)
    yield* demand(winners.length === 1, `of ${writers} writes at once over one version, ${winners.length} succeeded`)
  })
  yield* Effect.ensuring(probe, Effect.ignore(bucket.remove(name)))
})

const advice = ". Leases cannot be kept here: give another store for them"
