/**
 * The cost of a hit beside the driver's own `findOne`, and beside a `findOneAndUpdate` that changes nothing.
 *
 *   node --conditions=cache-locking-source bench/hitPath.ts
 */
import { MongoDb } from "@cache-locking/test-servers"
import * as Effect from "effect/Effect"
import { MongoClient } from "mongodb"
import { MongoDbAdapter } from "../src/index.ts"
import type { StoredEntry } from "../src/StoredEntry.ts"

const calls = 300
const rounds = 5

await using server = await MongoDb.start({ own: true })
const client = new MongoClient(server.url)
const place = { client, database: "bench", collection: "cache" }
await Effect.runPromise(MongoDbAdapter.setup(place))
const adapter = MongoDbAdapter.make(place)
const value = { bytes: new Uint8Array(1_000).fill(7) }
await Effect.runPromise(adapter.put("k", { value, lifetime: { fresh: 600_000, stale: 0 } }))
const documents = client.db(place.database).collection<StoredEntry>(place.collection)

const ways: Readonly<Record<string, () => Promise<unknown>>> = {
  hit: () => Effect.runPromise(adapter.acquire("k", { owner: "bench", leaseFor: 1_000 })),
  findOne: () => documents.findOne({ _id: "k" }),
  "findOneAndUpdate that changes nothing": () =>
    documents.findOneAndUpdate({ _id: "k" }, [{ $replaceWith: "$$ROOT" }], { returnDocument: "after" })
}

/** Milliseconds of one call, by this many callers, each of which calls one after the other. */
const timeOf = async (call: () => Promise<unknown>, concurrency: number): Promise<number> => {
  let left = calls
  const began = performance.now()
  const caller = async () => {
    while (left-- > 0) await call()
  }
  await Promise.all(Array.from({ length: concurrency }, caller))
  return ((performance.now() - began) * concurrency) / calls
}

for (const concurrency of [1, 20]) {
  const best: Record<string, number> = {}
  // In turns, so that other work affects all alike.
  for (let round = 0; round < rounds; round++) {
    for (const [name, call] of Object.entries(ways)) {
      best[name] = Math.min(best[name] ?? Number.POSITIVE_INFINITY, await timeOf(call, concurrency))
    }
  }
  const shown = Object.fromEntries(Object.entries(best).map(([name, ms]) => [name, Number(ms.toFixed(2))]))
  console.log(`${server.engine}, ${concurrency} at once, ms a call:`, shown)
}
await Effect.runPromise(adapter.close!)
await client.close()
