/** The verbs of the contract. */
import { type Acquired, Entry, type Stale, type Value } from "@cache-locking/core"
import * as Arguments from "./Arguments.ts"
import { deleteKey, lifetimeOf } from "./CacheVerbs.ts"
import type { Verb } from "./Verb.ts"

const { acquireOptions, amount, finite, joining, lifetime, optionalAmount, optionalSize, optionalValue } = Arguments
const { text, texts, token, value } = Arguments

const plainValue = (value: Value | undefined): Value | undefined => value && { bytes: value.bytes }
const plainStale = (stale: Stale | undefined): Stale | undefined =>
  stale && { ...stale, value: { bytes: stale.value.bytes } }

const plainAcquired = (answer: Acquired): Acquired =>
  answer._tag === "Hit"
    ? { ...answer, value: { bytes: answer.value.bytes } }
    : { ...answer, stale: plainStale(answer.stale) }

export const contractVerbs = {
  acquire: (space, [key, options], { link }) =>
    plainAcquired(space.acquire(link, text(key), acquireOptions(options), joining(options))),
  acquireMany: (space, [keys, options], { link }) => {
    const checked = acquireOptions(options)
    return texts(keys).map((key) => plainAcquired(space.acquire(link, key, checked)))
  },
  fill: (space, [key, given, held, life, size]) => {
    const value = optionalValue(given)
    // Loads of the cache by itself give a ttl or nothing, and then the namespace decides.
    const own = typeof life === "object" && life !== null
    const options = {
      token: token(held),
      value,
      lifetime: own ? lifetime(life) : lifetimeOf(space.bounds, optionalAmount(life))
    }
    const counted = value && space.sizeOf(value, optionalSize(size))
    const filled = space.move(text(key), (entry, at) => Entry.fill(entry, at, options), "if true", counted)
    if (filled) space.counts.sets++
    return filled
  },
  abandon: (space, [key, held, cooldown, cause]) => {
    const options = { token: token(held), cooldown: optionalAmount(cooldown), cause: optionalValue(cause) }
    return space.move(text(key), (entry, at) => Entry.abandon(entry, at, options), "if true")
  },
  renew: (space, [key, held, leaseFor]) => {
    const options = { token: token(held), leaseFor: amount(leaseFor) }
    return space.move(text(key), (entry, at) => Entry.renew(entry, at, options), "never")
  },
  delete: (space, [key]) => deleteKey(space, text(key)),
  deleteMany: (space, [keys]) => texts(keys).filter((key) => deleteKey(space, key)).length,
  put: (space, [key, given, life]) => {
    const options = { value: value(given), lifetime: lifetime(life) }
    const counted = space.sizeOf(options.value, undefined)
    space.move(text(key), (_, at) => Entry.put(at, options), "always", counted)
    space.counts.sets++
  },
  touch: (space, [key, freshFor]) => {
    const options = { freshFor: amount(freshFor) }
    return space.move(text(key), (entry, at) => Entry.touch(entry, at, options), "never")
  },
  read: (space, [key]) => {
    const snapshot = space.move(text(key), (entry, at) => [Entry.read(entry, at), entry], "never")
    return { ...snapshot, value: plainValue(snapshot.value) }
  },
  watch: (space, [given, id], caller) => {
    const key = text(given)
    caller.subscribe(finite(id), ({ changed }) => space.watchers.watch(key, () => changed(key)))
  },
  changes: (space, [id], caller) => caller.subscribe(finite(id), (to) => space.watchers.listen(to))
} satisfies Record<string, Verb>
