import { postgresCommands, Postgres as Server } from "@cache-locking/test-servers"
import * as Effect from "effect/Effect"
import type { Backend } from "./Backend.ts"

const connect = async (url: string) => {
  const { default: postgres } = await import("postgres")
  return postgres(url, { onnotice: () => {} })
}

const place = { schema: "benchmarks" }

export const Postgres: Backend = {
  name: "Postgres",
  packages: ["postgres"],
  words: { get: "`SELECT` by primary key", write: "`INSERT … ON CONFLICT DO NOTHING`" },
  miss: 2,
  reader: postgresCommands,
  // Once for each connection.
  counts: ({ name }) => name !== "PARSE",

  start: async () => {
    const server = await Server.start()
    const client = await connect(server.url)
    const { PostgresAdapter } = await import("@cache-locking/postgres")
    await Effect.runPromise(PostgresAdapter.setup({ client, ...place }))
    await client`create table if not exists benchmarks.floor (key text primary key, value text not null)`
    await client.end()
    return { title: `Postgres ${server.origin.version}`, url: server.url, stop: () => server.stop() }
  },

  open: async (url) => {
    const client = await connect(url)
    const { PostgresAdapter } = await import("@cache-locking/postgres")
    return {
      adapter: PostgresAdapter.make({ client, ...place }),
      floor: {
        get: async (key) => (await client`select value from benchmarks.floor where key = ${key}`)[0]?.["value"],
        write: (key, value) =>
          client`insert into benchmarks.floor values (${key}, ${value}) on conflict do nothing`.then(() => {})
      },
      close: () => client.end({ timeout: 1 })
    }
  }
}
