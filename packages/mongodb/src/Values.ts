/**
 * The collection as a store of values alone, under names of their own, with the leases in another adapter.
 */
import { type AdapterError, BoundedCalls, Identity, type Operation, type ValueStore } from "@cache-locking/core"
import type * as Effect from "effect/Effect"
import { failures } from "./Failure.ts"
import type { Resolved } from "./Options.ts"
import { verbs } from "./Statements.ts"
import { limits, type StoredEntry, valueOf } from "./StoredEntry.ts"

/** The last instant that a date can hold. */
const endOfDates = 8.64e15

/** One store of values for each space, so that adapters over the same two stores share their flights. */
const valuesOf = Identity.perObject((_: object, { collection, timeout }: Resolved): ValueStore.ValueStore => {
  const calls = BoundedCalls.make({ failures, timeout })
  const run = <A>(operation: Operation, work: (signal: AbortSignal) => Promise<A>): Effect.Effect<A, AdapterError> =>
    calls.run(operation, undefined, ({ signal }) => work(signal))
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
        // The server's clock decides how long it is kept. The lease store decides how long it is used.
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
})

export const values = (resolved: Resolved): ValueStore.ValueStore => valuesOf(resolved.space, resolved)
