import { writeHeapSnapshot } from "node:v8"
import { createCache } from "@cache-locking/core/promise"
import { MemoryAdapter } from "@cache-locking/core"
import { valueOf } from "../src/Origin.ts"
import { setTimeout as sleep } from "node:timers/promises"
const n = 100_000
const c = createCache<string>({ adapter: MemoryAdapter.make({ maxEntries: n }), cacheTtl: process.argv[2] === "ttl" ? 3600_000 : Infinity })
const w = createCache<string>({ adapter: MemoryAdapter.make({ maxEntries: n }) })
for (let i = 0; i < 1000; i++) await w.getOrSet(`key:${i}`, async () => valueOf(`key:${i}`))
for (let i = 0; i < 5; i++) { await sleep(1); gc!() }
const h0 = process.memoryUsage()
for (let i = 0; i < n; i++) await c.getOrSet(`key:${i}`, async () => valueOf(`key:${i}`))
for (let i = 0; i < 5; i++) { await sleep(1); gc!() }
const h1 = process.memoryUsage()
console.log("heap", (h1.heapUsed - h0.heapUsed) / n, "external", (h1.external - h0.external) / n)
import fs from "node:fs"
const f = writeHeapSnapshot("/tmp/x.heapsnapshot")
const s = JSON.parse(fs.readFileSync(f, "utf8"))
const F = s.snapshot.meta.node_fields, L = F.length, types = s.snapshot.meta.node_types[0]
const by = new Map<string, [number, number]>()
for (let i = 0; i < s.nodes.length; i += L) { const t = types[s.nodes[i + F.indexOf("type")]], size = s.nodes[i + F.indexOf("self_size")]; let name = s.strings[s.nodes[i + F.indexOf("name")]]; if (t === "string" || t === "concatenated string" || t === "sliced string") name = size; if (t === "code") name = ""; const k = t + " " + String(name).slice(0, 40); const e = by.get(k) ?? [0, 0]; e[0]++; e[1] += size; by.set(k, e) }
for (const [k, [c, b]] of [...by].sort((a, b) => b[1][1] - a[1][1]).slice(0, 14)) console.log(k.padEnd(50), c, (b / n).toFixed(1))
fs.unlinkSync(f)
console.log(await c.has("key:5"))
