import * as Effect from "effect/Effect"
import { type Backend, bound, openServer } from "./Backend.ts"

const database = "faults"

/** This address alone: a driver that knew of a replica set would go past a proxy. */
const direct = (url: string): string => {
  const plain = new URL(url)
  plain.searchParams.delete("replicaSet")
  plain.searchParams.set("directConnection", "true")
  return plain.href
}

export const backend: Backend = {
  name: "mongodb",
  pace: 20,
  leases: [1_000, 3_000],
  commandTimeout: 2_000,
  open: async () => {
    const { MongoDb } = await import("@cache-locking/test-servers")
    const starting = MongoDb.start({ own: true })
    const { engine, url } = await starting
    // Collections are made by the first write. `setup` adds an index, which only removes what has expired.
    const prepare = async (url: string) => {
      const [{ MongoDbAdapter }, { MongoClient }] = await Promise.all([
        import("@cache-locking/mongodb"),
        import("mongodb")
      ])
      const client = new MongoClient(url)
      await Effect.runPromise(MongoDbAdapter.setup({ client, database })).finally(() => client.close())
    }
    const product = engine === "documentdb" ? "DocumentDB (for MongoDB)" : "MongoDB"
    return openServer(product, starting, { prepare, url: direct(url) })
  },
  connect: async (url, options) => {
    const [{ MongoDbAdapter }, { MongoClient }] = await Promise.all([
      import("@cache-locking/mongodb"),
      import("mongodb")
    ])
    const client = new MongoClient(url)
    let waiting = 0
    client.on("connectionCheckOutStarted", () => waiting++)
    for (const end of ["connectionCheckedOut", "connectionCheckOutFailed"] as const) client.on(end, () => waiting--)
    return {
      adapter: MongoDbAdapter.make({ client, database, collection: options.prefix, ...bound(options) }),
      close: () => client.close(),
      // Those that wait for a connection. What was sent has one of its own.
      queued: () => waiting
    }
  }
}
