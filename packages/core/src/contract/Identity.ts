/**
 * Identities: one for all adapters that reach the same keys, and one state for all adapters over one client.
 */
import type { Adapter } from "./Adapter.ts"

/** The value of a map at a key, made when it is missing. */
export const getOrMake = <K, V>(
  map: { readonly get: (key: K) => V | undefined; readonly set: (key: K, value: V) => unknown },
  key: K,
  make: () => V
): V => {
  const found = map.get(key)
  if (found !== undefined) return found
  const made = make()
  map.set(key, made)
  return made
}

/** The same object for adapters that reach the same keys of the same store. */
export const of = (adapter: Adapter): object => adapter.identity ?? adapter

/**
 * One state for each object, a client for instance, however many adapters use it. It lives as long as the object.
 *
 * @example
 * ```ts
 * import { Identity } from "@cache-locking/core"
 *
 * const namespaces = Identity.perObject((_client: object) => Identity.perName((prefix) => ({ prefix })))
 * const client = {}
 * const identity = namespaces(client)("app") // the same object in every call for this client and this prefix
 * ```
 */
export const perObject = <O extends object, A, G extends ReadonlyArray<unknown>>(
  make: (object: O, ...given: G) => A
): ((object: O, ...given: G) => A) => {
  const made = new WeakMap<O, A>()
  return (object, ...given) => getOrMake(made, object, () => make(object, ...given))
}

/** One state for each name. */
export const perName = <A, G extends ReadonlyArray<unknown>>(
  make: (name: string, ...given: G) => A
): ((name: string, ...given: G) => A) => {
  const made = new Map<string, A>()
  return (name, ...given) => getOrMake(made, name, () => make(name, ...given))
}

const pairs = perObject((_: object) => perObject((_: object): object => ({})))

/** One object for each pair of objects, for an adapter that is made of two. */
export const ofPair = (first: object, second: object): object => pairs(first)(second)
