/**
 * A MongoDB: one that is given, or one started for the run. Each worker reaches it through a proxy of its own, which
 * counts the commands that the worker's connections send.
 */
import type { MongoClient } from "mongodb"
import type { Store } from "./Store.ts"

interface Place {
  readonly url: string
  readonly database: string
}

const defaultPort = 27_017

/** What the driver says of itself, to know the server and to leave it. */
const drivers = new Set(["HELLO", "ISMASTER", "ENDSESSIONS"])

/** The hosts of a URL, without the password and the parameters. */
const shown = (url: string): string => /^[^:]+:\/\/(?:[^@/]*@)?([^/?]*)/.exec(url)?.[1] ?? "an address of its own"

/**
 * One server that can be spoken to past the names that it gives itself. Several are found by the driver, and what is
 * encrypted cannot be counted on its way.
 */
const single = (url: string): URL | undefined => {
  if (!url.startsWith("mongodb://") || shown(url).includes(",")) return undefined
  const address = new URL(url)
  if (address.searchParams.get("tls") === "true" || address.searchParams.get("ssl") === "true") return undefined
  address.searchParams.delete("replicaSet")
  address.searchParams.set("directConnection", "true")
  return address
}

export const MongoDbStore: Store = {
  name: "mongodb",
  summary: "a real MongoDB: --url, MONGODB_URL, or one (or a stand-in) started for the run",
  protocols: ["mongodb:", "mongodb+srv:"],
  variable: "MONGODB_URL",

  open: async (given) => {
    const { FaultProxy, MongoDb, mongoCommands } = await import("@cache-locking/test-servers")
    const server = given === undefined ? await MongoDb.start({ own: true }) : undefined
    const url = server?.url ?? given ?? ""
    const version = server?.origin.version ?? (await reach(url))
    const engine = server?.engine === "documentdb" ? "DocumentDB, in place of MongoDB," : "MongoDB"
    // A database of the run's own, which is gone after it.
    const database = `stampede-${crypto.randomUUID()}`
    const address = single(url)
    return {
      title: `${engine} ${version} at ${shown(url)}${server === undefined ? "" : ", started for this run"}`,
      attach: async () => {
        if (address === undefined) {
          return {
            place: { url, database } satisfies Place,
            reset: () => {},
            commands: () => undefined,
            [Symbol.asyncDispose]: async () => {}
          }
        }
        // A URL writes an IPv6 address in brackets, a socket does not.
        const host = address.hostname.replace(/^\[|\]$/g, "") || "127.0.0.1"
        const target = { host, port: Number(address.port || defaultPort), url: address.href }
        const proxy = await FaultProxy.start({ target, reader: mongoCommands })
        return {
          place: { url: proxy.url(), database } satisfies Place,
          reset: () => proxy.resetCommands(),
          commands: () =>
            proxy
              .commands()
              .map(({ name }) => name)
              .filter((name) => !drivers.has(name)),
          [Symbol.asyncDispose]: () => proxy.stop()
        }
      },
      [Symbol.asyncDispose]: async () => {
        if (server === undefined) await withClient(url, (client) => client.db(database).dropDatabase())
        await server?.stop()
      }
    }
  },

  connect: async (place, prefix) => {
    const { database, url } = place as Place
    const [{ MongoDbAdapter }, { MongoClient: Client }] = await Promise.all([
      import("@cache-locking/mongodb"),
      import("mongodb")
    ])
    const client = new Client(url)
    await client.connect()
    const collection = prefix.replace(/[^\w-]/g, "-")
    // The stand-in has no change streams; where there are none, that is found out by one command more.
    return {
      adapter: MongoDbAdapter.make({ client, database, collection }),
      close: () => client.close()
    }
  }
}

const withClient = async <A>(url: string, use: (client: MongoClient) => Promise<A>): Promise<A> => {
  const { MongoClient: Client } = await import("mongodb")
  const client = new Client(url, { serverSelectionTimeoutMS: 2_000 })
  try {
    return await use(client)
  } finally {
    await client.close()
  }
}

/** The server's version. Rejects with what a person can act on. */
const reach = async (url: string): Promise<string> => {
  try {
    return await withClient(url, async (client) => {
      const { version } = await client.db("admin").command({ buildInfo: 1 })
      return String(version)
    })
  } catch (error) {
    // The driver's words name hosts, never what was given to know them.
    throw new Error(`no MongoDB answers at ${shown(url)}: ${(error as Error).message}`, { cause: error })
  }
}
