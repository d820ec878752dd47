/**
 * A Postgres: one that is given, or one started for the run. The run has a table of its own, gone when it is over. Each
 * worker reaches it through a proxy of its own, which counts the statements that the worker's connections send.
 */
import type { Store } from "./Store.ts"

interface Place {
  readonly url: string
  readonly table: string
}

/** The address without user and password. */
const shown = (url: URL): string => `${url.hostname || "127.0.0.1"}:${url.port || 5432}${url.pathname}`

/** With this in its URL a client speaks through no proxy that could read it. */
const encrypts = (url: URL): boolean =>
  !["", "disable", "allow", "prefer", "false"].includes(
    url.searchParams.get("sslmode") ?? url.searchParams.get("ssl") ?? ""
  )

const open = async (url: string, max: number) => {
  const { default: postgres } = await import("postgres")
  return postgres(url, { max, fetch_types: false, onnotice: () => {}, connect_timeout: 5 })
}

export const PostgresStore: Store = {
  name: "postgres",
  summary: "a real Postgres: --url, POSTGRES_URL, or one started for the run",
  protocols: ["postgres:", "postgresql:"],
  variable: "POSTGRES_URL",

  open: async (given) => {
    const [{ FaultProxy, Postgres, postgresCommands }, { PostgresAdapter }, Effect] = await Promise.all([
      import("@cache-locking/test-servers"),
      import("@cache-locking/postgres"),
      import("effect/Effect")
    ])
    const server = given === undefined ? await Postgres.start({ own: true }) : undefined
    const url = server?.url ?? given ?? ""
    const address = new URL(url)
    const table = `cache_locking_stampede_${process.pid}`
    const client = await open(url, 1)
    let version = ""
    try {
      const [row] = await client`select current_setting('server_version') as version`
      version = String(row?.["version"]).split(" ")[0]!
      await Effect.runPromise(PostgresAdapter.setup({ client, table }))
    } catch (error) {
      await client.end({ timeout: 0 })
      await server?.stop()
      throw new Error(`no Postgres is to be had at ${shown(address)}: ${(error as Error).message}`, { cause: error })
    }
    // A URL writes an IPv6 address in brackets, a socket does not.
    const host = address.hostname.replace(/^\[|\]$/g, "") || "127.0.0.1"
    const target = { host, port: Number(address.port || 5432), url }
    return {
      title: `Postgres ${version} at ${shown(address)}${server === undefined ? "" : ", started for this run"}`,
      attach: async () => {
        // What is encrypted cannot be counted on its way.
        if (encrypts(address)) {
          return {
            place: { url, table } satisfies Place,
            reset: () => {},
            commands: () => undefined,
            [Symbol.asyncDispose]: async () => {}
          }
        }
        const proxy = await FaultProxy.start({ target, reader: postgresCommands })
        return {
          place: { url: proxy.url(), table } satisfies Place,
          reset: () => proxy.resetCommands(),
          // What is parsed is run as well, and counted then.
          commands: () =>
            proxy
              .commands()
              .map(({ name }) => name)
              .filter((name) => name !== "PARSE"),
          [Symbol.asyncDispose]: () => proxy.stop()
        }
      },
      [Symbol.asyncDispose]: async () => {
        if (server === undefined) await client.unsafe(`drop table if exists ${table}`)
        await client.end({ timeout: 1 })
        await server?.stop()
      }
    }
  },

  connect: async (place, prefix) => {
    const { table, url } = place as Place
    const { PostgresAdapter } = await import("@cache-locking/postgres")
    const client = await open(url, 4)
    await client`select 1`
    return {
      adapter: PostgresAdapter.make({ client, table, prefix }),
      close: () => client.end({ timeout: 1 })
    }
  }
}
