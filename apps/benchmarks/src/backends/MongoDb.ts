import { mongoCommands, MongoDb as Server } from "@cache-locking/test-servers"
import * as Effect from "effect/Effect"
import type { Backend } from "./Backend.ts"

const connect = async (url: string) => {
  const { MongoClient } = await import("mongodb")
  return await new MongoClient(url).connect()
}

const place = { database: "benchmarks" }

/** This address alone: a driver that knew of a replica set would bypass the proxy. */
const direct = (url: string): string => {
  const plain = new URL(url)
  plain.searchParams.delete("replicaSet")
  plain.searchParams.set("directConnection", "true")
  return plain.href
}

/** Commands that the driver sends by itself. */
const own = new Set(["HELLO", "ISMASTER", "ENDSESSIONS", "KILLCURSORS", "PING"])

export const MongoDb: Backend = {
  name: "MongoDB",
  packages: ["mongodb"],
  words: { get: "`find` by `_id`", write: "`findAndModify` with `$setOnInsert` and `upsert`" },
  miss: 3,
  reader: mongoCommands,
  counts: ({ name }) => !own.has(name),

  start: async () => {
    const server = await Server.start()
    const client = await connect(server.url)
    const { MongoDbAdapter } = await import("@cache-locking/mongodb")
    await Effect.runPromise(MongoDbAdapter.setup({ client, ...place }))
    await client.close()
    const standIn = server.engine === "documentdb" ? "DocumentDB in place of MongoDB, " : "MongoDB "
    return {
      title: `${standIn}${server.origin.version}`,
      url: direct(server.url),
      stop: () => server.stop()
    }
  },

  open: async (url) => {
    const client = await connect(url)
    const { MongoDbAdapter } = await import("@cache-locking/mongodb")
    const floor = client.db(place.database).collection<{ readonly _id: string; readonly value: string }>("floor", {
      // As the adapter asks of it.
      writeConcern: { w: "majority" }
    })
    return {
      adapter: MongoDbAdapter.make({ client, ...place }),
      floor: {
        get: async (key) => (await floor.findOne({ _id: key }))?.value,
        write: (key, value) => floor.findOneAndUpdate({ _id: key }, { $setOnInsert: { value } }, { upsert: true })
      },
      close: () => client.close()
    }
  }
}
