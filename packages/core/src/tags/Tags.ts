/**
 * Tags and their invalidation.
 *
 * A tag has a version: a record at a key of the tag's own, or nothing if it was never invalidated. A value carries its
 * tags with the versions that they had before it was loaded, and is valid while they still have them. So an
 * invalidation lists nothing and deletes nothing, no clocks are compared, and each tag is stored wherever a cluster
 * keeps its key.
 *
 * The versions of given tags are read before the load. Tags that a function derives are known only after it. So every
 * invalidation is first recorded in a log, and then changes the versions. A load remembers the state of the log at its
 * beginning, and reads the versions when it knows its tags. Then it looks for its tags among the invalidations that the
 * log has got since. An invalidation that is not there yet changes a version that the value carries, so the value is
 * invalid from the start. `docs/decisions/tags-by-version.md` gives the reasons.
 */
import * as Effect from "effect/Effect"
import { mostTags, type Tag } from "../codec/Envelope.ts"
import {
  type Adapter,
  AdapterError,
  type AdapterLimits,
  isAdapterError,
  type Lifetime,
  type Snapshot
} from "../contract/Adapter.ts"
import * as Check from "../contract/Check.ts"
import * as InvalidationLog from "./InvalidationLog.ts"
import { retention } from "./InvalidationLog.ts"

const prefix = `${Check.reserved}tag:`

/** The key of a tag's record. */
export const tagKey = (tag: string): string => prefix + tag

/** The tag whose record lies at a key, if it is one. */
export const tagOf = (key: string): string | undefined =>
  key.startsWith(prefix) ? key.slice(prefix.length) : undefined

/** The values of the option `tags`: the tags of every value, or a function that derives them from each. */
export type Input<A> = ReadonlyArray<string> | ((key: string, value: A) => ReadonlyArray<string>)

const none: ReadonlyArray<string> = []

/** True when a value may have tags. */
export const areAny = <A>(input: Input<A> | undefined): boolean =>
  typeof input === "function" || (input?.length ?? 0) > 0

/** The lifetime of a tagged value. It must not outlive the records of its tags, which are kept for 30 days. */
export const bounded = ({ fresh, stale }: Lifetime): Lifetime => {
  if (fresh + stale <= retention) return { fresh, stale }
  return { fresh: Math.min(fresh, retention), stale: Math.min(stale, Math.max(0, retention - fresh)) }
}

const encoder = new TextEncoder()

type Limits = Pick<AdapterLimits, "keyBytes">

/**
 * Checks a tag. Its record has a key, which the adapter must be able to keep.
 *
 * @throws InvalidOption
 */
export const check = ({ keyBytes }: Limits, tag: unknown): string => {
  if (typeof tag !== "string" || tag === "" || !tag.isWellFormed()) {
    throw Check.invalid("tags", tag, "strings that are not empty, without lone surrogates")
  }
  // UTF-8 takes at most three bytes for a UTF-16 unit, so most tags need not be measured.
  if ((prefix.length + tag.length) * 3 <= keyBytes) return tag
  const most = keyBytes - prefix.length
  if (encoder.encode(tag).byteLength <= most) return tag
  throw Check.invalid("tags", `${tag.slice(0, 64)}…`, `tags of at most ${most} bytes, as this adapter keeps them`)
}

/**
 * The tags of a value, without repetitions.
 *
 * @throws InvalidOption
 */
export const of = <A>(limits: Limits, input: Input<A> | undefined, key: string, value: A): ReadonlyArray<string> => {
  if (input === undefined) return none
  const given = typeof input === "function" ? input(key, value) : input
  if (!Array.isArray(given)) throw Check.invalid("tags", given, "an array of strings, or a function that returns one")
  if (given.length === 0) return none
  const tags = [...new Set(given.map((tag) => check(limits, tag)))]
  if (tags.length <= mostTags) return tags
  throw Check.invalid("tags", `${tags.length} tags`, `at most ${mostTags} tags: each is read with every hit`)
}

const decoder = new TextDecoder()

/** The version of a tag, from its record. */
export const versionOf = ({ value }: Snapshot): string => (value === undefined ? "" : decoder.decode(value.bytes))

/** The same failure without the name of a tag's record, which has the tag in it. Of a store of two parts, one is the other's cause. */
const unnamed = (error: AdapterError): AdapterError => {
  const { cause, message, operation } = error
  if (!isAdapterError(cause)) return error.as(operation, undefined)
  return new AdapterError({ ...error, key: undefined, message, cause: unnamed(cause) })
}

const read = (adapter: Adapter, names: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<Snapshot>, AdapterError> =>
  Effect.mapError(
    Effect.forEach(names, (name) => adapter.read(tagKey(name)), { concurrency: "unbounded" }),
    unnamed
  )

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

/** The tags with their present versions. */
export const current = (
  adapter: Adapter,
  names: ReadonlyArray<string>
): Effect.Effect<ReadonlyArray<Tag>, AdapterError> =>
  Effect.map(read(adapter, names), (found) =>
    found.map((snapshot, index) => ({ name: names[index]!, version: versionOf(snapshot) }))
  )

/** A load's knowledge of its tags at its beginning: their versions, or the state of the log of invalidations. */
export type LoadStart =
  | { readonly given: ReadonlyArray<Tag> }
  | { readonly given: undefined; readonly log: InvalidationLog.Log }

/**
 * Reads the state of the tags, which a load has to know before it begins.
 *
 * @param alone true where one request must not wait for another's
 */
export const start = <A>(adapter: Adapter, input: Input<A>, alone: boolean): Effect.Effect<LoadStart, AdapterError> =>
  typeof input === "function"
    ? Effect.map(InvalidationLog.begun(adapter, alone), (log) => ({ given: undefined, log }))
    : Effect.map(current(adapter, input), (given) => ({ given }))

/**
 * The tags with their versions from before the load; `undefined` if one of them may have been invalidated since it
 * began.
 */
export const settle = (
  adapter: Adapter,
  names: ReadonlyArray<string>,
  start: LoadStart
): Effect.Effect<ReadonlyArray<Tag> | undefined, AdapterError> => {
  if (names.length === 0) return Effect.succeed([])
  if (start.given !== undefined) return Effect.succeed(start.given)
  // The versions first: an invalidation that has changed one of them is in the log already.
  return Effect.flatMap(current(adapter, names), (tags) =>
    Effect.map(InvalidationLog.read(adapter), (log) =>
      InvalidationLog.mayHave(log, start.log, names) ? undefined : tags
    )
  )
}

const newVersion = () => ({
  value: { bytes: encoder.encode(crypto.randomUUID().slice(0, 18)) },
  lifetime: { fresh: retention, stale: 0 }
})

/**
 * Invalidates every value that carries one of these tags, and voids the fill of every load whose value will carry one.
 *
 * @param alone true where one request must not wait for another's
 */
export const invalidate = (
  adapter: Adapter,
  tags: ReadonlyArray<string>,
  alone = false
): Effect.Effect<void, AdapterError> =>
  tags.length === 0
    ? Effect.void
    : // The log first: a load that reads the new version must find the invalidation there.
      Effect.andThen(
        InvalidationLog.add(adapter, tags, alone),
        Effect.mapError(
          Effect.forEach(tags, (tag) => adapter.put(tagKey(tag), newVersion()), {
            concurrency: "unbounded",
            discard: true
          }),
          unnamed
        )
      )
