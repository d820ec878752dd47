/** Many at once, over connections of their own: however often, one wins. */
import { run } from "@cache-locking/conformance-kit/testing"
import { races, racesOfProcesses } from "@cache-locking/conformance-kit/vitest"
import { MongoDb } from "@cache-locking/test-servers"
import { serverOfFile } from "@cache-locking/test-servers/vitest"
import { MongoClient } from "mongodb"
import { expect, it } from "vitest"
import { MongoDbAdapter } from "../src/index.ts"
import { claimsOf, clientOf, collectionName } from "./fixtures/Support.ts"

const rounds = 200
const database = "races"
const commandTimeout = 20_000

const server = await serverOfFile(MongoDb.start())

races(
  {
    name: "MongoDB",
    claims: claimsOf(server),
    // Adapters with clients of their own, as processes would have, with the index that a cache has.
    peers: async () => {
      const collection = collectionName()
      const clients = Array.from({ length: 4 }, () => new MongoClient(server.url))
      await run(MongoDbAdapter.setup({ client: clients[0]!, database, collection }))
      const [here, there, ...more] = clients.map((client) =>
        MongoDbAdapter.make({ client, database, collection, commandTimeout })
      )
      return {
        here: here!,
        there: there!,
        more,
        close: async () => void (await Promise.all(clients.map((c) => c.close())))
      }
    }
  },
  { atOnce: 4 }
)

it("six set-ups at once: one index, and no failure", async () => {
  const clients = Array.from({ length: 3 }, () => clientOf(server.url))
  const setUp = async (collection: string, round: number) => {
    const place = (index: number) => ({ client: clients[index % 3]!, database, collection })
    const all = Array.from({ length: 6 }, (_, i) => run(MongoDbAdapter.setup(place(i))))
    // Later callers found it made.
    expect((await Promise.all(all)).flat().length).toBeGreaterThan(0)
    expect(await run(MongoDbAdapter.setup(place(round)))).toEqual([])
    const raw = clients[0]!.db(database).collection(collection)
    expect((await raw.listIndexes().toArray()).map(({ name }) => name)).toEqual(["_id_", "cache_expiry"])
    await raw.dropIndex("cache_expiry")
  }
  // Now and then also the collection is new.
  const collections = Array.from({ length: 20 }, collectionName)
  await Promise.all(
    [0, 1].map(async (half) => {
      for (let round = half; round < rounds; round += 2) await setUp(collections[round % 20]!, round)
    })
  )
})

const collection = collectionName()
racesOfProcesses({
  name: "MongoDB",
  file: new URL("./fixtures/Racer.ts", import.meta.url),
  args: [server.url, database, collection],
  processes: 3,
  callers: 2,
  adapter: async () => {
    const place = { client: clientOf(server.url), database, collection }
    await run(MongoDbAdapter.setup(place))
    return MongoDbAdapter.make({ ...place, commandTimeout })
  }
})
