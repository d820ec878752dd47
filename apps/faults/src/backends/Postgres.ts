import * as Effect from "effect/Effect"
import { type Backend, bound, type ConnectOptions, openServer } from "./Backend.ts"

/** By its own choice the client pauses up to twenty seconds between attempts to connect. */
const settings = {
  hasty: { backoff: () => 0.1 },
  documented: { max_lifetime: 60, backoff: (attempt: number) => Math.min(3 ** attempt / 100, 1) }
}

const clientOf = async (url: string, max: number, client: ConnectOptions["client"]) => {
  const { default: postgres } = await import("postgres")
  return postgres(url, { max, fetch_types: false, onnotice: () => {}, ...settings[client] })
}

/** Makes the table in an empty server. */
export const prepare = async (url: string): Promise<void> => {
  const { PostgresAdapter } = await import("@cache-locking/postgres")
  const client = await clientOf(url, 1, "hasty")
  try {
    await Effect.runPromise(PostgresAdapter.setup({ client }))
  } finally {
    await client.end({ timeout: 1 })
  }
}

export const backend: Backend = {
  name: "postgres",
  pace: 50,
  leases: [1_000, 3_000],
  commandTimeout: 1_000,
  open: async () => {
    const { Postgres } = await import("@cache-locking/test-servers")
    return openServer("Postgres", Postgres.start({ own: true }), { prepare })
  },
  connect: async (url, options) => {
    const { PostgresAdapter } = await import("@cache-locking/postgres")
    const client = await clientOf(url, options.client === "documented" ? 10 : 4, options.client)
    return {
      adapter: PostgresAdapter.make({ client, prefix: options.prefix, ...bound(options) }),
      close: () => client.end({ timeout: 1 })
    }
  }
}
