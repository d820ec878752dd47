/** The setup on Postgres. `here` reaches it through a proxy that is slow, and can fall silent. */
import type { Claims, Records } from "@cache-locking/conformance-kit"
import { PostgresAdapter } from "@cache-locking/postgres"
import { Postgres } from "@cache-locking/test-servers"
import * as Effect from "effect/Effect"
import postgres from "postgres"
import { type AdapterSetups, factsOf, noClaims, proxied, scoped, serving } from "./AdapterSetup.ts"

const claims: Claims = {
  ...noClaims,
  watch: true,
  keys: true,
  changes: true,
  acquireMany: true,
  deleteMany: true,
  close: true,
  clock: "store"
}

/** Keeps the rows apart from other data in a server that was given. */
const table = `conformance_${process.pid}`

const clientOf = (url: string) =>
  scoped(
    () => postgres(url, { max: 10, onnotice: () => {}, backoff: () => 0.05 }),
    (client) => client.end({ timeout: 1 })
  )

/** Every row of the key, past the adapter: from the columns alone, and a minute of grace, as its README says. */
const recordsOf =
  (client: PostgresAdapter.Client): Records =>
  (key) =>
    Effect.promise(async () => {
      const rows = await client`
        select coalesce(greatest(changed_at, filled_at + fresh_for + stale_for, lease_until, cooling_until), 0)
          + 60000 - date_part('epoch', clock_timestamp()) * 1000 as left
        from ${client(table)} where key = ${Buffer.from(key)}`
      return rows.map((row) => ({ name: `the row of ${key}`, expiresIn: Number(row["left"]) }))
    })

export const postgresSetups: AdapterSetups = {
  postgres: {
    title: "Postgres",
    package: "@cache-locking/postgres",
    open: Effect.gen(function* () {
      const server = yield* serving(() => Postgres.start())
      const { stall, url } = yield* proxied(server, { delay: 2 })
      const observer = yield* clientOf(server.url)
      yield* Effect.orDie(PostgresAdapter.setup({ client: observer, table }))
      yield* Effect.addFinalizer(() => Effect.promise(() => observer.unsafe(`drop table ${table}`)))
      const here = PostgresAdapter.make({ client: yield* clientOf(url), table })
      const there = PostgresAdapter.make({ client: yield* clientOf(server.url), table })
      return {
        server: factsOf(server, "Postgres"),
        setup: { name: "Postgres", claims, peers: () => ({ here, there }), records: recordsOf(observer), stall }
      }
    })
  }
}
