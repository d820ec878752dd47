/** Behind PgBouncer in transaction mode: every statement may run on another connection of Postgres. */
import {
  ask,
  failureOf,
  hitOf,
  lead,
  lifetime,
  minute,
  put,
  run,
  stampede,
  subscriptions,
  value
} from "@cache-locking/conformance-kit/testing"
import { suite } from "@cache-locking/conformance-kit/vitest"
import { orUnavailable, PgBouncer, Postgres, Unavailable } from "@cache-locking/test-servers"
import { serverOfTest } from "@cache-locking/test-servers/vitest"
import * as Effect from "effect/Effect"
import postgres from "postgres"
import { afterAll, describe, expect, it } from "vitest"
import { PostgresAdapter } from "../src/index.ts"
import { adapterOf, claims, clientOf, proxied } from "./fixtures/Support.ts"

/** Fewer than there are clients, so that each statement gets whichever is free. */
const poolSize = 3

/** Postgres, and PgBouncer before it. */
const start = async () => {
  const server = await orUnavailable(Postgres.start({ own: true }))
  if (server instanceof Unavailable) return server
  const bouncer = await orUnavailable(PgBouncer.start({ target: server, poolSize }))
  if (bouncer instanceof Unavailable) await server.stop()
  return bouncer instanceof Unavailable ? bouncer : { server, bouncer }
}

/** The options of the client and of the adapter behind the pooler. */
const unprepared: postgres.Options<{}> = { prepare: false, max: 6 }
const polling = { watch: false }

const servers = await start()

if (servers instanceof Unavailable) describe(servers.kind, () => it.skip(servers.message))
else {
  const { bouncer, server } = servers
  afterAll(async () => {
    await bouncer.stop()
    await server.stop()
  })

  suite(
    {
      name: "Postgres behind PgBouncer in transaction mode",
      claims: { ...claims, watch: false, changes: false },
      peers: async () => {
        const clients = [1, 2].map(() => postgres(bouncer.url, { ...unprepared, onnotice: () => {} } as never))
        const [here, there] = clients as [PostgresAdapter.Client, PostgresAdapter.Client]
        await run(PostgresAdapter.setup({ client: here, table: "kit" }))
        return {
          // The largest values need more than the default on a busy machine.
          here: PostgresAdapter.make({ client: here, table: "kit", commandTimeout: 4_000, ...polling }),
          there: PostgresAdapter.make({ client: there, table: "kit", commandTimeout: 4_000, ...polling }),
          close: async () => void (await Promise.all(clients.map((client) => client.end({ timeout: 1 }))))
        }
      }
    },
    { concurrent: true }
  )

  const own = ["ACQUIRE", "PEEK", "FILL", "READ"]

  const stampeded = async (options: Partial<PostgresAdapter.Options>, key: string) => {
    const peers = await Promise.all(Array.from({ length: 4 }, () => proxied(bouncer, options, unprepared)))
    return await stampede(
      peers.map(({ adapter, sent }) => ({ adapter, sent: () => sent.take().filter((name) => own.includes(name)) })),
      key
    )
  }

  describe("behind PgBouncer in transaction mode", () => {
    it("4 × 250 callers are one load, and as many statements as each process polls, however many ask", async () => {
      const { late, sent } = await stampeded(polling, "polled")
      expect(late).toBeLessThan(2_000)
      for (const names of sent) expect(names.length, names.join()).toBeLessThanOrEqual(16)
    })

    it("with `watch` left as it is, watching fails, typed, and followers poll meanwhile", async () => {
      const { late } = await stampeded({ prefix: "left", commandTimeout: "1 second" }, "watched")
      // Not after a watch that never becomes live.
      expect(late).toBeLessThan(900)
      const { adapter } = await proxied(bouncer, { prefix: "left", commandTimeout: 300 }, unprepared)
      for (const [, call] of subscriptions(adapter)) {
        expect(await failureOf(call)).toMatchObject({
          reason: "Unavailable",
          message: expect.stringContaining("pooler")
        })
      }
    })

    it("fifty that ask at once are one leader, whichever connection each gets", async () => {
      const peers = await Promise.all(Array.from({ length: 4 }, () => adapterOf(bouncer.url, polling, unprepared)))
      for (let round = 0; round < 50; round++) {
        const asked = Array.from({ length: 50 }, (_, i) => peers[i % 4]!.adapter.acquire(`r${round}`, ask(`o${i}`)))
        const found = await run(Effect.all(asked, { concurrency: "unbounded" }))
        expect(found.filter(({ _tag }) => _tag === "Leader")).toHaveLength(1)
        expect(found.filter(({ _tag }) => _tag === "Follower")).toHaveLength(49)
      }
    })

    it("leaves nothing in a session: no lock, no listener, no prepared statement", async () => {
      const own = await serverOfTest(PgBouncer.start({ target: server, poolSize }))
      const { adapter, client } = await adapterOf(own.url, { ...polling, table: "sessions" }, unprepared)
      await Promise.all(
        Array.from({ length: 12 }, () =>
          run(PostgresAdapter.setup({ client, table: "sessions" })).then(() => lead(adapter, crypto.randomUUID()))
        )
      )
      await run(PostgresAdapter.collect({ client, table: "sessions" }))
      // Each of the few connections answers at least once.
      const looked = await Promise.all(
        Array.from({ length: 12 }, () =>
          client.unsafe(`select pg_backend_pid() as pid, pg_sleep(0.02),
            (select count(*)::int from pg_prepared_statements) as prepared,
            (select count(*)::int from pg_listening_channels()) as listening,
            (select count(*)::int from pg_locks where locktype = 'advisory') as locks`)
        )
      )
      const sessions = new Map(looked.map(([row]) => [row!["pid"], row!]))
      expect(sessions.size).toBeGreaterThan(1)
      for (const row of sessions.values()) {
        expect(row).toMatchObject({ prepared: 0, listening: 0, locks: 0 })
      }
    })

    it("in session mode, where a connection stays, all is as without a pooler: followers are woken", async () => {
      const session = await serverOfTest(PgBouncer.start({ target: server, poolMode: "session", poolSize: 20 }))
      const peers = await Promise.all([1, 2].map(() => adapterOf(session.url, { prefix: "session" })))
      const woken = Effect.flatten(peers[0]!.adapter.watch!("k"))
      const put = peers[1]!.adapter.put("k", { value: value(1), lifetime: lifetime(minute) })
      const changing = Effect.repeat(Effect.andThen(put, Effect.sleep(20)), { times: 100 })
      expect(await run(Effect.raceFirst(Effect.as(Effect.scoped(woken), "woken"), Effect.as(changing, "not")))).toBe(
        "woken"
      )
    })

    it("setup against setup: all succeed", async () => {
      const clients = Array.from({ length: 3 }, () => clientOf(bouncer.url, unprepared))
      for (let round = 0; round < 20; round++) {
        const setups = Array.from({ length: 6 }, (_, i) =>
          PostgresAdapter.setup({ client: clients[i % 3]!, table: `setup ${round}` })
        )
        await run(Effect.all(setups, { concurrency: "unbounded" }))
      }
    })

    it("that is killed is unavailable, and used again when it is back, with its data", async () => {
      const own = await serverOfTest(PgBouncer.start({ target: server, poolSize }))
      const { adapter } = await adapterOf(own.url, { ...polling, prefix: "killed", commandTimeout: 1_000 }, unprepared)
      await put(adapter, "k")
      const { token } = await lead(adapter, "led")
      await own.kill()
      for (const verb of [adapter.read("k"), adapter.renew("led", { token, leaseFor: minute })]) {
        expect(await failureOf(verb)).toMatchObject({ reason: "Unavailable", retryable: true })
      }
      await own.restart()
      await expect.poll(async () => (await run(Effect.result(adapter.read("k"))))._tag).toBe("Success")
      expect((await hitOf(adapter, "k")).value).toEqual(value(1))
      expect(await run(adapter.fill("led", { token, value: value(2), lifetime: lifetime(minute) }))).toBe(true)
    })
  })
}
