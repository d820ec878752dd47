/**
 * Invalidation of many keys at once: of a list, by tag, by pattern. Each also voids the loads that are under way.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { AdapterError } from "../contract/Adapter.ts"
import { CacheDeleteFailed, CacheGetFailed, CacheSetFailed, Unsupported } from "../contract/CacheLockingError.ts"
import { isReserved } from "../contract/Check.ts"
import type { Engine } from "../flight/Engine.ts"
import { onWorkers } from "../options/RequestScope.ts"
import * as Tags from "../tags/Tags.ts"

/** Keys that are deleted at a time where keys are listed first. */
const page = 500

/** Deletes under way at once where the adapter has no `deleteMany`. */
const concurrency = 32

/** Deletes keys; returns the number of those that had a value. */
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
  Effect.mapError(Tags.invalidate(adapter, tags, onWorkers()), (cause) =>
    counters.adapterErred(
      new CacheSetFailed({ context: { phase: "put", adapter: adapter.name }, message: cause.message, cause })
    )
  )

/** Deletes the keys that match, whether they have a value or are being loaded; returns the number of deleted keys. */
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
    Stream.filter((key) => !isReserved(key) && pattern.matches(key)),
    Stream.grouped(page),
    Stream.mapEffect((keys) => Effect.as(deleteMany(engine, [...keys]), keys.length)),
    Stream.runFold(
      () => 0,
      (sum, count) => sum + count
    )
  )
}

// Patterns: `*` stands for any text, `?` for one character, `\` makes the next character itself. Keys are not paths, so
// `/` and a leading dot have no special meaning. A pattern is never turned into a regular expression.

type Part = string | typeof any | typeof one

const any = Symbol("any text")
const one = Symbol("one character")

/** A parsed pattern. */
export interface KeyPattern {
  /** Every key that matches begins with it. */
  readonly prefix: string
  readonly matches: (key: string) => boolean
}

/** Matches every key that begins with a prefix. */
export const startingWith = (prefix: string): KeyPattern => ({ prefix, matches: (key) => key.startsWith(prefix) })

/** Parses a pattern. */
export const parsePattern = (pattern: string): KeyPattern => {
  const parts: Array<Part> = []
  const characters = [...pattern]
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at]!
    if (character === "*") parts.push(any)
    else if (character === "?") parts.push(one)
    else parts.push(character === "\\" ? (characters[++at] ?? character) : character)
  }
  const wild = parts.findIndex((part) => typeof part !== "string")
  const prefix = parts.slice(0, wild === -1 ? parts.length : wild).join("")
  return { prefix, matches: (key) => match(parts, [...key]) }
}

/** Backtracks to the last `*` only, so its time is at most proportional to the product of the lengths. */
const match = (parts: ReadonlyArray<Part>, key: ReadonlyArray<string>): boolean => {
  let part = 0
  let at = 0
  let star = -1
  let resume = 0
  while (at < key.length) {
    if (parts[part] === any) {
      star = part++
      resume = at
    } else if (part < parts.length && (parts[part] === one || parts[part] === key[at])) {
      part++
      at++
    } else if (star >= 0) {
      part = star + 1
      at = ++resume
    } else return false
  }
  while (parts[part] === any) part++
  return part === parts.length
}
