/**
 * Names of objects for keys of a cache.
 *
 * The lease of the key `user:1` under the prefix `cache` is the object `cache/leases/user%3A1.lease`, a value that is
 * too large to be kept in it `cache/values/` and a name of its own. What is not a letter, a digit or one of `-_.!~*'()`
 * is written as the `%XX` of its UTF-8 bytes: no store, proxy or listing has to know of anything else. The ending keeps
 * `..` from being a step upwards, and the empty key from being a folder.
 */
import * as Effect from "effect/Effect"
import type { AdapterError } from "../../contract/Adapter.ts"
import * as Entry from "../../contract/Entry.ts"
import * as EntryRecord from "../EntryRecord.ts"
import * as VersionName from "../VersionName.ts"
import type { Bucket, Listed, Notes } from "./Bucket.ts"

const leases = "/leases/"
const values = "/values/"
const ending = ".lease"

/** S3 and its kin take names of 1,024 bytes. A byte of a key may become three of them, and a prefix takes some. */
export const keyBytes = 300

/** What is left for a prefix, and a little more. */
export const prefixBytes = 100

/** Whether a prefix is one or more folders of characters that are safe in every store. */
export const isPrefix = (prefix: string): boolean =>
  prefix.length <= prefixBytes && /^[\w!*'()-][\w.!*'()-]*(\/[\w!*'()-][\w.!*'()-]*)*$/.test(prefix)

/** The name of a key's lease. */
export const ofLease = (prefix: string, key: string): string => prefix + leases + encodeURIComponent(key) + ending

/** The name of a value that has a name of its own. */
export const ofValue = (prefix: string, version: string): string => prefix + values + version

/** How the names begin of all values. */
export const beginningOfValues = (prefix: string): string => prefix + values

/** How the names begin of the leases of keys that begin with `start`; nothing where no key can. */
export const beginningOfLeases = (prefix: string, start: string): string | undefined => {
  // An emoji may have been cut in two: what is before it is common to all who begin so.
  const whole = start.replace(/[\uD800-\uDBFF]$/, "")
  return whole.isWellFormed() ? prefix + leases + encodeURIComponent(whole) : undefined
}

/** The key behind the name of a lease; nothing when it is none of ours. */
export const keyOf = (prefix: string, name: string): string | undefined => {
  if (!name.startsWith(prefix + leases) || !name.endsWith(ending)) return undefined
  try {
    return decodeURIComponent(name.slice(prefix.length + leases.length, -ending.length))
  } catch {
    return undefined
  }
}

/** The version behind the name of a value; nothing when it is none of ours. */
export const versionOf = (prefix: string, name: string): string | undefined =>
  name.startsWith(prefix + values) ? name.slice(prefix.length + values.length) : undefined

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
export const versionIn = (entry: Entry.Entry | undefined): string | undefined =>
  entry?.kept && VersionName.parse(entry.kept.value)

/** The remark on an entry. */
export const remark = (entry: Entry.Entry | undefined): Notes => {
  const version = versionIn(entry)
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
