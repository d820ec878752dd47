import { Cache } from "@cache-locking/core"
import { createCache } from "@cache-locking/core/promise"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import * as ECache from "effect/Cache"
import { LRUCache } from "lru-cache"

const which = process.argv[2]!.split(",")
const med = (xs: number[]) => xs.toSorted((a, b) => a - b)[xs.length >> 1]!
const loop = (n: number, f: () => Effect.Effect<any, any, any>) => Effect.gen(function* () { let v: any; for (let i = 0; i < n; i++) v = yield* f(); return v })
const scope = Effect.runSync(Scope.make())
const subjects: Record<string, () => (n: number) => Promise<unknown>> = {
  succeed: () => { const e = Effect.succeed(1); return (n) => Effect.runPromise(loop(n, () => e)) as any },
  withFiber: () => { return (n) => Effect.runPromise(loop(n, () => Effect.withFiber((f) => Effect.succeed(f)))) as any },
  suspend: () => { return (n) => Effect.runPromise(loop(n, () => Effect.suspend(() => Effect.succeed(1)))) as any },
  ours: () => {
    const c = Effect.runSync(Scope.provide(Cache.make<string>({ adapter: "memory" }), scope))
    const fetcher = () => Effect.succeed("v")
    return (n) => Effect.runPromise(loop(n, () => c.getOrSet("k", fetcher)) as any)
  },
  oursTtl: () => {
    const c = Effect.runSync(Scope.provide(Cache.make<string>({ adapter: "memory", cacheTtl: "1 hour" }), scope))
    const fetcher = () => Effect.succeed("v")
    return (n) => Effect.runPromise(loop(n, () => c.getOrSet("k", fetcher)) as any)
  },
  effect: () => {
    const c = Effect.runSync(ECache.make({ capacity: 10000, lookup: (k: string) => Effect.succeed("v") }))
    return (n) => Effect.runPromise(loop(n, () => ECache.get(c, "k")))
  },
  effectTtl: () => {
    const c = Effect.runSync(ECache.make({ capacity: 10000, timeToLive: "1 hour", lookup: (k: string) => Effect.succeed("v") }))
    return (n) => Effect.runPromise(loop(n, () => ECache.get(c, "k")))
  },
  pours: () => { const c = createCache<string>({ adapter: "memory" }); const load = async () => "v"; return async (n) => { for (let i = 0; i < n; i++) await c.getOrSet("k", load) } },
  poursTtl: () => { const c = createCache<string>({ adapter: "memory", cacheTtl: "1 hour" }); const load = async () => "v"; return async (n) => { for (let i = 0; i < n; i++) await c.getOrSet("k", load) } },
  pmap: () => { const m = new Map<string, Promise<string>>(); const get = (k: string, load: any) => { let p = m.get(k); if (!p) m.set(k, (p = load())); return p! }; const load = async () => "v"; return async (n) => { for (let i = 0; i < n; i++) await get("k", load) } },
  plru: () => { const m = new LRUCache<string, string>({ max: 10000, fetchMethod: async () => "v" }); return async (n) => { for (let i = 0; i < n; i++) await m.fetch("k") } },
  plruTtl: () => { const m = new LRUCache<string, string>({ max: 10000, ttl: 3600_000, fetchMethod: async () => "v" }); return async (n) => { for (let i = 0; i < n; i++) await m.fetch("k") } },
  plruGet: () => { const m = new LRUCache<string, string>({ max: 10000 }); m.set("k", "v"); return async (n) => { for (let i = 0; i < n; i++) await Promise.resolve(m.get("k")) } }
}
const runs = which.map((w) => [w, subjects[w]!(), [] as number[]] as const)
const N = 100_000
for (let r = 0; r < 25; r++) for (const [, run, out] of runs) { const t = process.hrtime.bigint(); await run(N); out.push(Number(process.hrtime.bigint() - t) / N) }
for (const [w, , out] of runs) { const s = out.slice(5).toSorted((a, b) => a - b); console.log(w.padEnd(10), med(s).toFixed(0), "iqr", s[5]!.toFixed(0), s[14]!.toFixed(0)) }
