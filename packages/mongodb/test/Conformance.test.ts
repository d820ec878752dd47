/** The whole contract. */
import { closelyWhileStalled } from "@cache-locking/conformance-kit/testing"
import { suite } from "@cache-locking/conformance-kit/vitest"
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

await overServer(MongoDb.start(), async (server) => {
  const claims = claimsOf(server)
  const { watch } = claims
  const proxy = await FaultProxy.start({ target: targetOf(server), reader: mongoCommands })
  const { peer, stall } = closelyWhileStalled(() => proxy, 2_000)
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
        here: peer((commandTimeout) =>
          MongoDbAdapter.make({ client: here, database, collection, watch, commandTimeout })
        ),
        there: peer((commandTimeout) =>
          MongoDbAdapter.make({ client: there, database, collection, watch, commandTimeout })
        )
      }),
      records: (key) =>
        Effect.promise(async () => {
          const found = await documents.find({ _id: key }, { projection: { expiresAt: 1, now: "$$NOW" } }).toArray()
          return found.map(({ _id, expiresAt, now }) => ({
            name: String(_id),
            expiresIn: expiresAt === undefined ? Number.POSITIVE_INFINITY : expiresAt.getTime() - now!.getTime()
          }))
        }),
      stall
    },
    { concurrent: true }
  )
})
