/**
 * What a hit costs: throughput at 50 concurrent from one process, beside plain GET, interleaved.
 *
 *   node --conditions=cache-locking-source bench/hitPath.ts [value bytes] [rounds]
 *
 * Figures go to docs/decisions/redis-hit-path.md.
 */
import type { Adapter } from "@cache-locking/core"
import { Redis as Server } from "@cache-locking/test-servers"
import * as Effect from "effect/Effect"
import { Redis } from "ioredis"
import { resolve } from "../src/Options.ts"
import { single } from "../src/Scripts.ts"
import { Verbs } from "../src/Verbs.ts"

const size = Number(process.argv[2] ?? 128)
const rounds = Number(process.argv[3] ?? 9)
const operations = size > 4096 ? 20_000 : 40_000
const concurrency = 50

await using server = await Server.start()
const client = new Redis(server.url)
const pipelining = new Redis(server.url, { enableAutoPipelining: true })
const value = { bytes: new Uint8Array(size).fill(7) }
const lifetime = { fresh: 3_600_000, stale: 0 }
const ask = { owner: "0123456789abcdef0123456789abcdef", leaseFor: 15_000 }

const adaptive = new Verbs(resolve({ client, prefix: "bench" }))
const scripted = resolve({ client, prefix: "bench-script" })
scripted.space.sightings.note = () => {}
const script = new Verbs(scripted)

const prepare = async (verbs: Pick<Adapter, "put" | "acquire">) => {
  await Effect.runPromise(verbs.put("key", { value, lifetime }))
  await Effect.runPromise(verbs.acquire("key", ask))
}
await prepare(adaptive)
await prepare(script)
await client.set("raw", Buffer.alloc(size, 7))

const promises = (f: () => Promise<unknown>) => async () => {
  let left = operations
  const worker = async () => {
    while (left-- > 0) await f()
  }
  await Promise.all(Array.from({ length: concurrency }, worker))
}

const fibers = (f: () => Effect.Effect<unknown, unknown>) => () => {
  let left = operations
  const worker = Effect.whileLoop({ while: () => left-- > 0, body: f, step: () => {} })
  return Effect.runPromise(
    Effect.all(
      Array.from({ length: concurrency }, () => worker),
      { concurrency: "unbounded" }
    )
  )
}

const name = "bench-script{key}"
const scriptArguments = [ask.owner, "15000", "0", "0"]
const variants: Record<string, () => Promise<unknown>> = {
  "GET, as text": promises(() => client.get("raw")),
  "GET, as bytes": promises(() => client.getBuffer("raw")),
  "GET, enableAutoPipelining": promises(() => pipelining.getBuffer("raw")),
  "the script by ioredis alone": promises(() =>
    client.callBuffer("EVALSHA", single.acquire.sha, 2, name, `${name}:lease`, ...scriptArguments)
  ),
  "acquire by script": fibers(() => script.acquire("key", ask)),
  "acquire, as it is (GET)": fibers(() => adaptive.acquire("key", ask))
}

const mainThread = async (): Promise<number> => {
  const info = await client.info("cpu")
  const seconds = (field: string) => Number(new RegExp(`used_cpu_${field}_main_thread:([\\d.]+)`).exec(info)?.[1])
  return (seconds("user") + seconds("sys")) * 1e6
}

const median = (numbers: ReadonlyArray<number>): number => [...numbers].sort((a, b) => a - b)[numbers.length >> 1]!

const measured = new Map<string, Array<{ rate: number; server: number; client: number }>>()
for (let round = 0; round < rounds; round++) {
  for (const [variant, run] of Object.entries(variants)) {
    const serverBefore = await mainThread()
    const cpu = process.cpuUsage()
    const began = performance.now()
    await run()
    const took = performance.now() - began
    const { system, user } = process.cpuUsage(cpu)
    const server = (await mainThread()) - serverBefore
    const figures = {
      rate: (operations / took) * 1000,
      server: server / operations,
      client: (user + system) / operations
    }
    if (round > 0) measured.set(variant, [...(measured.get(variant) ?? []), figures])
  }
}

const floor = median(measured.get("GET, as text")!.map(({ rate }) => rate))
console.log(`${size} bytes, ${concurrency} concurrent, median of ${rounds - 1} interleaved rounds of ${operations}`)
for (const [variant, figures] of measured) {
  const rate = median(figures.map(({ rate }) => rate))
  console.log(
    variant.padEnd(30),
    `${Math.round(rate / 1000)}k/s`.padStart(7),
    (rate / floor).toFixed(2),
    `server ${median(figures.map(({ server }) => server)).toFixed(1)} µs`,
    `client ${median(figures.map(({ client }) => client)).toFixed(1)} µs`
  )
}
client.disconnect()
pipelining.disconnect()
