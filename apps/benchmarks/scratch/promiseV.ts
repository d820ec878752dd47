import * as Cache from "./core/src/Cache.ts"
import * as MemoryAdapter from "./core/src/MemoryAdapter.ts"
import { createCache } from "./core/src/promise.ts"
import { LRUCache } from "lru-cache"
import { Loader } from "layered-loader"
import * as Effect from "effect/Effect"
import * as Clock from "effect/Clock"
const clock = Effect.runSync(Clock.Clock)
const loop = (get: () => Promise<any>) => async (n: number) => { let v; for (let i = 0; i < n; i++) v = await get(); return v }
const load = async () => "v"
const fetcher = () => Effect.succeed("v")
const ready = async (ttl: any) => { const c: any = Cache.makeUnsafe<string>({ adapter: MemoryAdapter.make({}), cacheTtl: ttl }); await Effect.runPromise(c.getOrSet("k", fetcher)); return c }
const facade = (ttl: any) => async () => { const c = createCache<string>({ adapter: MemoryAdapter.make({}), cacheTtl: ttl }); return loop(() => c.getOrSet("k", () => load())) }
export const variants: Record<string, () => Promise<(n: number) => Promise<any>>> = {
  resolve: async () => loop(() => Promise.resolve("v")),
  map: async () => { const m = new Map([["k", Promise.resolve("v")]]); return loop(() => m.get("k")!) },
  lruGet: async () => { const m = new LRUCache<string, string>({ max: 10000 }); m.set("k", "v"); return loop(() => Promise.resolve(m.get("k"))) },
  lruFetch: async () => { const m = new LRUCache<string, string>({ max: 10000, fetchMethod: load }); return loop(() => m.fetch("k") as any) },
  layered: async () => { const l = new Loader<string>({ inMemoryCache: { maxItems: 10000, ttlInMsecs: 3600_000 }, dataSourceGetOneFn: load }); return loop(() => l.get("k") as any) },
  ours: facade(Infinity),
  oursTtl: facade(3600_000),
  // hitUnsafe of the instance, no facade
  instance: async () => { const c = await ready(Infinity); return loop(() => Promise.resolve(c.hitUnsafe("k", clock).value)) },
  adapter: async () => { const c = await ready(Infinity); const a = c.engine.adapter; return loop(() => Promise.resolve(a.hitUnsafe("k", clock).value.value)) },
  adapterTtl: async () => { const c = await ready(3600_000); const a = c.engine.adapter; return loop(() => Promise.resolve(a.hitUnsafe("k", clock).value.value)) },
  resolveNow: async () => loop(() => Promise.resolve(Date.now()))
}
import { Sealed } from "./core/src/Sealed.ts"
// What a lean path could cost: one method on the adapter that gives the kept value if fresh, no objects made
class Lean {
  values = new LRUCache<string, any>({ max: 10000 }); epoch = Date.now(); closed = false; plan = { hooks: undefined }; counters = { hits: 0 }; cold = 0
  now(c: any) { const n = c.currentTimeMillisUnsafe() - this.epoch; const w = n | 0; return w === n ? w : n }
  fresh(key: string, c: any) { const k = this.values.get(key); if (k === undefined) return undefined; const f = k.lifetime.fresh; if (f === Infinity || this.now(c) - k.filledAt < f) return k.value; return undefined }
  valueUnsafe(key: string, c: any) { if (this.closed || this.plan.hooks !== undefined) return undefined; const v = this.fresh(key, c); if (v instanceof Sealed) { this.counters.hits++; return v } return undefined }
  getOrSet(key: string, f: any, o?: any) { if (o === undefined) { const s = this.valueUnsafe(key, clock); if (s !== undefined) return Promise.resolve(s.value) } return this.miss(key, f) }
  miss(key: string, f: any): Promise<any> { throw new Error("miss") }
}
const lean = (fresh: number) => async () => { const l = new Lean(); l.values.set("k", { value: new Sealed("v", undefined as any, 0), filledAt: l.now(clock), lifetime: { fresh, stale: 0 } }); return loop(() => l.getOrSet("k", () => load())) }
variants.lean = lean(Infinity)
variants.leanTtl = lean(3600_000)
