/** The whole contract. */
import { stallOf } from "@cache-locking/conformance-kit/testing"
import { suite } from "@cache-locking/conformance-kit/vitest"
import type { ListingAdapter } from "@cache-locking/core"
import { FaultProxy, MongoDb, mongoCommands } from "@cache-locking/test-servers"
import { overServer } from "@cache-locking/test-servers/vitest"
import * as Effect from "effect/Effect"
import { MongoClient } from "mongodb"
import { afterAll } from "vitest"
import { MongoDbAdapter } from "../src/index.ts"
import type { StoredEntry } from "../src/StoredEntry.ts"
import { claimsOf, collectionName, direct, targetOf } from "./fixtures/Support.ts"

const database = "conformance"
const collection = collectionName()

const commandTimeout = 2_000

/** Whether the store is stalled on purpose. */
let stalled = false

/**
 * Bounded closely while the store is stalled. The largest values take the stand-in a second, and on a busy machine many, in
 * which whatever else is asked of it waits: all other cases are given more time.
 */
const patient = (options: MongoDbAdapter.Options & { readonly leases?: undefined }): ListingAdapter => {
  const quick = MongoDbAdapter.make({ ...options, commandTimeout })
  const slow = MongoDbAdapter.make({ ...options, commandTimeout: 20 * commandTimeout })
  return new Proxy(quick, { get: (_, name) => Reflect.get(stalled ? quick : slow, name) })
}

await overServer(MongoDb.start(), async (server) => {
  const claims = claimsOf(server)
  const { watch } = claims
  const proxy = await FaultProxy.start({ target: targetOf(server), reader: mongoCommands })
  const clients = [proxy.url(), direct(server.url), direct(server.url)].map((url) => new MongoClient(url))
  const [here, there, eye] = clients as [MongoClient, MongoClient, MongoClient]
  const documents = eye.db(database).collection<StoredEntry>(collection)
  afterAll(async () => {
    await documents.drop()
    await Promise.all(clients.map((client) => client.close()))
    await proxy.stop()
  })
  await Effect.runPromise(MongoDbAdapter.setup({ client: eye, database, collection }))
  suite(
    {
      name: `on ${server.engine}`,
      claims,
      peers: () => ({
        here: patient({ client: here, database, collection, watch }),
        there: patient({ client: there, database, collection, watch })
      }),
      records: (key) =>
        Effect.promise(async () => {
          const found = await documents.find({ _id: key }, { projection: { expiresAt: 1, now: "$$NOW" } }).toArray()
          return found.map(({ _id, expiresAt, now }) => ({
            name: String(_id),
            expiresIn: expiresAt === undefined ? Number.POSITIVE_INFINITY : expiresAt.getTime() - now!.getTime()
          }))
        }),
      stall: stallOf(
        () => ({
          blackhole: () => {
            stalled = true
            proxy.blackhole()
          },
          heal: () => {
            stalled = false
            return proxy.heal()
          }
        }),
        2 * commandTimeout
      )
    },
    { concurrent: true }
  )
})
