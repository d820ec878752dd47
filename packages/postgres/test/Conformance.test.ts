/**
 * The whole contract over a real server, in the supported modes: prepared and not, logged and not, with LISTEN and
 * without.
 */
import type { Claims, Records } from "@cache-locking/conformance-kit"
import { run, stallOf } from "@cache-locking/conformance-kit/testing"
import { suite } from "@cache-locking/conformance-kit/vitest"
import { FaultProxy, Postgres } from "@cache-locking/test-servers"
import { overServer } from "@cache-locking/test-servers/vitest"
import * as Effect from "effect/Effect"
import postgres from "postgres"
import { beforeAll } from "vitest"
import { PostgresAdapter } from "../src/index.ts"
import * as Space from "../src/Space.ts"
import { collectedAt } from "../src/Statements.ts"
import { claims } from "./fixtures/Support.ts"

/** The largest values take twice their size on the wire, and on a busy machine more than the two seconds of the default. */
const commandTimeout = 4_000

/** Rows, and when they may be collected. */
const recordsOf =
  (client: PostgresAdapter.Client, names: Space.Names): Records =>
  (key) =>
    Effect.promise(async () => {
      const { table } = Space.make(names)
      const now = "date_part('epoch', clock_timestamp()) * 1000"
      const text = `select ${collectedAt("t")} - ${now} as left from ${table} t where prefix = $1 and key = $2::bytea`
      const rows = await client.unsafe(text, [names.prefix, new TextEncoder().encode(key)] as never)
      return rows.map(({ left }) => ({ name: key, expiresIn: Number(left) }))
    })

await overServer(Postgres.start(), (server) => {
  const over = (
    name: string,
    { client: clientOptions = {}, ...settings }: PostgresAdapter.Settings & { readonly client?: object },
    more: Partial<Claims> = {}
  ) => {
    let proxy: FaultProxy | undefined
    const names = { schema: "public", table: `kit ${process.pid} ${name}`.slice(0, 63), prefix: "kit" }
    const connect = (url: string) =>
      postgres(url, { max: 10, onnotice: () => {}, backoff: () => 0.05, ...clientOptions } as postgres.Options<{}>)
    const eye = connect(server.url)
    beforeAll(() => run(PostgresAdapter.setup({ ...settings, ...names, client: eye })))
    suite(
      {
        name,
        claims: { ...claims, ...more },
        records: recordsOf(eye, names),
        stall: stallOf(() => proxy!, 10_000),
        peers: async () => {
          proxy = await FaultProxy.start({ target: server })
          const clients = [connect(proxy.url()), connect(server.url)] as const
          const [here, there] = clients.map((client) =>
            PostgresAdapter.make({ ...settings, ...names, client, commandTimeout })
          )
          return {
            here: here!,
            there: there!,
            close: async () => {
              await Promise.all(clients.map((client) => client.end({ timeout: 1 })))
              await eye.unsafe(`drop table ${Space.make(names).table}`)
              await eye.end({ timeout: 1 })
              await proxy?.stop()
            }
          }
        }
      },
      { concurrent: true }
    )
  }

  over("Postgres", {})
  // As behind a pooler: nothing prepared, no LISTEN; and with transactions that are stricter than they need to be.
  over(
    "Postgres, nothing prepared, unlogged, repeatable read",
    {
      client: { prepare: false, connection: { default_transaction_isolation: "repeatable read" } },
      unlogged: true,
      watch: false
    },
    { watch: false, changes: false }
  )
})
