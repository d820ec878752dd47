/**
 * What a namespace may be asked: the contract's verbs and the cache's own, by name.
 *
 * Answers are plain data with bytes, as they travel.
 */
import { type Acquired, Entry, type Stale, type Value } from "@cache-locking/core"
import { type Payload, payloadOf } from "../wire/Compact.ts"
import * as Arguments from "./Arguments.ts"
import { now, Refused, type Space } from "./Space.ts"
import type { SpaceBounds } from "./SpaceOptions.ts"

/** Who asks. */
export interface Asker {
  /** Names the link, to which leases belong. */
  readonly link: string
  /** Tells a subscription until it is dropped. */
  readonly subscribe: (id: number, begin: (told: (key: string) => void) => () => void) => void
  /** Lists that are being read in pages. */
  readonly scans: Map<number, Scan>
}

/** A listing under way. */
export interface Scan {
  readonly keys: ReadonlyArray<string>
  readonly entries: boolean
  at: number
}

type Verb = (space: Space, args: ReadonlyArray<any>, asker: Asker) => unknown

const { acquire, amount, bytes, finite, lifetime, list, optionalAmount, optionalSize, optionalValue } = Arguments
const { joining, record, text, texts, token, value } = Arguments

const yes = (answer: boolean): boolean => answer
const always = (): boolean => true
const never = (): boolean => false

/** Keys in one page. */
const page = 1_000

/** Listings that one link may have under way. */
const mostScans = 64

const plainValue = (value: Value | undefined): Value | undefined => value && { bytes: value.bytes }
const plainStale = (stale: Stale | undefined): Stale | undefined =>
  stale && { ...stale, value: { bytes: stale.value.bytes } }

const plainAcquired = (answer: Acquired): Acquired =>
  answer._tag === "Hit"
    ? { ...answer, value: { bytes: answer.value.bytes } }
    : { ...answer, stale: plainStale(answer.stale) }

const lifetimeOf = ({ allowStale, noDeleteOnStaleGet, ttl }: SpaceBounds, own: number | undefined) => ({
  fresh: own ?? ttl,
  stale: allowStale || noDeleteOnStaleGet ? Infinity : 0
})

const put = (space: Space, key: string, value: Value, ttl: number | undefined, size: number | undefined): void => {
  const counted = space.sized(value, size)
  space.move(key, (_, at) => Entry.put(at, { value, lifetime: lifetimeOf(space.bounds, ttl) }), always, counted)
  space.counts.sets++
}

const remove = (space: Space, key: string): boolean => {
  const was = space.move(key, Entry.remove, always)
  if (was) space.counts.deletes++
  return was
}

/** A value, and the milliseconds for which it is fresh. */
type Found = readonly [value: Payload, freshFor: number]

/** What `lru-cache` would answer. */
const get = (space: Space, key: string): Found | undefined => {
  const row = space.kept(key)
  const { allowStale, noDeleteOnStaleGet, updateAgeOnGet } = space.bounds
  if (row === undefined) {
    space.counts.misses++
    return undefined
  }
  // No clock is read for what has no end.
  if (row.lifetime.fresh === Infinity) {
    space.counts.hits++
    return [payloadOf(row.value), Infinity]
  }
  const at = now()
  if (at < Entry.freshUntil(row)) {
    space.counts.hits++
    if (updateAgeOnGet) space.restamp(key, at, row.lifetime)
    return [payloadOf(row.value), updateAgeOnGet ? row.lifetime.fresh : Entry.freshUntil(row) - at]
  }
  // A load may be under way, whose lease is not to be lost by reading.
  if (!noDeleteOnStaleGet && row.lifetime.stale === Infinity) space.move(key, forget, always)
  space.counts[allowStale ? "hits" : "misses"]++
  return allowStale ? [payloadOf(row.value), 1] : undefined
}

/** The same, without it counting as use. */
const peek = (space: Space, key: string): Found | undefined => {
  const row = space.kept(key, true)
  if (row === undefined) return undefined
  const freshFor = Entry.freshUntil(row) - now()
  return freshFor > 0 || space.bounds.allowStale ? [payloadOf(row.value), Math.max(1, freshFor)] : undefined
}

/** Removes the value alone. */
const forget = (entry: Entry.Entry | undefined): Entry.Move<void> => [
  undefined,
  entry?.lease || entry?.cooldown ? { ...entry, kept: undefined } : undefined
]

const fresh = (space: Space, key: string, peek: boolean) => {
  const row = space.kept(key, peek)
  return row !== undefined && now() < Entry.freshUntil(row) ? row : undefined
}

const decoder = new TextDecoder()
const encoder = new TextEncoder()

/**
 * The number in a value that core wrote with the default codec: a header, then `j` and its JSON. Of the header (see
 * core's envelope) the last part is how long the load took, whose length varies: every byte but its last has the high bit.
 */
const numberOf = (given: Uint8Array, header: Uint8Array): number | undefined => {
  const fixed = header.byteLength - 1
  for (let i = 0; i < fixed; i++) if (given[i] !== header[i]) return undefined
  let at = fixed
  while (given[at]! > 127) at++
  const payload = given.subarray(at + 1)
  if (payload[0] !== 0x6a || payload.byteLength > 32) return undefined
  try {
    const number: unknown = JSON.parse(decoder.decode(payload.subarray(1)))
    return typeof number === "number" ? number : undefined
  } catch {
    return undefined
  }
}

/** Adds to a number. Its ttl is that of the first. */
const count = (space: Space, key: string, by: number, header: Uint8Array, ttl: number | undefined): number => {
  const row = fresh(space, key, false)
  const before = row === undefined ? 0 : numberOf(row.value.bytes, header)
  if (before === undefined) throw new Refused("NotANumber", "what is there is not a number")
  const sum = before + by
  if (!Number.isFinite(sum)) throw new Refused("NotANumber", "the sum is not a finite number")
  const value = { bytes: Buffer.concat([header, encoder.encode(`j${Object.is(sum, -0) ? 0 : sum}`)]) }
  const kept: Pick<Entry.Kept, "filledAt" | "lifetime"> = row ?? {
    filledAt: now(),
    lifetime: lifetimeOf(space.bounds, ttl)
  }
  const next = {
    kept: { ...kept, value: { bytes: bytes(value.bytes) }, took: 0 },
    lease: undefined,
    cooldown: undefined
  }
  const counted = space.sized(next.kept.value, undefined)
  space.move(key, () => [undefined, next], always, counted)
  space.counts.sets++
  return sum
}

const nextPage = (space: Space, asker: Asker, id: number): unknown => {
  const scan = asker.scans.get(id)
  if (scan === undefined) throw new Refused("Failed", "the listing is over, or was given up for newer ones")
  const keys = scan.keys.slice(scan.at, scan.at + page)
  scan.at += page
  const done = scan.at >= scan.keys.length
  if (done) asker.scans.delete(id)
  if (!scan.entries) return { items: keys, done }
  const at = now()
  const items = keys.flatMap((key) => {
    const row = space.kept(key, true)
    return row === undefined ? [] : [[key, row.value.bytes, Entry.freshUntil(row) - at, row.size]]
  })
  return { items, done }
}

/** Every verb. */
export const verbs: { readonly [name: string]: Verb } = {
  acquire: (space, [key, options], { link }) =>
    plainAcquired(space.acquire(link, text(key), acquire(options), joining(options))),
  acquireMany: (space, [keys, options], { link }) => {
    const checked = acquire(options)
    return texts(keys).map((key) => plainAcquired(space.acquire(link, key, checked)))
  },
  fill: (space, [key, bytes, held, life, size]) => {
    const value = optionalValue(bytes)
    // The cache's own loads live as long as the namespace says, if nobody says otherwise.
    // JSON has null for what is not given.
    const given = typeof life === "object" && life !== null
    const own = given ? lifetime(life) : lifetimeOf(space.bounds, optionalAmount(life))
    const options = { token: token(held), value, lifetime: own }
    const counted = value && space.sized(value, optionalSize(size))
    const filled = space.move(text(key), (entry, at) => Entry.fill(entry, at, options), yes, counted)
    if (filled) space.counts.sets++
    return filled
  },
  abandon: (space, [key, held, cooldown, cause]) => {
    const options = { token: token(held), cooldown: optionalAmount(cooldown), cause: optionalValue(cause) }
    return space.move(text(key), (entry, at) => Entry.abandon(entry, at, options), yes)
  },
  renew: (space, [key, held, leaseFor]) => {
    const options = { token: token(held), leaseFor: amount(leaseFor) }
    return space.move(text(key), (entry, at) => Entry.renew(entry, at, options), never)
  },
  delete: (space, [key]) => remove(space, text(key)),
  deleteMany: (space, [keys]) => texts(keys).filter((key) => remove(space, key)).length,
  put: (space, [key, given, life, size]) => {
    const options = { value: value(given), lifetime: lifetime(life) }
    const counted = space.sized(options.value, optionalSize(size))
    space.move(text(key), (_, at) => Entry.put(at, options), always, counted)
    space.counts.sets++
  },
  touch: (space, [key, freshFor]) => {
    const options = { freshFor: amount(freshFor) }
    return space.move(text(key), (entry, at) => Entry.touch(entry, at, options), never)
  },
  read: (space, [key]) => {
    const snapshot = space.move(text(key), (entry, at) => [Entry.read(entry, at), entry], never)
    return { ...snapshot, value: plainValue(snapshot.value) }
  },
  watch: (space, [key, id], asker) => {
    const watched = text(key)
    asker.subscribe(finite(id), (told) => space.watchers.watch(watched, () => told(watched)))
  },
  changes: (space, [id], asker) => asker.subscribe(finite(id), (told) => space.watchers.listen(told)),

  get: (space, [key]) => get(space, text(key)),
  peek: (space, [key]) => peek(space, text(key)),
  getMany: (space, [keys]) => texts(keys).map((key) => get(space, key)?.[0] ?? null),
  peekMany: (space, [keys]) => texts(keys).map((key) => peek(space, key)?.[0] ?? null),
  has: (space, [key]) => {
    const row = fresh(space, text(key), true)
    if (row !== undefined && space.bounds.updateAgeOnHas) space.restamp(key, now(), row.lifetime)
    return row !== undefined
  },
  set: (space, [key, given, ttl, size]) => put(space, text(key), value(given), optionalAmount(ttl), optionalSize(size)),
  setIfAbsent: (space, [key, given, ttl, size]) => {
    if (fresh(space, text(key), true) !== undefined) return false
    put(space, key, value(given), optionalAmount(ttl), optionalSize(size))
    return true
  },
  setMany: (space, [entries]) => {
    const checked = list(entries).map((entry) => {
      const [key, given, ttl, size] = list(entry)
      const kept = value(given)
      return [text(key), kept, optionalAmount(ttl), space.sized(kept, optionalSize(size))] as const
    })
    for (const [key, kept, ttl, size] of checked) put(space, key, kept, ttl, size)
  },
  clear: (space) => {
    const count = space.clear()
    space.counts.deletes += count
    return count
  },
  count: (space, [key, by, header, ttl]) => count(space, text(key), finite(by), bytes(header), optionalAmount(ttl)),
  remaining: (space, [key]) => {
    const row = space.kept(text(key), true)
    return row === undefined ? undefined : Math.max(0, Entry.freshUntil(row) - now())
  },
  purge: (space) => space.purge(),
  stats: (space) => space.stats,
  bounds: (space) => space.bounds,
  rebound: (space, [change]) => {
    const { allowStale, max, ttl } = record(change)
    if (max !== undefined && max !== null) {
      const most = finite(max)
      if (!(Number.isSafeInteger(most) && most >= 1))
        throw new Refused("Malformed", "max is a whole number of at least 1")
      space.rebound({ max: most })
    }
    if (ttl !== undefined && ttl !== null) space.rebound({ ttl: amount(ttl) })
    if (typeof allowStale === "boolean") space.rebound({ allowStale })
  },
  scan: (space, [id, prefix, what], asker) => {
    const number = finite(id)
    if (asker.scans.size >= mostScans) asker.scans.delete(asker.scans.keys().next().value!)
    asker.scans.set(number, { keys: space.keys(text(prefix), what === "leased"), entries: what === "entries", at: 0 })
    return nextPage(space, asker, number)
  },
  next: (space, [id], asker) => nextPage(space, asker, finite(id)),
  leave: (_, [id], asker) => asker.scans.delete(finite(id)),
  ping: () => true
}

/** Carries one call out. */
export const run = (space: Space, verb: string, args: ReadonlyArray<unknown>, asker: Asker): unknown => {
  if (!Object.hasOwn(verbs, verb)) throw new Refused("Malformed", "there is no such verb")
  return verbs[verb]!(space, args, asker)
}
