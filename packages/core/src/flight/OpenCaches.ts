/**
 * The open caches of this process: which adapters they use, and which keyspaces.
 *
 * When the last cache over an adapter closes, it closes the adapter. Caches of one name over one store have the same
 * keys, so they must have the same codec. Caches without a name share their keys too, which is seldom meant.
 */
import * as Codec from "../codec/Codec.ts"
import type { Adapter } from "../contract/Adapter.ts"
import * as Check from "../contract/Check.ts"
import * as Identity from "../contract/Identity.ts"
import * as Namespace from "../contract/Namespace.ts"

/** The open caches of one name over one store. */
interface Keyspace {
  readonly codec: Codec.Codec<any>
  caches: number
}

/** By the identity of the name's adapter. */
const keyspaces = new WeakMap<object, Keyspace>()

/** The open caches over an adapter, by its identity. */
const users = new WeakMap<object, number>()

/** The stores for which it was already reported that several caches have no name. */
const warned = new WeakSet<object>()

/** The parts of a cache that concern other caches over the same store. */
export interface Tenant {
  /** The adapter that the cache was given. */
  readonly store: Adapter
  /** The adapter of its name. */
  readonly adapter: Adapter
  readonly name: string
  readonly codec: Codec.Codec<any>
}

/** The adapters that a cache uses: that of its name, and the one that all names share. */
const adaptersOf = ({ adapter, store }: Tenant): ReadonlyArray<Adapter> =>
  adapter === store ? [store] : [adapter, store]

const refuse = (tenant: Tenant, has: Codec.Codec<any>): never => {
  const { codec, name, store } = tenant
  const which = name === Namespace.unnamed ? "without a name" : JSON.stringify(name)
  const accepted = codec.name === has.name ? "the same schema" : `the codec ${JSON.stringify(has.name)}`
  throw Check.invalid(
    "codec",
    codec.name,
    `${accepted} as the open cache ${which} over ${store.name}, whose keys it shares; or give this one another name, ` +
      "or close that one first"
  )
}

/**
 * Records that a cache is open.
 *
 * @throws InvalidOption when another open cache has the same keys and another codec
 */
export const enter = (tenant: Tenant): void => {
  const { adapter, codec } = tenant
  const keyspace = keyspaces.get(Identity.of(adapter))
  if (keyspace === undefined) keyspaces.set(Identity.of(adapter), { codec, caches: 1 })
  else if (Codec.equal(codec, keyspace.codec)) keyspace.caches++
  else refuse(tenant, keyspace.codec)
  for (const used of adaptersOf(tenant)) users.set(Identity.of(used), (users.get(Identity.of(used)) ?? 0) + 1)
}

/** Returns a warning, once for each store, when caches without a name share their keys there. */
export const warning = ({ adapter, name, store }: Tenant): string | undefined => {
  const identity = Identity.of(adapter)
  if (name !== Namespace.unnamed || (keyspaces.get(identity)?.caches ?? 0) < 2 || warned.has(identity)) return undefined
  warned.add(identity)
  return (
    `cache-locking: several open caches over ${store.name} have no name, so they share their keys: each reads and clears ` +
    "the values of the others. Give each a name of its own, or pass one cache around. Reported once"
  )
}

/** Records that a cache is closed; returns the adapters that no cache uses any more. */
export const leave = (tenant: Tenant): ReadonlyArray<Adapter> => {
  const identity = Identity.of(tenant.adapter)
  const keyspace = keyspaces.get(identity)
  if (keyspace !== undefined && --keyspace.caches === 0) keyspaces.delete(identity)
  return adaptersOf(tenant).filter((used) => {
    const left = (users.get(Identity.of(used)) ?? 1) - 1
    users.set(Identity.of(used), left)
    return left === 0
  })
}
