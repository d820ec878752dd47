/** The setup on DynamoDB Local. `here` reaches it through a proxy that is slow, and can fall silent. */
import { DynamoDBClient, GetItemCommand } from "@aws-sdk/client-dynamodb"
import { DynamoDBDocumentClient } from "@aws-sdk/lib-dynamodb"
import type { Claims, Records } from "@cache-locking/conformance-kit"
import { DynamoDbAdapter } from "@cache-locking/dynamodb"
import { DynamoDbLocal } from "@cache-locking/test-servers"
import * as Effect from "effect/Effect"
import { type AdapterSetups, factsOf, noClaims, proxied, scoped, serving } from "./AdapterSetup.ts"

const claims: Claims = { ...noClaims, keys: true, acquireMany: true, deleteMany: true, close: true, clock: "client" }

/** Keeps the items apart from other data in a server that was given. */
const table = `conformance-${process.pid}`
const prefix = "kit"

/** DynamoDB collects nothing that expires after the year 200,000. */
const endless = 6e12

const credentials = { accessKeyId: "local", secretAccessKey: "local" }

const clientOf = (endpoint: string) =>
  scoped(
    () => new DynamoDBClient({ endpoint, region: "local", credentials }),
    (client) => client.destroy()
  )

/** The item of a key, and when DynamoDB will collect it. */
const recordsOf =
  (client: DynamoDBClient): Records =>
  (key) =>
    Effect.promise(async () => {
      const name = `${prefix}#${key}`
      const { Item: item } = await client.send(
        new GetItemCommand({ TableName: table, Key: { cacheKey: { S: name } }, ConsistentRead: true })
      )
      if (item === undefined) return []
      const expires = Number(item["expiresAt"]?.N)
      return [{ name, expiresIn: expires < endless ? expires * 1000 - Date.now() : Number.POSITIVE_INFINITY }]
    })

export const dynamoDbSetups: AdapterSetups = {
  dynamodb: {
    title: "DynamoDB",
    package: "@cache-locking/dynamodb",
    open: Effect.gen(function* () {
      const server = yield* serving(() => DynamoDbLocal.start())
      const { stall, url } = yield* proxied(server, { delay: 1 })
      const [here, there] = [yield* clientOf(url), yield* clientOf(server.url)]
      const observer = yield* clientOf(server.url)
      yield* Effect.orDie(DynamoDbAdapter.setup({ client: observer, table }))
      return {
        server: factsOf(server, "DynamoDB Local"),
        setup: {
          name: "DynamoDB",
          claims,
          peers: () => ({
            here: DynamoDbAdapter.make({ client: DynamoDBDocumentClient.from(here), table, prefix }),
            there: DynamoDbAdapter.make({ client: there, table, prefix })
          }),
          records: recordsOf(observer),
          stall
        }
      }
    })
  }
}
