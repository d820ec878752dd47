/**
 * For object stores that write if unchanged: S3, R2 and similar ones.
 *
 * The lease of a key is a small object that only conditional writes change. A lease also ends by such a write, never by a
 * delete, whose condition some stores ignore. A small value is kept in that object, so a hit is one read. A larger one has
 * an object of its own, written once under a name that nothing else ever has. Granting, renewing and ending a lease never
 * write it again. It is removed when its name is overwritten.
 */
import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { AdapterError, AdapterLimits, ListingAdapter } from "../../contract/Adapter.ts"
import * as Check from "../../contract/Check.ts"
import * as Limits from "../../contract/Limits.ts"
import * as ConditionalStore from "../ConditionalStore.ts"
import * as EntryRecord from "../EntryRecord.ts"
import * as ValueStore from "../ValueStore.ts"
import type { Bucket, Listed } from "./Bucket.ts"
import * as Objects from "./Bucket.ts"

export { type Bucket, insist, type Listed, type Notes, type Page, type StoredObject, setup } from "./Bucket.ts"

/** Options of `make`. */
export interface Options {
  /** The folder of this cache's objects, as `checkSettings` returns it. */
  readonly prefix: string
  /** Values of up to this many bytes are kept in the object of their lease. */
  readonly inlineBytes: number
}

/** The options that every adapter over a bucket has. */
export interface Settings {
  /**
   * The folder of this cache's objects: letters, digits and `-_.!*'()`, folders separated by `/`, 100 characters at most.
   * Different prefixes never share an object. Default `"cache"`.
   */
  readonly prefix?: string | undefined
  /**
   * Values of up to this many bytes, as they are stored, are kept in the object of their lease, and a hit is one read.
   * For larger ones it is two. Default 65,536; 1 MiB at most.
   */
  readonly inlineBytes?: number | undefined
  /**
   * The delay from which followers begin to poll, where `waitStep` is shorter. Each poll is a read that is billed.
   * Default 250 ms.
   */
  readonly pollEvery?: Duration.Input | undefined
  /**
   * The bound of a request, including repetitions by the client. It is a second more for each MiB of a value.
   * Default 5 seconds.
   */
  readonly commandTimeout?: Duration.Input | undefined
}

const defaults = { inlineBytes: 65_536, pollEvery: 250, commandTimeout: 5_000, grace: 3_600_000 }

const inlineMost = 1_048_576

const graceLeast = 60_000

const prefixOf = (given: string | undefined): string => {
  const prefix = Check.text("prefix", given, "cache")
  if (Objects.isPrefix(prefix)) return prefix
  throw Check.invalid(
    "prefix",
    prefix,
    `letters, digits and -_.!*'(), folders separated by one /, none that begins with a dot, ${Objects.prefixBytes} characters at most`
  )
}

const inlineOf = (given: number | undefined): number => {
  const bytes = Check.integer("inlineBytes", given, { min: 0, default: defaults.inlineBytes })
  if (bytes <= inlineMost) return bytes
  throw Check.invalid("inlineBytes", bytes, `a whole number from 0 to ${inlineMost}`)
}

/**
 * Checks the settings and fills in the defaults. Durations are in milliseconds.
 *
 * @throws InvalidOption
 */
export const checkSettings = ({ inlineBytes, pollEvery, prefix, commandTimeout }: Settings) => ({
  prefix: prefixOf(prefix),
  inlineBytes: inlineOf(inlineBytes),
  pollEvery: Check.duration("pollEvery", pollEvery ?? defaults.pollEvery, { infinite: false }),
  timeout: Check.commandTimeout({ commandTimeout }, defaults.commandTimeout)
})

/**
 * Checks the grace of a sweep: how long an object must have been useless before it is removed, in milliseconds. It must be
 * longer than any request may take. Default 1 hour, or twice `timeout` if that is longer.
 *
 * @throws InvalidOption
 */
export const checkGrace = (grace: Duration.Input | undefined, timeout: number): number =>
  Check.duration("grace", grace ?? Math.max(defaults.grace, 2 * timeout), {
    min: Math.max(graceLeast, 2 * timeout),
    infinite: false
  })

/** The most requests of one verb at once. */
const concurrency = 16

/** The version of a lease's object, and the version of the value that it names. */
interface Version {
  readonly etag: string
  readonly value: string | undefined
}

const limitsOf = ({ limits }: Bucket): AdapterLimits => ({ ...limits, keyBytes: Objects.keyBytes })

/** The leases, each an object that only conditional writes change. */
const leasesOf = (bucket: Bucket, prefix: string): ConditionalStore.ConditionalStore<Version> => {
  const discard = (version: string | undefined): Effect.Effect<void> =>
    version === undefined ? Effect.void : Effect.ignore(bucket.remove(Objects.ofValue(prefix, version)))

  return {
    name: bucket.name,
    limits: limitsOf(bucket),
    identity: bucket.identity,
    now: bucket.now,
    close: bucket.close,
    pollEvery: bucket.pollEvery,
    read: (key) =>
      Effect.map(bucket.get(Objects.ofLease(prefix, key)), (found) => {
        if (found === undefined) return { entry: undefined, version: undefined }
        const entry = EntryRecord.decode(found.bytes)
        return { entry, version: { etag: found.version, value: Objects.versionIn(entry) } }
      }),
    writeIf: (key, version, entry) => {
      const name = Objects.ofLease(prefix, key)
      const value = Objects.versionIn(entry)
      const written = bucket.putIf(name, version?.etag, EntryRecord.encode(entry), Objects.notesOf(entry))
      return Effect.flatMap(written, (made) => {
        if (made === false || made === undefined) return Effect.succeed(made)
        const answer = made === true ? true : { etag: made, value }
        return Effect.as(discard(version?.value === value ? undefined : version?.value), answer)
      })
    },
    keys: (start) => keysOf(bucket, prefix, start)
  }
}

/** The values that are too large for the objects of their leases. */
const valuesOf = (bucket: Bucket, prefix: string): ValueStore.ValueStore => ({
  name: bucket.name,
  valueBytes: bucket.limits.valueBytes,
  get: (version) => Effect.map(bucket.get(Objects.ofValue(prefix, version)), (found) => found?.bytes),
  set: (version, bytes) => bucket.put(Objects.ofValue(prefix, version), bytes),
  delete: (version) => bucket.remove(Objects.ofValue(prefix, version))
})

/** A key has one object from its first lease to its sweep, so a listing cannot miss it. */
const keysOf = (bucket: Bucket, prefix: string, start: string): Stream.Stream<string, AdapterError> => {
  const beginning = Objects.beginningOfLeases(prefix, start)
  if (beginning === undefined) return Stream.empty
  const page = Effect.fnUntraced(function* (cursor: string | undefined) {
    const found = yield* bucket.list(beginning, cursor)
    const now = bucket.now?.() ?? (yield* Clock.currentTimeMillis)
    const keys = yield* Effect.forEach(
      found.objects,
      (object) => {
        const key = Objects.keyOf(prefix, object.name)
        if (key === undefined || !key.startsWith(start)) return Effect.succeed([])
        return Effect.map(Objects.readNotes(bucket, object), (notes) =>
          notes !== undefined && now < notes.until ? [key] : []
        )
      },
      { concurrency }
    )
    const next = found.cursor === undefined ? Option.none<string>() : Option.some(found.cursor)
    return [keys.flat(), next] as const
  })
  return Stream.mapError(Stream.paginate(undefined as string | undefined, page), (error) => error.as("keys", undefined))
}

/** Makes an adapter from a bucket. */
export const make = (bucket: Bucket, { inlineBytes, prefix }: Options): ListingAdapter => {
  const store = leasesOf(bucket, prefix)
  const leases = ConditionalStore.make(store)
  const adapter = ValueStore.withLeases(valuesOf(bucket, prefix), leases, { inlineBytes, leasesDiscard: true })
  return {
    ...adapter,
    identity: bucket.identity,
    keys: store.keys!,
    deleteMany: (keys) =>
      Limits.refusalOfAny(adapter, "deleteMany", keys) ??
      Effect.map(Effect.forEach(keys, adapter.delete, { concurrency }), (existed) => existed.filter(Boolean).length)
  }
}

/** The result of a sweep. */
export interface Swept {
  /** Objects examined, leases and values. */
  readonly looked: number
  /** Objects removed. */
  readonly removed: number
}

/** The most names of values remembered at a time. If there are more, the sweep lists the leases several times. */
const maxRemembered = 250_000

/**
 * Removes leases that have ended and values that no lease names. May run at any time, beside any other call.
 *
 * A lease's object is removed only when all of it has been over for the grace, and only in the version that was seen,
 * where the store respects a condition on a delete. Where it does not, a lease that is granted between the read and the
 * delete is lost: its load answers its callers and is not kept.
 *
 * @param grace milliseconds for which an object must have been useless; longer than any request may take
 */
export const sweep = Effect.fnUntraced(function* (
  bucket: Bucket,
  { grace, most = maxRemembered, prefix }: { readonly prefix: string; readonly grace: number; readonly most?: number }
): Effect.fn.Return<Swept, AdapterError> {
  let [looked, removed] = [0, 0]
  let before: number | undefined
  /** Values written before the grace, less those that a lease names. A value gets its name at once or never. */
  const unnamed = new Set<string>()

  /** Collects the values of some pages, and returns the beginning of the next page. */
  const collect = Effect.fnUntraced(function* (cursor: string | undefined) {
    let next = cursor
    do {
      const page = yield* bucket.list(Objects.beginningOfValues(prefix), next)
      before ??= (bucket.now?.() ?? (yield* Clock.currentTimeMillis)) - grace
      looked += page.objects.length
      for (const { modified, name } of page.objects) {
        const version = Objects.versionOf(prefix, name)
        if (version !== undefined && modified < before) unnamed.add(version)
      }
      next = page.cursor
    } while (next !== undefined && unnamed.size < most)
    return next
  })

  const visit = (object: Listed) => {
    const old = object.modified < before!
    if (Objects.keyOf(prefix, object.name) === undefined || !(old || unnamed.size > 0)) return Effect.void
    return Effect.flatMap(Objects.readNotes(bucket, object), (notes) => {
      if (notes === undefined) return Effect.void
      if (!old || notes.ends >= before!) {
        if (notes.version !== undefined) unnamed.delete(notes.version)
        return Effect.void
      }
      removed++
      return bucket.remove(object.name, object.version)
    })
  }

  /** Visits all leases: removes those that have ended, and deletes the values that they name from `unnamed`. */
  const visitLeases = Effect.fnUntraced(function* (counts: boolean) {
    let cursor: string | undefined
    do {
      const page = yield* bucket.list(Objects.beginningOfLeases(prefix, "")!, cursor)
      if (counts) looked += page.objects.length
      yield* Effect.forEach(page.objects, visit, { concurrency, discard: true })
      cursor = page.cursor
    } while (cursor !== undefined)
  })

  const discard = (version: string) => bucket.remove(Objects.ofValue(prefix, version))

  let cursor: string | undefined
  let first = true
  do {
    cursor = yield* collect(cursor)
    yield* visitLeases(first)
    first = false
    yield* Effect.forEach(unnamed, discard, { concurrency, discard: true })
    removed += unnamed.size
    unnamed.clear()
  } while (cursor !== undefined)
  return { looked, removed }
})
