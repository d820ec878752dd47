/**
 * What an object store must do to be the backend of an `ObjectStore`, and what is noted beside its objects.
 */
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import type { Adapter, AdapterError } from "../../contract/Adapter.ts"
import * as Entry from "../../contract/Entry.ts"
import * as EntryRecord from "../EntryRecord.ts"
import * as VersionName from "../VersionName.ts"

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

/** What is noted beside a lease's object, so that neither a listing nor a sweep reads any value. */
export interface Remark {
  /** Epoch milliseconds until which the key has a value or is leased. */
  readonly until: number
  /** Epoch milliseconds from which nothing of the object matters. */
  readonly ends: number
  /** The value's own name, if it has one. */
  readonly version: string | undefined
}

/** The name of the value that an entry keeps under a name of its own. */
export const versionOf = (entry: Entry.Entry | undefined): string | undefined =>
  entry?.kept && VersionName.parse(entry.kept.value)

/** The remark on an entry. */
export const remark = (entry: Entry.Entry | undefined): Notes => {
  const version = versionOf(entry)
  const until = Math.max(entry?.kept ? Entry.keptUntil(entry.kept) : 0, entry?.lease?.until ?? 0)
  return {
    until: String(until),
    ends: String(entry ? Entry.endsAt(entry) : 0),
    ...(version === undefined ? {} : { version })
  }
}

/** The remark that notes tell; nothing when they were not written by this. */
export const remarkOf = (notes: Notes): Remark | undefined => {
  const [until, ends] = [Number(notes["until"]), Number(notes["ends"])]
  return Number.isNaN(until + ends) ? undefined : { until, ends, version: notes["version"] }
}

/** An object that says that there is nothing. */
const emptySize = EntryRecord.encode(undefined).byteLength

const nothing: Remark = { until: 0, ends: 0, version: undefined }

/** What is noted beside a listed lease; nothing where it is gone, or is none of ours. */
export const remarkOn = (bucket: Bucket, object: Listed): Effect.Effect<Remark | undefined, AdapterError> => {
  if (object.size <= emptySize) return Effect.succeed(nothing)
  if (object.notes !== undefined || bucket.notes === undefined) return Effect.succeed(remarkOf(object.notes ?? {}))
  return Effect.map(bucket.notes(object.name), (notes) => notes && remarkOf(notes))
}
