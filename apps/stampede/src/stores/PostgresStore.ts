import * as Effect from "effect/Effect"
import { counted, hostAndPort, serverStore, targetOf, uncounted } from "./ServerStore.ts"

const defaultPort = 5432

const isEncrypted = ({ searchParams }: URL): boolean =>
  !["", "disable", "allow", "prefer", "false"].includes(searchParams.get("sslmode") ?? searchParams.get("ssl") ?? "")

const clientOf = async (url: string, max: number) => {
  const { default: postgres } = await import("postgres")
  return postgres(url, { max, fetch_types: false, onnotice: () => {}, connect_timeout: 5 })
}

/** Postgres. A run has a table of its own, which is dropped when it is over. */
export const PostgresStore = serverStore({
  name: "postgres",
  summary: "a real Postgres: --url, POSTGRES_URL, or one started for the run",
  protocols: ["postgres:", "postgresql:"],
  variable: "POSTGRES_URL",
  product: "Postgres",
  start: ({ Postgres }) => Postgres.start({ own: true }),
  where: (url) => `${hostAndPort(new URL(url), defaultPort)}${new URL(url).pathname}`,

  open: async (url, { postgresCommands }) => {
    const { PostgresAdapter } = await import("@cache-locking/postgres")
    const address = new URL(url)
    const table = `cache_locking_stampede_${process.pid}`
    const client = await clientOf(url, 1)
    try {
      const [row] = await client`select current_setting('server_version') as version`
      await Effect.runPromise(PostgresAdapter.setup({ client, table }))
      return {
        title: `Postgres ${String(row?.["version"]).split(" ")[0]}`,
        attach: () =>
          // A proxy cannot read encrypted data.
          isEncrypted(address)
            ? uncounted({ url, name: table })
            : counted(
                { target: { ...targetOf(address, defaultPort), url }, reader: postgresCommands },
                // A statement that is parsed is also run, and counted then.
                { name: table, nameOf: ({ name }) => (name === "PARSE" ? undefined : name) }
              ),
        clean: () => client.unsafe(`drop table if exists ${table}`),
        close: () => client.end({ timeout: 1 })
      }
    } catch (error) {
      await client.end({ timeout: 0 })
      throw error
    }
  },

  connect: async ({ name: table = "", url }, prefix) => {
    const { PostgresAdapter } = await import("@cache-locking/postgres")
    const client = await clientOf(url, 4)
    await client`select 1`
    return { adapter: PostgresAdapter.make({ client, table, prefix }), close: () => client.end({ timeout: 1 }) }
  }
})
