/**
 * For object stores that write if unchanged: S3, R2 and their kin.
 *
 * The lease of a key is a small object that only conditional writes change; a lease ends by such a write too, never by
 * a delete, whose condition some stores ignore. A small value is kept in that object: a hit is one read. A larger one
 * has an object of its own that is written once, under a name that nothing else ever has, so that granting, renewing
 * and ending a lease never writes it again. It goes when its name is written over.
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
import * as Layout from "./Layout.ts"

export { type Bucket, type Found, insist, type Listed, type Notes, type Page, setup } from "./Bucket.ts"

/** How a bucket is used. */
export interface Options {
  /** The folder of this cache's objects; see `isPrefix`. */
  readonly prefix: string
  /** Values of up to so many bytes are kept in the lease's object. */
  readonly inlineBytes: number
}

/** What an adapter over a bucket can be told, whichever store it is. */
export interface Settings {
  /**
   * The folder of this cache's objects: letters, digits and `-_.!*'()`, folders parted by `/`, 100 characters at most.
   * Two prefixes never meet. Default `"cache"`.
   */
  readonly prefix?: string | undefined
  /**
   * Values of up to so many bytes, as they are stored, are kept beside their lease: one read for a hit. Larger ones
   * take two. Default 65,536; 1 MiB at most.
   */
  readonly inlineBytes?: number | undefined
  /**
   * The delay from which followers begin to poll, where `waitStep` is shorter: each time is a read that is billed.
   * Default 250 ms.
   */
  readonly pollEvery?: Duration.Input | undefined
  /** How long any request may take, repetitions by the client included; a second more for each MiB of a value. Default 5 seconds. */
  readonly commandTimeout?: Duration.Input | undefined
}

const defaults = { inlineBytes: 65_536, pollEvery: 250, commandTimeout: 5_000, grace: 3_600_000 }

const inlineMost = 1_048_576

const graceLeast = 60_000

const prefixOf = (given: string | undefined): string => {
  const prefix = Check.text("prefix", given, "cache")
  if (Layout.isPrefix(prefix)) return prefix
  throw Check.invalid(
    "prefix",
    prefix,
    `letters, digits and -_.!*'(), folders parted by one /, none that begins with a dot, ${Layout.prefixBytes} characters at most`
  )
}

const inlineOf = (given: number | undefined): number => {
  const bytes = Check.integer("inlineBytes", given, { min: 0, default: defaults.inlineBytes })
  if (bytes <= inlineMost) return bytes
  throw Check.invalid("inlineBytes", bytes, `a whole number from 0 to ${inlineMost}`)
}

/**
 * The settings, checked, with their defaults; durations in milliseconds.
 *
 * @throws InvalidOption
 */
export const checkSettings = ({ inlineBytes, pollEvery, prefix, commandTimeout }: Settings) => ({
  prefix: prefixOf(prefix),
  inlineBytes: inlineOf(inlineBytes),
  pollEvery: Check.duration("pollEvery", pollEvery ?? defaults.pollEvery, { infinite: false }),
  timeout: Check.duration("commandTimeout", commandTimeout ?? defaults.commandTimeout, { min: 1, infinite: false })
})

/**
 * How long an object must have been of no use before a sweep takes it, in milliseconds: longer than any request may take.
 *
 * @throws InvalidOption
 */
export const checkGrace = (grace: Duration.Input | undefined, timeout: number): number =>
  Check.duration("grace", grace ?? Math.max(defaults.grace, 2 * timeout), {
    min: Math.max(graceLeast, 2 * timeout),
    infinite: false
  })

/** So many requests of one verb at once. */
const concurrency = 16

/** What a lease's object was when it was read, and the value that it named. */
interface Version {
  readonly etag: string
  readonly value: string | undefined
}

const limitsOf = ({ limits }: Bucket): AdapterLimits => ({ ...limits, keyBytes: Layout.keyBytes })

/** Leases, each an object that only conditional writes change. */
const leasesOf = (bucket: Bucket, prefix: string): ConditionalStore.ConditionalStore<Version> => {
  const discard = (version: string | undefined): Effect.Effect<void> =>
    version === undefined ? Effect.void : Effect.ignore(bucket.remove(Layout.ofValue(prefix, version)))

  return {
    name: bucket.name,
    limits: limitsOf(bucket),
    identity: bucket.identity,
    now: bucket.now,
    close: bucket.close,
    pollEvery: bucket.pollEvery,
    read: (key) =>
      Effect.map(bucket.get(Layout.ofLease(prefix, key)), (found) => {
        if (found === undefined) return { entry: undefined, version: undefined }
        const entry = EntryRecord.decode(found.bytes)
        return { entry, version: { etag: found.version, value: Layout.versionIn(entry) } }
      }),
    writeIf: (key, version, entry) => {
      const name = Layout.ofLease(prefix, key)
      const value = Layout.versionIn(entry)
      const written = bucket.putIf(name, version?.etag, EntryRecord.encode(entry), Layout.remark(entry))
      return Effect.flatMap(written, (made) => {
        if (made === false) return Effect.succeed(false)
        const answer = made === true ? true : { etag: made, value }
        return Effect.as(discard(version?.value === value ? undefined : version?.value), answer)
      })
    },
    keys: (start) => keysOf(bucket, prefix, start)
  }
}

/** Values that are too large to be kept beside their leases. */
const valuesOf = (bucket: Bucket, prefix: string): ValueStore.ValueStore => ({
  name: bucket.name,
  valueBytes: bucket.limits.valueBytes,
  get: (version) => Effect.map(bucket.get(Layout.ofValue(prefix, version)), (found) => found?.bytes),
  set: (version, bytes) => bucket.put(Layout.ofValue(prefix, version), bytes),
  delete: (version) => bucket.remove(Layout.ofValue(prefix, version)),
  lasting: true
})

/** A key has one object from its first lease to its sweep: no listing can miss it between two. */
const keysOf = (bucket: Bucket, prefix: string, start: string): Stream.Stream<string, AdapterError> => {
  const beginning = Layout.beginningOfLeases(prefix, start)
  if (beginning === undefined) return Stream.empty
  const page = Effect.fnUntraced(function* (cursor: string | undefined) {
    const found = yield* bucket.list(beginning, cursor)
    const now = bucket.now?.() ?? (yield* Clock.currentTimeMillis)
    const keys = yield* Effect.forEach(
      found.objects,
      (object) => {
        const key = Layout.keyOf(prefix, object.name)
        if (key === undefined || !key.startsWith(start)) return Effect.succeed([])
        return Effect.map(Layout.remarkOn(bucket, object), (noted) =>
          noted !== undefined && now < noted.until ? [key] : []
        )
      },
      { concurrency }
    )
    const next = found.cursor === undefined ? Option.none<string>() : Option.some(found.cursor)
    return [keys.flat(), next] as const
  })
  return Stream.mapError(Stream.paginate(undefined as string | undefined, page), (error) => error.as("keys", undefined))
}

/** The adapter that a bucket becomes. */
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

/** What a sweep did. */
export interface Swept {
  /** Objects looked at: leases and values. */
  readonly looked: number
  /** Objects removed. */
  readonly removed: number
}

/** Names of values that are remembered at a time; of more, a part after the other is looked for among the leases. */
const remembered = 250_000

/**
 * Removes what is over. May run beside anything, and at any time again.
 *
 * @param grace milliseconds for which an object must have been of no use; longer than any request may take
 */
export const sweep = Effect.fnUntraced(function* (
  bucket: Bucket,
  { grace, most = remembered, prefix }: { readonly prefix: string; readonly grace: number; readonly most?: number }
): Effect.fn.Return<Swept, AdapterError> {
  let [looked, removed] = [0, 0]
  let before: number | undefined
  /** Values that were written long ago, less those that a lease names: named at once or never. */
  const unnamed = new Set<string>()

  /** Notes the values of some pages, and answers where the next one begins. */
  const collect = Effect.fnUntraced(function* (cursor: string | undefined) {
    let next = cursor
    do {
      const page = yield* bucket.list(Layout.beginningOfValues(prefix), next)
      before ??= (bucket.now?.() ?? (yield* Clock.currentTimeMillis)) - grace
      looked += page.objects.length
      for (const { modified, name } of page.objects) {
        const version = Layout.versionOf(prefix, name)
        if (version !== undefined && modified < before) unnamed.add(version)
      }
      next = page.cursor
    } while (next !== undefined && unnamed.size < most)
    return next
  })

  const judge = (object: Listed) => {
    const old = object.modified < before!
    if (Layout.keyOf(prefix, object.name) === undefined || !(old || unnamed.size > 0)) return Effect.void
    return Effect.flatMap(Layout.remarkOn(bucket, object), (noted) => {
      if (noted === undefined) return Effect.void
      if (!old || noted.ends >= before!) {
        if (noted.version !== undefined) unnamed.delete(noted.version)
        return Effect.void
      }
      removed++
      return bucket.remove(object.name, object.version)
    })
  }

  /** Goes through all leases, page by page: removes those that are over, and parts the values from those that are named. */
  const part = Effect.fnUntraced(function* (counts: boolean) {
    let cursor: string | undefined
    do {
      const page = yield* bucket.list(Layout.beginningOfLeases(prefix, "")!, cursor)
      if (counts) looked += page.objects.length
      yield* Effect.forEach(page.objects, judge, { concurrency, discard: true })
      cursor = page.cursor
    } while (cursor !== undefined)
  })

  const discard = (version: string) => bucket.remove(Layout.ofValue(prefix, version))

  let cursor: string | undefined
  let first = true
  do {
    cursor = yield* collect(cursor)
    yield* part(first)
    first = false
    yield* Effect.forEach(unnamed, discard, { concurrency, discard: true })
    removed += unnamed.size
    unnamed.clear()
  } while (cursor !== undefined)
  return { looked, removed }
})
