/** Many at once, over several connections and over several processes, two hundred times each: never two winners. */
import { ask, lifetime, minute, run, value } from "@cache-locking/conformance-kit/testing"
import { Contenders, races, racesOfProcesses } from "@cache-locking/conformance-kit/vitest"
import { Postgres } from "@cache-locking/test-servers"
import { serverOfFile } from "@cache-locking/test-servers/vitest"
import * as Effect from "effect/Effect"
import postgres from "postgres"
import { describe, expect, it } from "vitest"
import { PostgresAdapter } from "../src/index.ts"
import { adapterOf, claims, clientOf } from "./fixtures/Support.ts"

const rounds = 200
const patient = { commandTimeout: 10_000 }

const server = await serverOfFile(Postgres.start({ own: true }))
const { url } = server
const racer = new URL("./fixtures/Racer.ts", import.meta.url)

races({
  name: "Postgres",
  claims,
  peers: async () => {
    const clients = Array.from({ length: 4 }, () => postgres(url, { max: 4, onnotice: () => {} }))
    await run(PostgresAdapter.setup({ client: clients[0]!, table: "races" }))
    const [here, there, ...more] = clients.map((client) => PostgresAdapter.make({ client, table: "races", ...patient }))
    const close = async () => void (await Promise.all(clients.map((client) => client.end({ timeout: 1 }))))
    return { here: here!, there: there!, more, close }
  }
})

const each = <A>(count: number, f: (i: number) => Effect.Effect<A, unknown>) =>
  run(
    Effect.all(
      Array.from({ length: count }, (_, i) => f(i)),
      { concurrency: "unbounded" }
    )
  )

const peersOf = (table: string) =>
  Promise.all(Array.from({ length: 4 }, async () => (await adapterOf(url, { table, ...patient })).adapter))

describe("races", () => {
  it("collection against callers that take ended rows: no leased or kept row is removed", async () => {
    const table = "collect"
    const peers = await peersOf(table)
    const client = clientOf(url)
    const collectors = Array.from({ length: 2 }, () => clientOf(url))
    const outcomes = { removed: 0, led: 0 }
    const ended = 50
    for (let round = 0; round < rounds / 4; round++) {
      // A value or a lease that ended long ago, as a crash leaves it.
      await client`insert into ${client(table)} (prefix, id, key, changed_at, owner, token, lease_since, lease_until)
        select 'cache', sha256(k::bytea), k::bytea, 0, 'crashed', gen_random_uuid(), 0, 1
        from (select ${`round ${round}`} || ' ' || i as k from generate_series(1, ${ended}) i) t`
      const key = (i: number) => `round ${round} ${i + 1}`
      const collecting = Promise.all(
        collectors.map((client) => run(PostgresAdapter.collect({ client, table, ...patient })))
      )
      const taken = await each(ended, (i) =>
        i % 5 === 0
          ? Effect.as(peers[i % 4]!.put(key(i), { value: value(i), lifetime: lifetime(minute) }), undefined)
          : peers[i % 4]!.acquire(key(i), ask(`owner ${i}`))
      )
      outcomes.removed += (await collecting).reduce((sum, one) => sum + one, 0)
      for (const [i, found] of taken.entries()) {
        if (found === undefined) {
          expect((await run(peers[1]!.read(key(i)))).value).toEqual(value(i))
          continue
        }
        // Nobody else asks for it: it is led, and the lease is there.
        if (found._tag !== "Leader") throw new Error(`${key(i)}: ${found._tag}`)
        const fill = { token: found.token, value: value(i), lifetime: lifetime(minute) }
        expect(await run(peers[2]!.fill(key(i), fill)), key(i)).toBe(true)
        outcomes.led++
      }
    }
    expect(outcomes.led).toBe((rounds / 4) * (ended - ended / 5))
    // Some were collected before they were taken, or this is no race.
    expect(outcomes.removed).toBeGreaterThan(0)
  })

  it("setup against setup: all succeed, and there is one table", async () => {
    const clients = Array.from({ length: 4 }, () => clientOf(url))
    for (let round = 0; round < rounds; round++) {
      const options = { schema: round % 10 === 0 ? `schema ${round}` : "public", table: `table ${round}` }
      await each(6, (i) => PostgresAdapter.setup({ ...options, client: clients[i % 4]! }))
    }
    const [row] =
      await clients[0]!`select count(*)::int as tables from pg_class where relname like 'table %' and relkind = 'r'`
    expect(row!["tables"]).toBe(rounds)
  })
})

racesOfProcesses({
  name: "Postgres",
  file: racer,
  args: [url, "processes"],
  adapter: async () => (await adapterOf(url, { table: "processes" })).adapter
})

it("races of processes: setup against setup: all succeed", async () => {
  await using contenders = await Contenders.start(racer, [url, "none"], 2)
  for (let round = 0; round < rounds; round++) {
    const part = { task: "setup", key: `processes setup ${round}`, callers: 2 }
    expect(await contenders.round([part, part])).toEqual([
      ["done", "done"],
      ["done", "done"]
    ])
  }
})
