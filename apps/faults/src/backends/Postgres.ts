import * as Effect from "effect/Effect"
import { type Backend, openServer } from "./Backend.ts"

const clientOf = async (url: string, max: number) => {
  const { default: postgres } = await import("postgres")
  // By its own choice it pauses up to twenty seconds between attempts to connect.
  return postgres(url, { max, fetch_types: false, onnotice: () => {}, backoff: () => 0.1 })
}

export const backend: Backend = {
  name: "postgres",
  pace: 50,
  leases: [1_000, 3_000],
  commandTimeout: 1_000,
  open: async () => {
    const { Postgres } = await import("@cache-locking/test-servers")
    const prepare = async (url: string) => {
      const { PostgresAdapter } = await import("@cache-locking/postgres")
      const client = await clientOf(url, 1)
      try {
        await Effect.runPromise(PostgresAdapter.setup({ client }))
      } finally {
        await client.end({ timeout: 1 })
      }
    }
    return openServer("Postgres", Postgres.start({ own: true }), { prepare })
  },
  connect: async (url, prefix, commandTimeout) => {
    const { PostgresAdapter } = await import("@cache-locking/postgres")
    const client = await clientOf(url, 4)
    return {
      adapter: PostgresAdapter.make({ client, prefix, commandTimeout }),
      close: () => client.end({ timeout: 1 })
    }
  }
}
