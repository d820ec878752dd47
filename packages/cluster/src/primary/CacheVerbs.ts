/** The verbs of the cache by itself: values as `lru-cache` treats them, by the namespace's bounds. */
import { Codec, Entry, Envelope, type Value } from "@cache-locking/core"
import { type Payload, payloadOf } from "../wire/Compact.ts"
import { amount, finite, list, most, optionalAmount, optionalSize, record, text, texts, value } from "./Arguments.ts"
import { Refused } from "./Refused.ts"
import { now, type Space } from "./Space.ts"
import type { SpaceBounds } from "./SpaceOptions.ts"
import type { Verb } from "./Verb.ts"

/** A value, and the milliseconds for which it is fresh. */
type Found = readonly [value: Payload, freshFor: number]

/** The lifetime of a value with a ttl of its own, or with the namespace's. */
export const lifetimeOf = ({ allowStale, noDeleteOnStaleGet, ttl }: SpaceBounds, own: number | undefined) => ({
  fresh: own ?? ttl,
  stale: allowStale || noDeleteOnStaleGet ? Infinity : 0
})

const put = (space: Space, key: string, value: Value, ttl: number | undefined, size: number): void => {
  const options = { value, lifetime: lifetimeOf(space.bounds, ttl) }
  space.move(key, (_, at) => Entry.put(at, options), "always", size)
  space.counts.sets++
}

/** Checks the arguments of a write and carries it out. */
const set = (space: Space, [key, given, ttl, size]: ReadonlyArray<unknown>): void => {
  const checked = value(given)
  put(space, text(key), checked, optionalAmount(ttl), space.sizeOf(checked, optionalSize(size)))
}

/** Removes a value, and voids the load of its key. Returns true if there was a value. */
export const deleteKey = (space: Space, key: string): boolean => {
  const existed = space.move(key, Entry.remove, "always")
  if (existed) space.counts.deletes++
  return existed
}

const get = (space: Space, key: string): Found | undefined => {
  const row = space.find(key)
  const { allowStale, noDeleteOnStaleGet, updateAgeOnGet } = space.bounds
  if (row === undefined) {
    space.counts.misses++
    return undefined
  }
  // No clock is read for a value without an end.
  if (row.lifetime.fresh === Infinity) {
    space.counts.hits++
    return [payloadOf(row.value), Infinity]
  }
  const at = now()
  if (at < Entry.freshUntil(row)) {
    space.counts.hits++
    if (updateAgeOnGet) space.renewAge(key, at)
    return [payloadOf(row.value), updateAgeOnGet ? row.lifetime.fresh : Entry.freshUntil(row) - at]
  }
  // Only the value is removed: a load may be under way, and must not lose its lease to a read.
  if (!noDeleteOnStaleGet && row.lifetime.stale === Infinity) space.move(key, withoutValue, "always")
  space.counts[allowStale ? "hits" : "misses"]++
  return allowStale ? [payloadOf(row.value), 1] : undefined
}

const withoutValue = (entry: Entry.Entry | undefined): Entry.Move<void> => [
  undefined,
  entry?.lease || entry?.cooldown ? { ...entry, kept: undefined } : undefined
]

/** The same, but it does not count as a use. */
const peek = (space: Space, key: string): Found | undefined => {
  const row = space.find(key, true)
  if (row === undefined) return undefined
  const freshFor = Entry.freshUntil(row) - now()
  return freshFor > 0 || space.bounds.allowStale ? [payloadOf(row.value), Math.max(1, freshFor)] : undefined
}

const findFresh = (space: Space, key: string, peek: boolean) => {
  const row = space.find(key, peek)
  return row !== undefined && now() < Entry.freshUntil(row) ? row : undefined
}

/** No number is longer. Decoding anything longer would only take the primary's time. */
const maxNumberBytes = 32

/** The number that core wrote with its default codec; `undefined` for any other value. */
const numberIn = (bytes: Uint8Array): number | undefined => {
  const envelope = Envelope.decode(bytes, Codec.default.name)
  if (envelope === undefined || envelope.tags.length > 0 || envelope.payload.byteLength > maxNumberBytes)
    return undefined
  try {
    const number: unknown = Codec.default.decode(envelope.payload)
    return typeof number === "number" ? number : undefined
  } catch {
    return undefined
  }
}

/** Adds to a number. The first call decides its ttl. */
const count = (space: Space, key: string, by: number, ttl: number | undefined): number => {
  const row = findFresh(space, key, false)
  const before = row === undefined ? 0 : numberIn(row.value.bytes)
  if (before === undefined) throw new Refused("NotANumber", "the value is not a number")
  // Without `+ 0` the sum may be -0, which JSON cannot represent.
  const sum = before + by + 0
  if (!Number.isFinite(sum)) throw new Refused("NotANumber", "the sum is not a finite number")
  const bytes = Envelope.encode(Codec.default.encode(sum), Codec.default.name, { cost: 0, tags: [] })
  const { filledAt, lifetime } = row ?? { filledAt: now(), lifetime: lifetimeOf(space.bounds, ttl) }
  const kept = { value: { bytes }, filledAt, lifetime, took: 0 }
  const next = { kept, lease: undefined, cooldown: undefined }
  space.move(key, () => [undefined, next], "always", space.sizeOf(kept.value, undefined))
  space.counts.sets++
  return sum
}

export const cacheVerbs = {
  get: (space, [key]) => get(space, text(key)),
  peek: (space, [key]) => peek(space, text(key)),
  getMany: (space, [keys]) => texts(keys).map((key) => get(space, key)?.[0] ?? null),
  peekMany: (space, [keys]) => texts(keys).map((key) => peek(space, key)?.[0] ?? null),
  has: (space, [key]) => {
    const row = findFresh(space, text(key), true)
    if (row !== undefined && space.bounds.updateAgeOnHas) space.renewAge(key, now())
    return row !== undefined
  },
  set,
  setIfAbsent: (space, args) => {
    if (findFresh(space, text(args[0]), true) !== undefined) return false
    set(space, args)
    return true
  },
  setMany: (space, [entries]) => {
    // All are checked before any is written.
    const checked = list(entries).map((entry) => {
      const [key, given, ttl, size] = list(entry)
      const kept = value(given)
      return [text(key), kept, optionalAmount(ttl), space.sizeOf(kept, optionalSize(size))] as const
    })
    for (const [key, kept, ttl, size] of checked) put(space, key, kept, ttl, size)
  },
  clear: (space) => {
    const count = space.clear()
    space.counts.deletes += count
    return count
  },
  count: (space, [key, by, ttl]) => count(space, text(key), finite(by), optionalAmount(ttl)),
  remaining: (space, [key]) => {
    const row = space.find(text(key), true)
    return row === undefined ? undefined : Math.max(0, Entry.freshUntil(row) - now())
  },
  purge: (space) => space.purge(),
  stats: (space) => space.stats,
  bounds: (space) => space.bounds,
  configure: (space, [change]) => {
    const { allowStale, max, ttl } = record(change)
    if (max !== undefined && max !== null) space.configure({ max: most(max) })
    if (ttl !== undefined && ttl !== null) space.configure({ ttl: amount(ttl) })
    if (typeof allowStale === "boolean") space.configure({ allowStale })
  }
} satisfies Record<string, Verb>
