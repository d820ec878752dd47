/**
 * Invalidation of many keys at once: listed, by tag, by pattern. Every one voids the loads that are under way.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { AdapterError } from "../contract/Adapter.ts"
import { CacheDeleteFailed, CacheGetFailed, CacheSetFailed, Unsupported } from "../contract/CacheLockingError.ts"
import type { Engine } from "../flight/Engine.ts"
import * as Tags from "../tags/Tags.ts"
import type { KeyPattern } from "./KeyPattern.ts"

/** How many keys are deleted at a time where keys are listed first. */
const page = 500

/** How many deletes are under way where the adapter has no batch. */
const concurrency = 32

/** Deletes keys, and answers how many had a value. */
export const deleteMany = (
  { adapter, counters }: Engine,
  keys: ReadonlyArray<string>
): Effect.Effect<number, CacheDeleteFailed> => {
  if (keys.length === 0) return Effect.succeed(0)
  counters.deletes += keys.length
  const deleted =
    adapter.deleteMany?.(keys) ??
    Effect.map(
      Effect.forEach(keys, (key) => adapter.delete(key), { concurrency }),
      (existed) => existed.filter(Boolean).length
    )
  const context = { phase: "delete", adapter: adapter.name } as const
  return Effect.mapError(deleted, (cause) =>
    counters.adapterErred(new CacheDeleteFailed({ context, message: cause.message, cause }))
  )
}

/** Makes every value with one of these tags invalid, wherever it is. */
export const invalidateTags = (
  { adapter, counters }: Engine,
  tags: ReadonlyArray<string>
): Effect.Effect<void, CacheSetFailed> =>
  Effect.mapError(Tags.invalidate(adapter, tags), (cause) =>
    counters.adapterErred(
      new CacheSetFailed({ context: { phase: "put", adapter: adapter.name }, message: cause.message, cause })
    )
  )

/**
 * Deletes the keys that match: those that have a value, and those that are being loaded. Answers how many were
 * asked to go.
 */
export const deleteWhere = (
  engine: Engine,
  pattern: KeyPattern
): Effect.Effect<number, CacheDeleteFailed | CacheGetFailed | Unsupported> => {
  const { adapter, counters } = engine
  const context = { phase: "keys", adapter: adapter.name } as const
  if (adapter.keys === undefined) {
    const message = `${adapter.name} cannot list its keys; give values a tag and invalidate that`
    return Effect.failSync(() => counters.erred(new Unsupported({ context, message })))
  }
  const listed = Stream.mapError(adapter.keys(pattern.prefix), (cause: AdapterError) =>
    counters.adapterErred(new CacheGetFailed({ context, message: cause.message, cause }))
  )
  return listed.pipe(
    Stream.filter((key) => !Tags.isOwn(key) && pattern.matches(key)),
    Stream.grouped(page),
    Stream.mapEffect((keys) => Effect.as(deleteMany(engine, [...keys]), keys.length)),
    Stream.runFold(
      () => 0,
      (sum, count) => sum + count
    )
  )
}
