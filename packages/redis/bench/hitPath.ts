/**
 * The cost of a hit: throughput at 50 concurrent from one process, beside a plain GET, interleaved.
 *
 *   node --conditions=cache-locking-source bench/hitPath.ts [value bytes] [rounds] [redis | cluster | node-redis]
 *
 * Figures go to docs/decisions/redis-hit-path.md.
 */
import { RedisCluster, Redis as Server } from "@cache-locking/test-servers"
import * as Effect from "effect/Effect"
import { Cluster, Redis } from "ioredis"
import { createClient } from "redis"
import type { RedisAdapter } from "../src/index.ts"
import { resolve } from "../src/Options.ts"
import { single } from "../src/Scripts.ts"
import { Verbs } from "../src/Verbs.ts"

const [size = "100", rounds = "11", kind = "redis"] = process.argv.slice(2)
const operations = Number(size) > 4_096 ? 20_000 : 40_000
const concurrency = 50

const bytes = new Uint8Array(Number(size)).fill(7)
const lifetime = { fresh: 3_600_000, stale: 0 }
const ask = { owner: "0123456789abcdef0123456789abcdef", leaseFor: 15_000 }

type Get = () => Promise<unknown>
interface Subject extends AsyncDisposable {
  readonly client: RedisAdapter.Client
  readonly gets: Readonly<Record<string, Get>>
  /** INFO cpu of the one server, where there is one. */
  readonly cpu?: () => Promise<string>
}

const redis = async (): Promise<Subject> => {
  const server = await Server.start()
  const [client, pipelining] = [new Redis(server.url), new Redis(server.url, { enableAutoPipelining: true })]
  await client.set("raw", Buffer.from(bytes))
  const name = "bench-script{key}"
  const script = ["EVALSHA", single.acquire.sha, 2, name, `${name}:lease`, ask.owner, "15000", "0", "0"] as const
  return {
    client,
    gets: {
      "GET, as text": () => client.get("raw"),
      "GET, as bytes": () => client.getBuffer("raw"),
      "GET, enableAutoPipelining": () => pipelining.getBuffer("raw"),
      "the script by ioredis alone": () => client.callBuffer(...script)
    },
    cpu: () => client.info("cpu"),
    async [Symbol.asyncDispose]() {
      client.disconnect()
      pipelining.disconnect()
      await server.stop()
    }
  }
}

const cluster = async (): Promise<Subject> => {
  const servers = await RedisCluster.start()
  const client = new Cluster([...servers.seeds])
  await client.set("raw", Buffer.from(bytes))
  return {
    client,
    gets: { "GET, as text": () => client.get("raw"), "GET, as bytes": () => client.getBuffer("raw") },
    async [Symbol.asyncDispose]() {
      client.disconnect()
      await servers.stop()
    }
  }
}

const nodeRedis = async (): Promise<Subject> => {
  const server = await Server.start()
  const client = createClient({ url: server.url })
  await client.connect()
  await client.set("raw", Buffer.from(bytes))
  return {
    client,
    gets: { "GET, as text": () => client.get("raw") },
    cpu: () => client.sendCommand<string>(["INFO", "cpu"]),
    async [Symbol.asyncDispose]() {
      client.destroy()
      await server.stop()
    }
  }
}

const promises = (get: Get) => async () => {
  let left = operations
  const worker = async () => {
    while (left-- > 0) await get()
  }
  await Promise.all(Array.from({ length: concurrency }, worker))
}

const fibers = (verbs: Verbs) => () => {
  let left = operations
  const worker = Effect.whileLoop({
    while: () => left-- > 0,
    body: () => verbs.acquire("key", ask),
    step: () => {}
  })
  return Effect.runPromise(
    Effect.all(
      Array.from({ length: concurrency }, () => worker),
      { concurrency: "unbounded" }
    )
  )
}

const prepared = async (verbs: Verbs): Promise<Verbs> => {
  await Effect.runPromise(verbs.put("key", { value: { bytes }, lifetime }))
  await Effect.runPromise(verbs.acquire("key", ask))
  return verbs
}

const open = { redis, cluster, "node-redis": nodeRedis }[kind]
if (open === undefined) throw new Error(`no ${kind}: redis, cluster or node-redis`)
await using subject = await open()
const scripted = resolve({ client: subject.client, prefix: "bench-script" })
scripted.space.hints.note = () => {}
const adaptive = await prepared(new Verbs(resolve({ client: subject.client, prefix: "bench" })))
const script = await prepared(new Verbs(scripted))

const variants: Record<string, () => Promise<unknown>> = {
  ...Object.fromEntries(Object.entries(subject.gets).map(([name, get]) => [name, promises(get)])),
  "acquire, by script only": fibers(script),
  "acquire, as it is (GET)": fibers(adaptive)
}

/** Microseconds that the server's main thread has worked. */
const serverTime = async (): Promise<number> => {
  const info = (await subject.cpu?.()) ?? ""
  const seconds = (field: string) => Number(new RegExp(`used_cpu_${field}_main_thread:([\\d.]+)`).exec(info)?.[1])
  return (seconds("user") + seconds("sys")) * 1e6
}

const median = (numbers: ReadonlyArray<number>): number => [...numbers].sort((a, b) => a - b)[numbers.length >> 1]!

const measured = new Map<string, Array<{ rate: number; server: number; client: number }>>()
for (let round = 0; round < Number(rounds); round++) {
  for (const [variant, run] of Object.entries(variants)) {
    const server = await serverTime()
    const cpu = process.cpuUsage()
    const began = performance.now()
    await run()
    const took = performance.now() - began
    const { system, user } = process.cpuUsage(cpu)
    const figures = {
      rate: (operations / took) * 1000,
      server: ((await serverTime()) - server) / operations,
      client: (user + system) / operations
    }
    // The first round warms up.
    if (round > 0) measured.set(variant, [...(measured.get(variant) ?? []), figures])
  }
}

const floor = median(measured.get("GET, as text")!.map(({ rate }) => rate))
console.log(
  `${kind}, ${size} bytes, ${concurrency} concurrent, median of ${Number(rounds) - 1} rounds of ${operations}`
)
for (const [variant, figures] of measured) {
  const rate = median(figures.map(({ rate }) => rate))
  console.log(
    variant.padEnd(30),
    `${Math.round(rate / 1000)}k/s`.padStart(7),
    (rate / floor).toFixed(2),
    subject.cpu === undefined ? "" : `server ${median(figures.map(({ server }) => server)).toFixed(1)} µs`,
    `client ${median(figures.map(({ client }) => client)).toFixed(1)} µs`
  )
}
