/** The setup on MongoDB. `here` reaches it through a proxy that is slow, and can fall silent. */
import type { Claims } from "@cache-locking/conformance-kit"
import type { ListingAdapter, Value } from "@cache-locking/core"
import { MongoDbAdapter } from "@cache-locking/mongodb"
import { MongoDb, mongoCommands } from "@cache-locking/test-servers"
import * as Effect from "effect/Effect"
import { type Document, MongoClient } from "mongodb"
import { type AdapterSetups, factsOf, noClaims, proxied, scoped, serving } from "./AdapterSetup.ts"

const database = "conformance"
/** Keeps the documents apart from other data in a server that was given. */
const collection = `conformance-${process.pid}`

const commandTimeout = 5_000

/** The largest values take the stand-in a second, and many on a busy machine: they alone get more time. */
const patient = (options: MongoDbAdapter.Options & { readonly leases?: undefined }): ListingAdapter => {
  const quick = MongoDbAdapter.make({ ...options, commandTimeout })
  const slow = MongoDbAdapter.make({ ...options, commandTimeout: 10 * commandTimeout })
  const forValue = (value: Value | undefined) => ((value?.bytes.byteLength ?? 0) > 1_000_000 ? slow : quick)
  return {
    ...quick,
    fill: (key, options) => forValue(options.value).fill(key, options),
    put: (key, options) => forValue(options.value).put(key, options)
  }
}

/** The same server at this address alone: a driver that knew of a replica set would bypass the proxy. */
const direct = (url: string): string => {
  const plain = new URL(url)
  plain.searchParams.delete("replicaSet")
  plain.searchParams.set("directConnection", "true")
  return plain.href
}

const clientOf = (url: string) =>
  scoped(
    () => new MongoClient(url),
    (client) => client.close()
  )

/** Every document whose name contains the key, seen through a connection of its own. */
const recordsOf = (client: MongoClient) => (key: string) =>
  Effect.promise(async () => {
    const documents = client.db(database).collection<Document>(collection)
    const found = await documents.find({}, { projection: { expiresAt: 1, now: "$$NOW" } }).toArray()
    return found.flatMap(({ _id, expiresAt, now }) =>
      String(_id).includes(key)
        ? [{ name: String(_id), expiresIn: expiresAt === undefined ? Number.POSITIVE_INFINITY : expiresAt - now }]
        : []
    )
  })

export const mongoDbSetups: AdapterSetups = {
  mongodb: {
    title: "MongoDB",
    package: "@cache-locking/mongodb",
    open: Effect.gen(function* () {
      const server = yield* serving(() => MongoDb.start())
      const { hostname: host, port } = new URL(server.url)
      const target = { host, port: Number(port || 27_017), url: direct(server.url) }
      const { stall, url } = yield* proxied(target, { delay: 3, reader: mongoCommands })
      const [here, there] = [yield* clientOf(url), yield* clientOf(direct(server.url))]
      const observer = yield* clientOf(direct(server.url))
      yield* Effect.orDie(MongoDbAdapter.setup({ client: observer, database, collection }))
      yield* Effect.addFinalizer(() => Effect.promise(() => observer.db(database).collection(collection).drop()))
      // The stand-in has no change streams.
      const watch = server.engine === "mongodb"
      const claims: Claims = {
        ...noClaims,
        watch,
        changes: watch,
        keys: true,
        acquireMany: true,
        deleteMany: true,
        close: true,
        clock: "store"
      }
      const make = (client: MongoClient) => patient({ client, database, collection, watch })
      return {
        server: factsOf(server, watch ? "MongoDB" : "DocumentDB, in place of MongoDB"),
        setup: {
          name: "MongoDB",
          claims,
          peers: () => ({ here: make(here), there: make(there) }),
          records: recordsOf(observer),
          stall
        }
      }
    })
  }
}
