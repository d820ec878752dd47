/**
 * The cost of a hit beside memjs's own `get`, on a real server.
 *
 *   node --conditions=cache-locking-source bench/hitPath.ts
 */
import { Memcached } from "@cache-locking/test-servers"
import * as Effect from "effect/Effect"
import { Client } from "memjs"
import { MemcachedAdapter } from "../src/index.ts"

const concurrency = 50
const seconds = 1

await using server = await Memcached.start({ own: true })
const client = Client.create(server.url.replace("memcached://", ""))
const adapter = MemcachedAdapter.make({ client, prefix: "bench" })

/** Calls per second, by this many callers, each of which calls one after the other. */
const rate = async (call: () => Promise<unknown>): Promise<number> => {
  let calls = 0
  const end = performance.now() + seconds * 1000
  const caller = async () => {
    for (; performance.now() < end; calls++) await call()
  }
  await Promise.all(Array.from({ length: concurrency }, caller))
  return Math.round(calls / seconds)
}

const ask = { owner: "bench", leaseFor: 1_000 }

for (const size of [100, 4_096, 16_384, 262_144]) {
  const bytes = Buffer.alloc(size, 7)
  await client.set("plain", bytes, {})
  await Effect.runPromise(adapter.put("k", { value: { bytes }, lifetime: { fresh: 600_000, stale: 0 } }))
  const rates: Record<string, number> = { "memjs get": 0, hit: 0 }
  // In turns, so that other work affects both alike.
  for (let round = 0; round < 3; round++) {
    rates["memjs get"] = Math.max(rates["memjs get"]!, await rate(() => client.get("plain")))
    rates.hit = Math.max(rates.hit!, await rate(() => Effect.runPromise(adapter.acquire("k", ask))))
  }
  console.log(size, rates, (rates.hit! / rates["memjs get"]!).toFixed(2))
}
await Effect.runPromise(adapter.close!)
client.close()
