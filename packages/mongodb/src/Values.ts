/**
 * The collection as a `ValueStore`: values here, under names of their own, and leases in another adapter.
 */
import type { AdapterError, Operation, ValueStore } from "@cache-locking/core"
import type * as Effect from "effect/Effect"
import { Calls } from "./Calls.ts"
import type { Resolved } from "./Options.ts"
import { verbs } from "./Statements.ts"
import { limits, type StoredEntry, valueOf } from "./StoredEntry.ts"

/** The last instant that a date can say. */
const endOfDates = 8.64e15

/** One value store per collection of a client, as adapters over the same two stores share their flights. */
const stores = new WeakMap<object, ValueStore.ValueStore>()

const make = ({ collection, timeout }: Resolved): ValueStore.ValueStore => {
  const calls = new Calls(timeout)
  const run = <A>(operation: Operation, work: (signal: AbortSignal) => Promise<A>): Effect.Effect<A, AdapterError> =>
    calls.run(operation, undefined, work)
  const maxTimeMS = Math.ceil(timeout)
  return {
    name: "mongodb",
    valueBytes: limits.valueBytes,
    get: (name) =>
      run("read", async (signal) => {
        const options = { projection: { _id: 0, version: 1 }, maxTimeMS, signal }
        const found = await collection.findOne<StoredEntry>({ _id: name }, options)
        return found?.version && valueOf(found.version).bytes
      }),
    set: (name, bytes, ttl) =>
      run("put", async (signal) => {
        // Kept by the clock of the server; the lease store says how long it is of use.
        const lives = Math.ceil(ttl)
        const expiresAt = lives < endOfDates / 2 ? { $toDate: { $add: [{ $toLong: "$$NOW" }, lives] } } : "$$REMOVE"
        await collection.updateOne(
          { _id: name },
          [{ $set: { by: verbs.version, version: { $literal: bytes }, expiresAt } }],
          { upsert: true, maxTimeMS, ...{ signal } }
        )
      }),
    delete: (name) =>
      run("delete", async (signal) => void (await collection.deleteOne({ _id: name }, { maxTimeMS, ...{ signal } })))
  }
}

/** The value store of a collection. */
export const of = (resolved: Resolved): ValueStore.ValueStore => {
  const known = stores.get(resolved.space)
  if (known !== undefined) return known
  const store = make(resolved)
  stores.set(resolved.space, store)
  return store
}
