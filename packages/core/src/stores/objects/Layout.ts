/**
 * The names of a cache's objects in a bucket, and the notes beside them.
 *
 * The lease of the key `user:1` under the prefix `cache` is the object `cache/leases/user%3A1.lease`. A value that is too
 * large for that object is `cache/values/` and a name of its own. Any character but a letter, a digit or one of
 * `-_.!~*'()` is written as the `%XX` of its UTF-8 bytes, which every store, proxy and listing supports. The ending keeps
 * `..` from being a step upwards, and the empty key from being a folder.
 */
import * as Effect from "effect/Effect"
import type { AdapterError } from "../../contract/Adapter.ts"
import * as Entry from "../../contract/Entry.ts"
import * as EntryRecord from "../EntryRecord.ts"
import * as Versions from "../Versions.ts"
import type { Bucket, Listed, Notes } from "./Bucket.ts"

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
