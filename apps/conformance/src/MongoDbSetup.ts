/** What a setup over MongoDB is made of. */
import type { Claims } from "@cache-locking/conformance-kit"
import type { ListingAdapter, Value } from "@cache-locking/core"
import { MongoDbAdapter } from "@cache-locking/mongodb"
import { FaultProxy, MongoDb, mongoCommands } from "@cache-locking/test-servers"
import * as Effect from "effect/Effect"
import { type Document, MongoClient } from "mongodb"
import { type AdapterSetup, serving } from "./AdapterSetup.ts"
import { stallOf } from "./RedisSetup.ts"

const database = "conformance"
/** Apart from whatever else is in a server that was given. */
const collection = `conformance-${process.pid}`

const commandTimeout = 5_000

/** The largest values take the stand-in a second, and on a busy machine many: they alone are given more time. */
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

/** Milliseconds by which every answer to `here` is late. */
const delay = 3

/** The same server, spoken to at this address alone: a driver that knew of a replica set would go past the proxy. */
const direct = (url: string): string => {
  const plain = new URL(url)
  plain.searchParams.delete("replicaSet")
  plain.searchParams.set("directConnection", "true")
  return plain.href
}

const targetOf = (url: string) => {
  const { hostname, port } = new URL(url)
  return { host: hostname, port: Number(port || 27_017), url: direct(url) }
}

/** Every document that has the key in its own, seen through a connection of its own. */
const recordsOf = (eye: MongoClient) => (key: string) =>
  Effect.promise(async () => {
    const documents = eye.db(database).collection<Document>(collection)
    const found = await documents.find({}, { projection: { expiresAt: 1, now: "$$NOW" } }).toArray()
    return found.flatMap(({ _id, expiresAt, now }) =>
      String(_id).includes(key)
        ? [{ name: String(_id), expiresIn: expiresAt === undefined ? Number.POSITIVE_INFINITY : expiresAt - now }]
        : []
    )
  })

export const mongoDb: AdapterSetup = {
  title: "MongoDB",
  package: "@cache-locking/mongodb",
  open: Effect.gen(function* () {
    const server = yield* serving(() => MongoDb.start())
    const proxy = yield* Effect.acquireRelease(
      Effect.promise(() => FaultProxy.start({ target: targetOf(server.url), reader: mongoCommands })),
      (proxy) => Effect.promise(() => proxy.stop())
    )
    proxy.delay(delay)
    const clients = [proxy.url(), direct(server.url), direct(server.url)].map((url) => new MongoClient(url))
    const [here, there, eye] = clients as [MongoClient, MongoClient, MongoClient]
    yield* Effect.addFinalizer(() =>
      Effect.promise(async () => {
        await eye.db(database).collection(collection).drop()
        await Promise.all(clients.map((client) => client.close()))
      })
    )
    yield* Effect.orDie(MongoDbAdapter.setup({ client: eye, database, collection }))
    // The stand-in has no change streams.
    const watch = server.engine === "mongodb"
    const claims: Claims = {
      watch,
      changes: watch,
      keys: true,
      acquireMany: true,
      deleteMany: true,
      hitUnsafe: false,
      close: true,
      clock: "store"
    }
    const make = (client: MongoClient) => patient({ client, database, collection, watch })
    return {
      server: {
        name: watch ? "MongoDB" : "DocumentDB, in place of MongoDB",
        version: server.origin.version,
        how: server.origin.how
      },
      setup: {
        name: "MongoDB",
        claims,
        peers: () => ({ here: make(here), there: make(there) }),
        records: recordsOf(eye),
        stall: stallOf(
          () => proxy.blackhole(),
          async () => {
            await proxy.heal()
            proxy.delay(delay)
          }
        )
      }
    }
  })
}
