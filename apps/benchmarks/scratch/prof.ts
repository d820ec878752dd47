import { Redis } from "@cache-locking/test-servers"
import { Session } from "node:inspector/promises"
import { suiteOf } from "../src/Suites.ts"
const [suite, name, rounds] = process.argv.slice(2)
await using redis = await Redis.start()
const c = suiteOf(suite!)!.contenders.find((c) => c.name === name)!
const probe = await c.open({ quick: false, redis: { host: redis.host, port: redis.port } })
console.log(await probe.sample())
const s = new Session(); s.connect(); await s.post("Profiler.enable"); await s.post("Profiler.setSamplingInterval", { interval: 200 }); await s.post("Profiler.start")
let t = 0, n = 0
for (let i = 0; i < Number(rounds ?? 6); i++) { const x = await probe.sample(); t += x.time ?? 0; n++ }
const { profile } = await s.post("Profiler.stop") as any
console.log("mean", t / n)
const self = new Map<string, number>(), total = profile.samples.length
const byId = new Map(profile.nodes.map((x: any) => [x.id, x]))
for (const id of profile.samples) { const f = (byId.get(id) as any).callFrame; const k = `${f.functionName || "(anon)"} ${f.url.replace(/.*node_modules\//, "").replace(/.*\/packages\//, "packages/").replace(/.*\/benchmarks\//, "bench/")}:${f.lineNumber + 1}`; self.set(k, (self.get(k) ?? 0) + 1) }
for (const [k, v] of [...self].sort((a, b) => b[1] - a[1]).slice(0, Number(process.env.TOP ?? 45))) console.log((v / total * 100).toFixed(1).padStart(5), k)
await probe.close(); process.exit()
