import type { MongoClient } from "mongodb"
import { counted, serverStore, targetOf, uncounted } from "./ServerStore.ts"

const defaultPort = 27_017

/** The driver's own commands, by which it finds and leaves the server. */
const driverCommands = new Set(["HELLO", "ISMASTER", "ENDSESSIONS"])

/** The hosts of a URL, without the password and the parameters. */
const hostsOf = (url: string): string => /^[^:]+:\/\/(?:[^@/]*@)?([^/?]*)/.exec(url)?.[1] ?? "an unreadable address"

/**
 * The address for a proxy, of a single server, ignoring the names that the server reports. `undefined` where no proxy
 * can count: the driver finds several servers by itself, and a proxy cannot read encrypted data.
 */
const proxyableAddress = (url: string): URL | undefined => {
  if (!url.startsWith("mongodb://") || hostsOf(url).includes(",")) return undefined
  const address = new URL(url)
  if (address.searchParams.get("tls") === "true" || address.searchParams.get("ssl") === "true") return undefined
  address.searchParams.delete("replicaSet")
  address.searchParams.set("directConnection", "true")
  return address
}

/** MongoDB. A run has a database of its own, which is dropped when it is over. */
export const MongoDbStore = serverStore({
  name: "mongodb",
  summary: "a real MongoDB: --url, MONGODB_URL, or one (or a stand-in) started for the run",
  protocols: ["mongodb:", "mongodb+srv:"],
  variable: "MONGODB_URL",
  product: "MongoDB",
  start: ({ MongoDb }) => MongoDb.start({ own: true }),
  where: hostsOf,

  open: async (url, { mongoCommands }, server) => {
    const engine = server?.engine === "documentdb" ? "DocumentDB, in place of MongoDB," : "MongoDB"
    const name = `stampede-${crypto.randomUUID()}`
    const address = proxyableAddress(url)
    const version =
      server?.origin.version ??
      (await withClient(url, async (client) => {
        const { version } = await client.db("admin").command({ buildInfo: 1 })
        return String(version)
      }))
    return {
      title: `${engine} ${version}`,
      attach: () =>
        address === undefined
          ? uncounted({ url, name })
          : counted(
              { target: targetOf(address, defaultPort), reader: mongoCommands },
              { name, nameOf: (sent) => (driverCommands.has(sent.name) ? undefined : sent.name) }
            ),
      clean: () => withClient(url, (client) => client.db(name).dropDatabase())
    }
  },

  connect: async ({ name: database, url }, prefix) => {
    const [{ MongoDbAdapter }, { MongoClient: Client }] = await Promise.all([
      import("@cache-locking/mongodb"),
      import("mongodb")
    ])
    const client = new Client(url)
    await client.connect()
    const collection = prefix.replace(/[^\w-]/g, "-")
    // The stand-in has no change streams. Where there are none, the check for them costs one more command.
    return { adapter: MongoDbAdapter.make({ client, database, collection }), close: () => client.close() }
  }
})

const withClient = async <A>(url: string, use: (client: MongoClient) => Promise<A>): Promise<A> => {
  const { MongoClient: Client } = await import("mongodb")
  const client = new Client(url, { serverSelectionTimeoutMS: 2_000 })
  try {
    return await use(client)
  } finally {
    await client.close()
  }
}
