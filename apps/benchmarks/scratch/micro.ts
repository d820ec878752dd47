import * as MemoryAdapter from "../../../packages/core/src/MemoryAdapter.ts"
import * as Cache from "../../../packages/core/src/Cache.ts"
import * as Effect from "effect/Effect"
import * as Clock from "effect/Clock"
import { LRUCache } from "lru-cache"
const clock = Effect.runSync(Clock.Clock)
const cache: any = Cache.makeUnsafe<string>({ adapter: "memory" })
await Effect.runPromise(cache.getOrSet("k", () => Effect.succeed("v")))
const adapter = MemoryAdapter.processWide() as any
const lru = new LRUCache<string, any>({ max: 10000 }); lru.set("k", { a: 1 })
const map = new Map([["k", { a: 1 }]])
let sink: any
const fiber = Effect.runSync(Effect.withFiber((f) => Effect.succeed(f))) as any
const v: Record<string, () => any> = {
  nothing: () => 1,
  dateNow: () => Date.now(),
  perfNow: () => performance.now(),
  clock: () => clock.currentTimeMillisUnsafe(),
  getRefClock: () => fiber.getRef(Clock.Clock),
  fiberClock: () => fiber.getRef(Clock.Clock).currentTimeMillisUnsafe(),
  mapGet: () => map.get("k"),
  lruGet: () => lru.get("k"),
  adapterHit: () => adapter.hitUnsafe("k", 1e12),
  adapterHitNow: () => adapter.hitUnsafe("k", Date.now()),
  cacheHit: () => cache.hitUnsafe("k", 1e12),
  cacheHitNow: () => cache.hitUnsafe("k", Date.now()),
  succeed: () => Effect.succeed(1),
  promiseResolve: () => Promise.resolve(1)
}
const which = process.argv[2]!
const names = which === "all" ? Object.keys(v) : which.split(",")
for (const name of names) {
  const f = new Function("f", "n", "let s; for (let i = 0; i < n; i++) s = f(); return s") as any
  const out: number[] = []
  for (let r = 0; r < 30; r++) { const t = process.hrtime.bigint(); sink = f(v[name], 1_000_000); out.push(Number(process.hrtime.bigint() - t) / 1_000_000) }
  console.log(name.padEnd(14), out.slice(5).sort((a, b) => a - b)[12]!.toFixed(1))
}
