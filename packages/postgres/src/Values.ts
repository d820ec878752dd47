/**
 * The table as a store of values alone, with the leases in another store.
 */
import { Identity, type ValueStore } from "@cache-locking/core"
import * as Effect from "effect/Effect"
import type { Resolved } from "./Options.ts"
import { here } from "./Space.ts"
import { Verbs } from "./Verbs.ts"

/** One store of values for each space, so that adapters over the same two stores share their flights. */
const valuesOf = Identity.perObject((_: object, resolved: Resolved): ValueStore.ValueStore => {
  // Nobody listens to values whose leases are elsewhere.
  const verbs = new Verbs({ ...resolved, watch: false })
  return {
    name: here.name,
    valueBytes: here.limits.valueBytes,
    get: (name) => Effect.map(verbs.read(name), ({ value }) => value?.bytes),
    set: (name, bytes, ttl) => verbs.put(name, { value: { bytes }, lifetime: { fresh: ttl, stale: 0 } }),
    delete: (name) => Effect.asVoid(verbs.delete(name))
  }
})

export const values = (resolved: Resolved): ValueStore.ValueStore => valuesOf(resolved.space, resolved)
