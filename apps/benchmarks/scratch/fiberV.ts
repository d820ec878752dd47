import * as Cache from "./core/src/Cache.ts"
import * as MemoryAdapter from "./core/src/MemoryAdapter.ts"
import { Sealed } from "./core/src/Sealed.ts"
import { LRUCache } from "lru-cache"
import * as Effect from "effect/Effect"
import * as Clock from "effect/Clock"
import * as ECache from "effect/Cache"
const clock = Effect.runSync(Clock.Clock)
const repeat = Effect.fnUntraced(function* (get: () => Effect.Effect<any, any, any>, n: number) { let v: any; for (let i = 0; i < n; i++) v = yield* get(); return v })
const loop = (get: () => Effect.Effect<any, any, any>) => (n: number) => Effect.runPromise(repeat(get, n) as any)
const fetcher = () => Effect.succeed("v")
const ours = (ttl: any) => async () => { const c: any = Cache.makeUnsafe<string>({ adapter: MemoryAdapter.make({}), cacheTtl: ttl }); await Effect.runPromise(c.getOrSet("k", fetcher)); return loop(() => c.getOrSet("k", () => Effect.succeed("v"))) }
const eff = (o: any) => async () => { const c = Effect.runSync(ECache.make({ capacity: 10000, lookup: fetcher, ...o })) as any; return loop(() => ECache.get(c, "k")) }
const forever = { cache: "HIT", age: undefined, freshFor: Infinity }
class LazyAnswer { value: any; private s: any; private a: number; private f: number; constructor(value: any, a: number, f: number) { this.value = value; this.a = a; this.f = f } get meta() { return { cache: "HIT", age: this.a, freshFor: this.f } } }
abstract class Lean {
  values = new LRUCache<string, any>({ max: 10000 }); epoch = Date.now(); closed = false; plan = { hooks: undefined }; counters = { hits: 0 }
  now(c: any) { const n = c.currentTimeMillisUnsafe() - this.epoch; const w = n | 0; return w === n ? w : n }
  constructor(fresh: number) { this.values.set("k", { value: new Sealed("v", undefined as any, 0), filledAt: this.now(clock), lifetime: { fresh, stale: 0 } }) }
  abstract hit(key: string, fiber: any): any
  readonly getOrSet = (key: string, f: any, o?: any): any => Effect.withFiber((fiber) => { if (o === undefined) { const h = this.hit(key, fiber); if (h !== undefined) return Effect.succeed(h) } return f() })
}
class LeanMeta extends Lean { hit(key: string, fiber: any) {
  if (this.closed || this.plan.hooks !== undefined) return undefined
  const k = this.values.get(key); if (k === undefined) return undefined
  const { lifetime, value } = k
  if (!(value instanceof Sealed)) return undefined
  const fresh = lifetime.fresh
  if (fresh === Infinity) { this.counters.hits++; return { value: value.value, meta: forever } }
  const age = this.now(fiber.getRef(Clock.Clock)) - k.filledAt
  if (age >= fresh) return undefined
  this.counters.hits++
  return { value: value.value, meta: { cache: "HIT", age: age < 0 ? 0 : age, freshFor: fresh - age } }
} }
class LeanLazy extends Lean { hit(key: string, fiber: any) {
  if (this.closed || this.plan.hooks !== undefined) return undefined
  const k = this.values.get(key); if (k === undefined) return undefined
  const { lifetime, value } = k
  if (!(value instanceof Sealed)) return undefined
  const fresh = lifetime.fresh
  const age = fresh === Infinity ? 0 : this.now(fiber.getRef(Clock.Clock)) - k.filledAt
  if (age >= fresh) return undefined
  this.counters.hits++
  return new LazyAnswer(value.value, age, fresh)
} }
// the answer is the effect that answers: no Effect.succeed beside it is possible, but a fiber can be answered with an Exit made once
class LeanConst extends Lean { e: any = undefined; hit(key: string, fiber: any) { this.values.get(key); return forever } }
class LeanNoClosure extends Lean { hit() { return forever } }
export const variants: Record<string, () => Promise<(n: number) => Promise<any>>> = {
  withFiber: async () => loop(() => Effect.withFiber(() => Effect.succeed("v"))),
  succeed: async () => loop(() => Effect.succeed("v")),
  ours: ours(Infinity), oursTtl: ours(3600_000),
  effect: eff({}), effectTtl: eff({ timeToLive: 3600_000 }),
  meta: async () => { const l = new LeanMeta(Infinity); return loop(() => l.getOrSet("k", () => Effect.succeed("v"))) },
  metaTtl: async () => { const l = new LeanMeta(3600_000); return loop(() => l.getOrSet("k", () => Effect.succeed("v"))) },
  lazy: async () => { const l = new LeanLazy(Infinity); return loop(() => l.getOrSet("k", () => Effect.succeed("v"))) },
  lazyTtl: async () => { const l = new LeanLazy(3600_000); return loop(() => l.getOrSet("k", () => Effect.succeed("v"))) },
  constant: async () => { const l = new LeanConst(Infinity); return loop(() => l.getOrSet("k", () => Effect.succeed("v"))) },
  nothing: async () => { const l = new LeanNoClosure(Infinity); return loop(() => l.getOrSet("k", () => Effect.succeed("v"))) }
}
