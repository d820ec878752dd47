/**
 * Namespaces: one adapter for each name over one store. They share no key, no tag, no change and no flight.
 *
 * The key `42` of the name `users` is stored as `<U+0001>in:users<U+0001>42`. No key of a cache without a name begins like
 * that, because U+0001 is reserved, and no two names and keys give the same text, because a name has no U+0001.
 *
 * An adapter that finds values within the process must not join texts to find one, so it makes the adapter of each name
 * itself, by `provide`. Any other adapter gets a view, which puts the name before each key on its way to the store.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { type Adapter, type AdapterError, type EveryMember, isAdapterError, type ListingAdapter } from "./Adapter.ts"
import * as Check from "./Check.ts"
import * as Identity from "./Identity.ts"

/** The name of a cache that is given none. Its keys are stored as they are. */
export const unnamed = "default"

/**
 * The name of a cache, checked.
 *
 * @throws InvalidOption
 */
export const nameOf = (name: string | undefined): string => {
  if (name === undefined) return unnamed
  if (typeof name === "string" && name !== "" && name.isWellFormed() && !name.includes(Check.reserved)) return name
  throw Check.invalid("name", name, "a string that is not empty, without U+0001 and without lone surrogates")
}

const start = `${Check.reserved}in:`

/** The text before each key of a name, and before each of its messages on a bus. */
export const prefixOf = (name: string): string => `${start}${name}${Check.reserved}`

/** True for a stored key of this library's own records: tags, the log of invalidations. It may be a key of a name. */
export const isOwnRecord = (stored: string): boolean =>
  Check.isReserved(stored.startsWith(start) ? stored.slice(stored.indexOf(Check.reserved, start.length) + 1) : stored)

/** One object for each name over the same keys of the same store. */
const identities = Identity.perObject((_store: object) => Identity.perName((_name: string): object => ({})))

const encoder = new TextEncoder()

/** The limits of an adapter, for keys without the prefix that they are stored with. */
const limitsOf = ({ limits, name: backend }: Adapter, name: string, prefix: string): Adapter["limits"] => {
  const { keyBytes } = limits
  const taken = encoder.encode(prefix).byteLength
  if (taken * 2 <= keyBytes) return { ...limits, keyBytes: keyBytes - taken }
  throw Check.invalid(
    "name",
    name,
    `a shorter name: it is a part of each key, and a key of ${backend} has ${keyBytes} bytes`
  )
}

/** The adapter of a name over any adapter. Errors name the key that was asked for. */
const view = (adapter: Adapter, name: string): Adapter => {
  const prefix = prefixOf(name)
  const within = (key: string): string => prefix + key
  const bare = (stored: string): string | undefined =>
    stored.startsWith(prefix) ? stored.slice(prefix.length) : undefined
  const named = (error: AdapterError): AdapterError => {
    const key = isAdapterError(error) && error.key !== undefined ? bare(error.key) : undefined
    return key === undefined ? error : error.as(error.operation, key)
  }
  const asked = <A, R>(verb: Effect.Effect<A, AdapterError, R>) => Effect.mapError(verb, named)
  // A new member of `Adapter` does not compile here until this view handles it.
  const every: EveryMember = {
    name: adapter.name,
    limits: limitsOf(adapter, name, prefix),
    keepsReferences: adapter.keepsReferences,
    identity: identities(Identity.of(adapter))(name),
    // To find a value in this process by its key and name, the two would have to be joined at each hit.
    hitUnsafe: undefined,
    valueUnsafe: undefined,
    dropsTagged: undefined,
    acquire: (key, options) => asked(adapter.acquire(within(key), options)),
    fill: (key, options) => asked(adapter.fill(within(key), options)),
    abandon: (key, options) => asked(adapter.abandon(within(key), options)),
    renew: (key, options) => asked(adapter.renew(within(key), options)),
    delete: (key) => asked(adapter.delete(within(key))),
    put: (key, options) => asked(adapter.put(within(key), options)),
    touch: (key, options) => asked(adapter.touch(within(key), options)),
    read: (key) => asked(adapter.read(within(key))),
    watch: adapter.watch && ((key) => Effect.map(asked(adapter.watch!(within(key))), asked)),
    keys:
      adapter.keys &&
      ((start) =>
        Stream.mapError(adapter.keys!(within(start)), named).pipe(
          Stream.map(bare),
          Stream.filter((key) => key !== undefined)
        )),
    changes:
      adapter.changes &&
      ((listener) =>
        asked(
          adapter.changes!({
            changed: (stored) => {
              const key = bare(stored)
              if (key !== undefined) listener.changed(key)
            },
            lost: () => listener.lost(),
            restored: () => listener.restored()
          })
        )),
    acquireMany: adapter.acquireMany && ((keys, options) => asked(adapter.acquireMany!(keys.map(within), options))),
    deleteMany: adapter.deleteMany && ((keys) => asked(adapter.deleteMany!(keys.map(within)))),
    evictions: adapter.evictions,
    tiers: adapter.tiers,
    pollEvery: adapter.pollEvery,
    partOf: adapter.partOf && ((key) => adapter.partOf!(within(key))),
    // The view has opened nothing. The adapter closes what it opened itself.
    close: undefined
  }
  return every
}

const provided = new WeakMap<Adapter, (name: string) => Adapter>()

/**
 * Lets an adapter make the adapters of names itself. Each must have a keyspace of its own, and its `close` must leave alone
 * what belongs to all of them. Only this very object has them: a copy with other verbs gets views over those verbs.
 */
export const provide = <A extends Adapter>(adapter: A, make: (name: string) => Adapter): A => {
  provided.set(adapter, make)
  return adapter
}

const made = new WeakMap<Adapter, Map<string, Adapter>>()

/**
 * The adapter of a name: the same object for the same adapter and name. The name `"default"` is the adapter itself. It lists
 * its keys if the adapter does.
 *
 * @example
 * ```ts
 * import { MemoryAdapter, Namespace } from "@cache-locking/core"
 *
 * const store = MemoryAdapter.make()
 * const users = Namespace.of(store, "users")
 * const orders = Namespace.of(store, "orders") // shares nothing with `users`, nor with `store`
 * ```
 *
 * @throws InvalidOption when the name is empty, or so long that it leaves too little of a key
 */
export const of: {
  (adapter: ListingAdapter, name: string): ListingAdapter
  (adapter: Adapter, name: string): Adapter
} = (adapter: Adapter, given: string): ListingAdapter => {
  const name = nameOf(given)
  if (name === unnamed) return adapter as ListingAdapter
  const byName = Identity.getOrMake(made, adapter, () => new Map<string, Adapter>())
  const make = () => provided.get(adapter)?.(name) ?? view(adapter, name)
  return Identity.getOrMake(byName, name, make) as ListingAdapter
}
