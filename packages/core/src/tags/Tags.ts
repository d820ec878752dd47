/**
 * Tags, and their invalidation.
 *
 * A tag has a version: a record at a key of the tag's own, or nothing while it was never invalidated. A value carries
 * its tags with the versions that they had when it was loaded, and is valid while they still have them. So nothing
 * is listed and nothing is deleted when a tag is invalidated, no clock is compared, and each tag lies wherever a cluster
 * keeps it.
 *
 * Which versions a value gets is decided after its load, for only then its tags are known, and must be those of before. An
 * epoch tells whether any tag was invalidated meanwhile; if one was, the ages of the tags tell which. What comes
 * between that look and the fill changes a version that the value carries, so its fill is invalid at birth.
 */
import * as Effect from "effect/Effect"
import type { Tag } from "../codec/Envelope.ts"
import type { Adapter, AdapterError, Lifetime, LocalClock, Snapshot } from "../contract/Adapter.ts"
import * as Check from "../contract/Check.ts"

/** Every key of this library's own records begins with this character, which no cache key may begin with. */
export const reserved = "\u0001"

const prefix = `${reserved}tag:`

/** The key of the record that changes with every invalidation of any tag. */
const epochKey = `${reserved}epoch`

/** The key of a tag's record. */
export const tagKey = (tag: string): string => prefix + tag

/** The tag whose record lies at a key, if it is one. */
export const tagOf = (key: string): string | undefined =>
  key.startsWith(prefix) ? key.slice(prefix.length) : undefined

/** True when a key is one of this library's own records. */
export const isOwn = (key: string): boolean => key.startsWith(reserved)

/** What `tags` accepts: the tags of every value, or a function that tells those of each. */
export type Input<A> = ReadonlyArray<string> | ((key: string, value: A) => ReadonlyArray<string>)

const none: ReadonlyArray<string> = []

/** How long a tag's record is kept, and so the longest that a tagged value lives: 30 days, in milliseconds. */
export const retention = 30 * 24 * 60 * 60 * 1_000

/** A tagged value is not to outlive the records by which it is judged. */
export const bounded = ({ fresh, stale }: Lifetime): Lifetime => {
  if (fresh + stale <= retention) return { fresh, stale }
  return { fresh: Math.min(fresh, retention), stale: Math.min(stale, Math.max(0, retention - fresh)) }
}

/**
 * Checks a tag.
 *
 * @throws InvalidOption
 */
export const check = (tag: unknown): string => {
  if (typeof tag === "string" && tag !== "" && tag.isWellFormed()) return tag
  throw Check.invalid("tags", tag, "strings that are not empty, without lone surrogates")
}

/**
 * The tags of a value, each once.
 *
 * @throws InvalidOption
 */
export const of = <A>(input: Input<A> | undefined, key: string, value: A): ReadonlyArray<string> => {
  if (input === undefined) return none
  const tags = typeof input === "function" ? input(key, value) : input
  if (!Array.isArray(tags)) throw Check.invalid("tags", tags, "an array of strings, or a function that gives one")
  return tags.length === 0 ? none : [...new Set(tags.map(check))]
}

const decoder = new TextDecoder()

/** A tag's version, as its record tells. */
export const versionOf = ({ value }: Snapshot): string => (value === undefined ? "" : decoder.decode(value.bytes))

const read = (adapter: Adapter, names: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<Snapshot>, AdapterError> =>
  Effect.forEach(names, (name) => adapter.read(tagKey(name)), { concurrency: "unbounded" })

/** Whether tags still have these versions. One round trip: they are read at once. */
export const valid = (adapter: Adapter, tags: ReadonlyArray<Tag>): Effect.Effect<boolean, AdapterError> =>
  tags.length === 0
    ? Effect.succeed(true)
    : Effect.map(
        read(
          adapter,
          tags.map((tag) => tag.name)
        ),
        (found) => found.every((snapshot, index) => versionOf(snapshot) === tags[index]?.version)
      )

/** The epoch, to be read before a load whose value may have tags. */
export const epoch = (adapter: Adapter): Effect.Effect<string, AdapterError> =>
  Effect.map(adapter.read(epochKey), versionOf)

/** Tags with the versions that they have now. */
export const current = (
  adapter: Adapter,
  names: ReadonlyArray<string>
): Effect.Effect<ReadonlyArray<Tag>, AdapterError> =>
  Effect.map(read(adapter, names), (found) =>
    found.map((snapshot, index) => ({ name: names[index]!, version: versionOf(snapshot) }))
  )

/** What is known of a load when its tags are to be given their versions. */
export interface Load {
  readonly epoch: string
  /** When it began, in epoch milliseconds by this process's clock. */
  readonly began: number
}

/** The tags of a load with their versions; `undefined` if one of them was invalidated since it began. */
export const settle = (
  adapter: Adapter,
  names: ReadonlyArray<string>,
  load: Load,
  clock: LocalClock
): Effect.Effect<ReadonlyArray<Tag> | undefined, AdapterError> =>
  // The versions first: an invalidation that comes after this look has changed the epoch before.
  Effect.flatMap(read(adapter, names), (found) =>
    Effect.map(epoch(adapter), (now) => {
      const took = clock.currentTimeMillisUnsafe() - load.began
      // Ages are whole milliseconds, told by the store before they arrive: in doubt it was meanwhile.
      const changed = now !== load.epoch && found.some(({ age, value }) => value !== undefined && age <= took + 1)
      return changed
        ? undefined
        : found.map((snapshot, index) => ({ name: names[index]!, version: versionOf(snapshot) }))
    })
  )

const encoder = new TextEncoder()

const newVersion = () => ({
  value: { bytes: encoder.encode(crypto.randomUUID().slice(0, 18)) },
  lifetime: { fresh: retention, stale: 0 }
})

/** Makes every value that carries one of these tags invalid, and the fill of every load of one that has begun. */
export const invalidate = (adapter: Adapter, tags: ReadonlyArray<string>): Effect.Effect<void, AdapterError> =>
  // The epoch first: a load that ends between the two must look closer.
  Effect.andThen(
    adapter.put(epochKey, newVersion()),
    Effect.forEach(tags, (tag) => adapter.put(tagKey(tag), newVersion()), { concurrency: "unbounded", discard: true })
  )
