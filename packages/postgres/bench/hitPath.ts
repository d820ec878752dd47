/**
 * The cost of a hit for the server, executor alone, beside a bare `select` by primary key; and its cost beside the
 * client's own `select`, from end to end.
 *
 *   node --conditions=cache-locking-source bench/hitPath.ts
 */
import { Postgres } from "@cache-locking/test-servers"
import * as Effect from "effect/Effect"
import postgres from "postgres"
import { PostgresAdapter } from "../src/index.ts"
import * as Space from "../src/Space.ts"
import { statements } from "../src/Statements.ts"

const rounds = 2_000
const concurrency = 20
const seconds = 1

await using server = await Postgres.start({ own: true })
const client = postgres(server.url, { max: 4, onnotice: () => {} })
await Effect.runPromise(PostgresAdapter.setup({ client }))
const adapter = PostgresAdapter.make({ client, prefix: "bench" })
for (let i = 0; i < 1_000; i++) {
  const value = { bytes: new Uint8Array(100).fill(7) }
  await Effect.runPromise(adapter.put(`k${i}`, { value, lifetime: { fresh: 600_000, stale: 0 } }))
}

const texts = statements(Space.make({ schema: "public", table: "cache_locking", prefix: "bench" }))
const bare = "select t.value from cache_locking t where t.prefix = $1 and t.id = sha256($2::bytea)"

/** Microseconds in the executor, as the server reports them: the median. */
const serverTime = async (name: string, text: string, types: string, given: string) => {
  const session = await client.reserve()
  try {
    await session.unsafe("set plan_cache_mode = force_generic_plan")
    await session.unsafe(`prepare ${name} (${types}) as ${text}`)
    const times: Array<number> = []
    for (let i = 0; i < rounds; i++) {
      const rows = await session.unsafe(`explain (analyze, timing off) execute ${name} (${given})`)
      const last = String(rows.at(-1)?.["QUERY PLAN"])
      times.push(1_000 * Number(/Execution Time: ([\d.]+) ms/.exec(last)?.[1]))
    }
    return Math.round(times.sort((a, b) => a - b)[rounds / 2]!)
  } finally {
    session.release()
  }
}

const key = "'bench', 'k500'::bytea"
console.log("server, µs:", {
  "bare select": await serverTime("bare", bare, "text, bytea", key),
  read: await serverTime("peek", texts.peek, "text, bytea, bytea, float8", `${key}, 'me', 0`),
  "could also grant": await serverTime(
    "acquire",
    texts.acquire,
    "text, bytea, bytea, float8, float8, boolean",
    `${key}, 'me', 1000, 0, false`
  )
})

/** Calls per second, by this many callers, each of which calls one after the other. */
const rate = async (call: () => Promise<unknown>): Promise<number> => {
  let calls = 0
  const end = performance.now() + seconds * 1000
  const caller = async () => {
    for (; performance.now() < end; calls++) await call()
  }
  await Promise.all(Array.from({ length: concurrency }, caller))
  return Math.round(calls / seconds)
}

const ask = { owner: "bench", leaseFor: 1_000 }
const bytes = new TextEncoder().encode("k500")
const rates = { select: 0, hit: 0 }
// In turns, so that other work affects both alike.
for (let round = 0; round < 3; round++) {
  const select = () => client.unsafe(bare, ["bench", bytes] as never, { prepare: true }).raw()
  rates.select = Math.max(rates.select, await rate(select))
  rates.hit = Math.max(rates.hit, await rate(() => Effect.runPromise(adapter.acquire("k500", ask))))
}
console.log("a second:", rates, (rates.hit / rates.select).toFixed(2))
await Effect.runPromise(adapter.close!)
await client.end()
