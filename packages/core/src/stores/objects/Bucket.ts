/**
 * The bucket behind an `ObjectStore`: its interface, the names of a cache's objects in it and the notes beside them, and a
 * trial of the conditions that leases rely on.
 *
 * The lease of the key `user:1` under the prefix `cache` is the object `cache/leases/user%3A1.lease`. A value that is too
 * large for that object is `cache/values/` and a name of its own. Any character but a letter, a digit or one of
 * `-_.!~*'()` is written as the `%XX` of its UTF-8 bytes, which every store, proxy and listing supports. The ending keeps
 * `..` from being a step upwards, and the empty key from being a folder.
 */
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import { type Adapter, AdapterError } from "../../contract/Adapter.ts"
import * as Entry from "../../contract/Entry.ts"
import * as EntryRecord from "../EntryRecord.ts"
import * as Versions from "../Versions.ts"

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
   * Writes atomically if the version is still the given one (`undefined`: if there still is no object). Answers `false`
   * if it is not, else the version that was made, or `true` where the store does not return one. Answers `undefined`
   * where it is not, but an earlier attempt, whose reply was lost, may have been carried out.
   */
  readonly putIf: (
    name: string,
    version: string | undefined,
    bytes: Uint8Array,
    notes: Notes
  ) => Effect.Effect<string | boolean | undefined, AdapterError>
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

const leases = "/leases/"
const values = "/values/"
const ending = ".lease"

/** S3 and similar stores allow names of 1,024 bytes. A byte of a key may become three of them; the prefix takes some. */
export const keyBytes = 300

/** The rest, less a margin, is for the prefix. */
export const prefixBytes = 100

/** True when a prefix is one or more folders of characters that are safe in every store. */
export const isPrefix = (prefix: string): boolean =>
  prefix.length <= prefixBytes && /^[\w!*'()-][\w.!*'()-]*(\/[\w!*'()-][\w.!*'()-]*)*$/.test(prefix)

/** The name of a key's lease. */
export const ofLease = (prefix: string, key: string): string => prefix + leases + encodeURIComponent(key) + ending

/** The object name of a version. */
export const ofValue = (prefix: string, version: string): string => prefix + values + version

/** The beginning of the names of all values. */
export const beginningOfValues = (prefix: string): string => prefix + values

/** The beginning of the lease names of keys that begin with `start`; `undefined` where no key can. */
export const beginningOfLeases = (prefix: string, start: string): string | undefined => {
  // `start` may end in the middle of a character. The text before it is common to all such keys.
  const whole = start.replace(/[\uD800-\uDBFF]$/, "")
  return whole.isWellFormed() ? prefix + leases + encodeURIComponent(whole) : undefined
}

/** The key of a lease's name; `undefined` when this library did not write it. */
export const keyOf = (prefix: string, name: string): string | undefined => {
  if (!name.startsWith(prefix + leases) || !name.endsWith(ending)) return undefined
  try {
    return decodeURIComponent(name.slice(prefix.length + leases.length, -ending.length))
  } catch {
    return undefined
  }
}

/** The version of a value's name; `undefined` when this library did not write it. */
export const versionOf = (prefix: string, name: string): string | undefined =>
  name.startsWith(prefix + values) ? name.slice(prefix.length + values.length) : undefined

/** The notes beside a lease's object, so that neither a listing nor a sweep reads any value. */
export interface LeaseNotes {
  /** Epoch milliseconds until which the key has a value or is leased. */
  readonly until: number
  /** Epoch milliseconds from which nothing of the object matters. */
  readonly ends: number
  /** The version, where the value has an object of its own. */
  readonly version: string | undefined
}

/** The version in an entry whose value has an object of its own. */
export const versionIn = (entry: Entry.Entry | undefined): string | undefined =>
  entry?.kept && Versions.parse(entry.kept.value)

/** The notes for an entry. */
export const notesOf = (entry: Entry.Entry | undefined): Notes => {
  const version = versionIn(entry)
  const until = Math.max(entry?.kept ? Entry.keptUntil(entry.kept) : 0, entry?.lease?.until ?? 0)
  return {
    until: String(until),
    ends: String(entry ? Entry.endsAt(entry) : 0),
    ...(version === undefined ? {} : { version })
  }
}

/** The notes as they were written; `undefined` when this library did not write them. */
const parseNotes = (notes: Notes): LeaseNotes | undefined => {
  const [until, ends] = [Number(notes["until"]), Number(notes["ends"])]
  return Number.isNaN(until + ends) ? undefined : { until, ends, version: notes["version"] }
}

/** The size of an object without an entry. */
const emptySize = EntryRecord.encode(undefined).byteLength

const empty: LeaseNotes = { until: 0, ends: 0, version: undefined }

/** The notes of a listed lease; `undefined` when it was removed, or when this library did not write it. */
export const readNotes = (bucket: Bucket, object: Listed): Effect.Effect<LeaseNotes | undefined, AdapterError> => {
  if (object.size <= emptySize) return Effect.succeed(empty)
  if (object.notes !== undefined || bucket.notes === undefined) return Effect.succeed(parseNotes(object.notes ?? {}))
  return Effect.map(bucket.notes(object.name), (notes) => notes && parseNotes(notes))
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
  const write = (version: string | undefined, text: string) =>
    Effect.map(bucket.putIf(name, version, encoder.encode(text), {}), (made) => made ?? false)
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
