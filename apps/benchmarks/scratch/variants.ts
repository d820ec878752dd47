import * as Cache from "./core/src/Cache.ts"
import * as MemoryAdapter from "./core/src/MemoryAdapter.ts"
import { Sealed } from "./core/src/Sealed.ts"
import * as Effect from "effect/Effect"
import * as Clock from "effect/Clock"
import * as ECache from "effect/Cache"

const loop = (n: number, f: () => Effect.Effect<any, any, any>) => Effect.gen(function* () { let v: any; for (let i = 0; i < n; i++) v = yield* f(); return v })
const cache: any = Cache.makeUnsafe<string>({ adapter: "memory" })
await Effect.runPromise(cache.getOrSet("k", () => Effect.succeed("v")))
const engine = cache.engine
const adapter = MemoryAdapter.processWide() as any
const fetcher = () => Effect.succeed("v")
const now = Date.now()
const answer = { value: "v", meta: { cache: "HIT", age: 0, freshFor: 1 } }
const answers: any = Effect.succeed(answer)
class C { m(key: string, f: any, o?: any): any { return Effect.withFiber((fiber) => { if (o === undefined) { const h = cache.hitUnsafe(key, fiber.getRef(Clock.Clock).currentTimeMillisUnsafe()); if (h !== undefined) return Effect.succeed(h) } return Effect.succeed(f) }) } }
const c = new C()
const kept = { value: new Sealed("v", undefined as any, 0), filledAt: now, lifetime: { fresh: Infinity, stale: 0 } }
const plain = (key: string) => { const hit = adapter.hitUnsafe(key, now); return { value: (hit.value as any).value, meta: { cache: "HIT", age: hit.age, freshFor: hit.freshFor } } }
const v: Record<string, () => any> = {
  withFiber: () => Effect.withFiber((f) => Effect.succeed(f)),
  withFiberConst: () => Effect.withFiber((f) => answers),
  withFiberCap: () => { const key = "k", x = fetcher, o = undefined; return Effect.withFiber((f) => Effect.succeed([key, x, o])) },
  clockOnly: () => Effect.withFiber((f) => { f.getRef(Clock.Clock).currentTimeMillisUnsafe(); return answers }),
  dateNowOnly: () => Effect.withFiber((f) => { Date.now(); return answers }),
  getRefOnly: () => Effect.withFiber((f) => { f.getRef(Clock.Clock); return answers }),
  hitNoClock: () => Effect.withFiber((f) => Effect.succeed(cache.hitUnsafe("k", now))),
  plainNoClock: () => Effect.withFiber((f) => Effect.succeed(plain("k"))),
  adapterNoClock: () => Effect.withFiber((f) => Effect.succeed(adapter.hitUnsafe("k", now))),
  keptNoClock: () => Effect.withFiber((f) => Effect.succeed(kept)),
  answerNoClock: () => Effect.withFiber((f) => Effect.succeed({ value: kept.value.value, meta: { cache: "HIT", age: now - kept.filledAt, freshFor: Infinity } })),
  answerSmi: () => Effect.withFiber((f) => Effect.succeed({ value: kept.value.value, meta: { cache: "HIT", age: 5, freshFor: 6 } })),
  method: () => c.m("k", fetcher),
  ours: () => cache.getOrSet("k", fetcher)
}
const E = Effect.runSync(ECache.make({ capacity: 10000, lookup: (k: string) => Effect.succeed("v") }))
v.effect = () => ECache.get(E, "k")
const name = process.argv[2]!
const out: number[] = []
for (let r = 0; r < 30; r++) { const t = process.hrtime.bigint(); await Effect.runPromise(loop(100_000, v[name]!)); out.push(Number(process.hrtime.bigint() - t) / 100_000) }
console.log(name.padEnd(14), out.slice(5).sort((a, b) => a - b)[12]!.toFixed(1))
