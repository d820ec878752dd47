import { Cache } from "@cache-locking/core"
import { createCache } from "@cache-locking/core/promise"
import { Redis as Server } from "@cache-locking/test-servers"
import * as Effect from "effect/Effect"
import { Redis } from "ioredis"
import { RedisAdapter } from "../src/index.ts"

const server = await Server.start()
const client = new Redis(server.url)
const adapter = RedisAdapter.make({ client, prefix: "t:" })
const cache = createCache<string>({ adapter, cacheTtl: "1 hour" })
const value = "x".repeat(100)
await client.set("raw", value)
const keys = Array.from({ length: 500 }, (_, i) => "k" + i)
for (const k of keys) await cache.getOrSet(k, async () => value)
let i = 0
const fetcher = async () => value
const ec = Effect.runSync(Effect.scoped(Effect.succeed(0)))
const subjects: Record<string, () => Promise<unknown>> = {
  get: () => client.get("raw"),
  acquire: () => Effect.runPromise(adapter.acquire(keys[i++ % 500]!, { owner: "o", leaseFor: 1000 })),
  promise: () => cache.getOrSet(keys[i++ % 500]!, fetcher)
}
const run = async (f: () => Promise<unknown>, n = 30000) => {
  let left = n
  const t = performance.now()
  await Promise.all(
    Array.from({ length: 50 }, async () => {
      while (left-- > 0) await f()
    })
  )
  return ((performance.now() - t) * 1e3) / n
}
for (let r = 0; r < 5; r++) { delete subjects.get; delete subjects.acquire;
  const out = []
  for (const [name, f] of Object.entries(subjects)) out.push(name + " " + (await run(f)).toFixed(2))
  console.log(out.join("  "))
}
await cache.close()
client.disconnect()
await server.stop()
