/** What the setups over Postgres share. */
import type { Claims, Records } from "@cache-locking/conformance-kit"
import { PostgresAdapter } from "@cache-locking/postgres"
import { FaultProxy, type Server } from "@cache-locking/test-servers"
import * as Effect from "effect/Effect"
import postgres from "postgres"
import { type AdapterSetup, factsOf, serving } from "./AdapterSetup.ts"

const claims: Claims = {
  watch: true,
  keys: true,
  changes: true,
  acquireMany: true,
  deleteMany: true,
  hitUnsafe: false,
  close: true,
  clock: "store"
}

/** Apart from whatever else is in a server that was given. */
const table = `conformance_${process.pid}`

/** Milliseconds by which every reply comes late to `here`. */
const lag = 2

/** Well beyond the adapter's own timeout of two seconds. */
const settlesWithin = 10_000

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

/** One server: `here` speaks to it through a proxy that is slow, and can fall silent. */
export const singleServer = (title: string, name: string, start: () => Promise<Server>): AdapterSetup => ({
  title,
  package: "@cache-locking/postgres",
  open: Effect.gen(function* () {
    const server = yield* serving(start)
    const proxy = yield* Effect.acquireRelease(
      Effect.promise(() => FaultProxy.start({ target: server })),
      (proxy) => Effect.promise(() => proxy.stop())
    )
    proxy.delay(lag)
    const connect = (url: string) => postgres(url, { max: 10, onnotice: () => {}, backoff: () => 0.05 })
    const eye = connect(server.url)
    const clients = [connect(proxy.url()), connect(server.url)]
    yield* Effect.orDie(PostgresAdapter.setup({ client: eye, table }))
    const [here, there] = clients.map((client) => PostgresAdapter.make({ client, table }))
    return {
      server: factsOf(server, name),
      setup: {
        name: title,
        claims,
        peers: () => ({
          here: here!,
          there: there!,
          close: async () => {
            await eye.unsafe(`drop table ${table}`)
            await Promise.all([eye, ...clients].map((client) => client.end({ timeout: 1 })))
          }
        }),
        records: recordsOf(eye),
        stall: {
          begin: Effect.acquireRelease(
            Effect.sync(() => proxy.blackhole()),
            () =>
              Effect.promise(async () => {
                await proxy.heal()
                proxy.delay(lag)
              })
          ),
          within: settlesWithin
        }
      }
    }
  })
})
