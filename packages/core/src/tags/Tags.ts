/**
 * Tags and their invalidation.
 *
 * A tag has a version: a record at a key of the tag's own, or nothing while it was never invalidated. A value carries its
 * tags with the versions that they had when it was loaded, and is valid while they still have them. So an invalidation
 * lists nothing and deletes nothing, no clocks are compared, and each tag is stored wherever a cluster keeps its key.
 *
 * The tags of a value are known only after its load, but it must get the versions of before the load. An epoch record shows
 * if any tag was invalidated meanwhile; if one was, the ages of the tags' records show which. An invalidation between that
 * look and the fill changes a version that the value carries, so the value is invalid from the start.
 */
import * as Effect from "effect/Effect"
import type { Tag } from "../codec/Envelope.ts"
import type { Adapter, AdapterError, Lifetime, LocalClock, Snapshot } from "../contract/Adapter.ts"
import * as Check from "../contract/Check.ts"

const prefix = `${Check.reserved}tag:`

/** The key of the record that changes with every invalidation of any tag. */
const epochKey = `${Check.reserved}epoch`

/** The key of a tag's record. */
export const tagKey = (tag: string): string => prefix + tag

/** The tag whose record lies at a key, if it is one. */
export const tagOf = (key: string): string | undefined =>
  key.startsWith(prefix) ? key.slice(prefix.length) : undefined

/** The values of the option `tags`: the tags of every value, or a function that derives them from each. */
export type Input<A> = ReadonlyArray<string> | ((key: string, value: A) => ReadonlyArray<string>)

const none: ReadonlyArray<string> = []

/** The time for which the record of a tag is kept, and so the longest life of a tagged value: 30 days, in milliseconds. */
export const retention = 30 * 24 * 60 * 60 * 1_000

/** The lifetime of a tagged value. It must not outlive the records of its tags. */
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
 * The tags of a value, without repetitions.
 *
 * @throws InvalidOption
 */
export const of = <A>(input: Input<A> | undefined, key: string, value: A): ReadonlyArray<string> => {
  if (input === undefined) return none
  const tags = typeof input === "function" ? input(key, value) : input
  if (!Array.isArray(tags)) throw Check.invalid("tags", tags, "an array of strings, or a function that returns one")
  return tags.length === 0 ? none : [...new Set(tags.map(check))]
}

const decoder = new TextDecoder()

/** The version of a tag, from its record. */
export const versionOf = ({ value }: Snapshot): string => (value === undefined ? "" : decoder.decode(value.bytes))

const read = (adapter: Adapter, names: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<Snapshot>, AdapterError> =>
  Effect.forEach(names, (name) => adapter.read(tagKey(name)), { concurrency: "unbounded" })

/** True when the tags still have these versions. They are read at once, in one round trip. */
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

/** The epoch, which is read before a load whose value may have tags. */
export const epoch = (adapter: Adapter): Effect.Effect<string, AdapterError> =>
  Effect.map(adapter.read(epochKey), versionOf)

/** The tags with their present versions. */
export const current = (
  adapter: Adapter,
  names: ReadonlyArray<string>
): Effect.Effect<ReadonlyArray<Tag>, AdapterError> =>
  Effect.map(read(adapter, names), (found) =>
    found.map((snapshot, index) => ({ name: names[index]!, version: versionOf(snapshot) }))
  )

/** The beginning of a load. */
export interface LoadStart {
  readonly epoch: string
  /** When it began, in epoch milliseconds by this process's clock. */
  readonly began: number
}

/** The tags with the versions of before the load; `undefined` if one of them was invalidated since it began. */
export const settle = (
  adapter: Adapter,
  names: ReadonlyArray<string>,
  start: LoadStart,
  clock: LocalClock
): Effect.Effect<ReadonlyArray<Tag> | undefined, AdapterError> =>
  // The versions first: an invalidation after this look has already changed the epoch.
  Effect.flatMap(read(adapter, names), (found) =>
    Effect.map(epoch(adapter), (now) => {
      const took = clock.currentTimeMillisUnsafe() - start.began
      // Ages are whole milliseconds, measured before the reply arrives. In doubt, the invalidation came meanwhile.
      const changed = now !== start.epoch && found.some(({ age, value }) => value !== undefined && age <= took + 1)
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

/** Invalidates every value that carries one of these tags, and voids the fill of every load whose value will carry one. */
export const invalidate = (adapter: Adapter, tags: ReadonlyArray<string>): Effect.Effect<void, AdapterError> =>
  // The epoch first: a load that ends between the two must check its tags.
  Effect.andThen(
    adapter.put(epochKey, newVersion()),
    Effect.forEach(tags, (tag) => adapter.put(tagKey(tag), newVersion()), { concurrency: "unbounded", discard: true })
  )
