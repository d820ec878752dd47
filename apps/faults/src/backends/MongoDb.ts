import * as Effect from "effect/Effect"
import { type Backend, openServer } from "./Backend.ts"

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
  connect: async (url, prefix, commandTimeout) => {
    const [{ MongoDbAdapter }, { MongoClient }] = await Promise.all([
      import("@cache-locking/mongodb"),
      import("mongodb")
    ])
    const client = new MongoClient(url)
    return {
      adapter: MongoDbAdapter.make({ client, database, collection: prefix, commandTimeout }),
      close: () => client.close()
    }
  }
}
