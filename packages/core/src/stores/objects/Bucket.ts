/**
 * What an object store must do to be the backend of an `ObjectStore`, and what is noted beside its objects.
 */
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import { type Adapter, AdapterError } from "../../contract/Adapter.ts"

/** Short texts that a store keeps beside an object and tells without its bytes. */
export type Notes = Readonly<Record<string, string>>

/** An object as it was read. */
export interface Found {
  readonly bytes: Uint8Array
  /** What a conditional write must find unchanged: an ETag. */
  readonly version: string
}

/** An object as a listing tells of it. */
export interface Listed {
  readonly name: string
  readonly version: string | undefined
  readonly size: number
  /** Epoch milliseconds, by the store's clock. */
  readonly modified: number
  /** Where listings tell them; else `notes` is asked, once for each object. */
  readonly notes?: Notes | undefined
}

/** One page of a listing. */
export interface Page {
  readonly objects: ReadonlyArray<Listed>
  /** Where the next page begins; nothing at the end. */
  readonly cursor: string | undefined
}

/**
 * A bucket, whose every call is bounded in time. Of its errors, reason, message and cause are used; the verb and the
 * key are filled in by those who know them.
 */
export interface Bucket extends Pick<Adapter, "name" | "identity" | "pollEvery" | "close"> {
  readonly limits: Omit<Adapter["limits"], "keyBytes">
  /** Reads what the last finished write wrote. */
  readonly get: (name: string) => Effect.Effect<Found | undefined, AdapterError>
  /**
   * Writes if the version is still the one given, or there still is no object (`undefined`), atomically. Answers `false`
   * if not, and else the version that was made, or `true` where the store does not tell.
   */
  readonly putIf: (
    name: string,
    version: string | undefined,
    bytes: Uint8Array,
    notes: Notes
  ) => Effect.Effect<string | boolean, AdapterError>
  /** Writes a name that nobody else writes. */
  readonly put: (name: string, bytes: Uint8Array) => Effect.Effect<void, AdapterError>
  /** Removes; with a version, only that one, where the store can. What is not there is removed. */
  readonly remove: (name: string, version?: string) => Effect.Effect<void, AdapterError>
  /** The objects whose names begin so, in any order. */
  readonly list: (beginning: string, cursor: string | undefined) => Effect.Effect<Page, AdapterError>
  /** What is noted beside an object; nothing when there is none. Not needed where listings tell. */
  readonly notes?: ((name: string) => Effect.Effect<Notes | undefined, AdapterError>) | undefined
  /** Epoch milliseconds by the store's clock, once anything was asked; without it the client's clock is used. */
  readonly now?: (() => number) | undefined
}

/** How often a write is asked that was not decided, before what is there is looked at anew. */
const attempts = 5

/**
 * Asks a conditional write again that was not decided: the store had no time for it, or it met another. Answers `false`
 * where that goes on: nobody can tell who was faster, and whoever was, is there.
 *
 * @param pauseOf milliseconds, the longest first pause after such a failure; it doubles, and half of it at least is
 *   waited. Nothing for any other failure
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

/** So many write at once over the same version; one may. */
const writers = 8

const encoder = new TextEncoder()

/**
 * Tries conditional writes on an object of its own, and removes it. Fails as `Rejected` where the store does not heed
 * them: such a store can keep values (`ValueStore`), not leases.
 */
export const setup = Effect.fnUntraced(function* (bucket: Bucket, prefix: string) {
  const name = `${prefix}/setup/${crypto.randomUUID()}`
  const write = (version: string | undefined, text: string) => bucket.putIf(name, version, encoder.encode(text), {})
  const demand = (held: boolean, message: string) =>
    held
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
      "the store did not answer what was just written"
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

const advice = ": leases cannot be kept here; give another store for them"
