/**
 * The table as a store of values alone, beside leases that are kept elsewhere.
 */
import type { ValueStore } from "@cache-locking/core"
import * as Effect from "effect/Effect"
import type { Resolved } from "./Options.ts"
import { here } from "./Space.ts"
import { Verbs } from "./Verbs.ts"

/** One for each space, so that adapters over the same two stores share their flights. */
const stores = new WeakMap<object, ValueStore.ValueStore>()

const make = (resolved: Resolved): ValueStore.ValueStore => {
  const verbs = new Verbs(resolved)
  return {
    name: here.name,
    valueBytes: here.limits.valueBytes,
    get: (name) => Effect.map(verbs.read(name), ({ value }) => value?.bytes),
    set: (name, bytes, ttl) => verbs.put(name, { value: { bytes }, lifetime: { fresh: ttl, stale: 0 } }),
    delete: (name) => Effect.asVoid(verbs.delete(name))
  }
}

/** The values of a space. */
export const values = (resolved: Resolved): ValueStore.ValueStore => {
  const known = stores.get(resolved.space) ?? make(resolved)
  stores.set(resolved.space, known)
  return known
}
