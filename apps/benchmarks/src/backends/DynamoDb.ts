import { DynamoDbLocal, httpCommands } from "@cache-locking/test-servers"
import * as Effect from "effect/Effect"
import type { Backend } from "./Backend.ts"

const table = "benchmarks-floor"

const connect = async (url: string) => {
  const sdk = await import("@aws-sdk/client-dynamodb")
  const { DynamoDbAdapter } = await import("@cache-locking/dynamodb")
  const client = new sdk.DynamoDBClient({
    endpoint: url,
    region: "local",
    credentials: { accessKeyId: "local", secretAccessKey: "local" }
  })
  return { sdk, client, DynamoDbAdapter }
}

export const DynamoDb: Backend = {
  name: "DynamoDB",
  packages: ["@aws-sdk/client-dynamodb"],
  words: { get: "`GetItem`, consistent", write: "`PutItem` with `attribute_not_exists`" },
  miss: 3,
  reader: httpCommands,

  start: async () => {
    const server = await DynamoDbLocal.start()
    const { client, DynamoDbAdapter, sdk } = await connect(server.url)
    await Effect.runPromise(DynamoDbAdapter.setup({ client }))
    await client
      .send(
        new sdk.CreateTableCommand({
          TableName: table,
          BillingMode: "PAY_PER_REQUEST",
          AttributeDefinitions: [{ AttributeName: "id", AttributeType: "S" }],
          KeySchema: [{ AttributeName: "id", KeyType: "HASH" }]
        })
      )
      .catch((error: unknown) => {
        if (!(error instanceof sdk.ResourceInUseException)) throw error
      })
    await sdk.waitUntilTableExists({ client, maxWaitTime: 60 }, { TableName: table })
    client.destroy()
    return { title: `DynamoDB Local ${server.origin.version}`, url: server.url, stop: () => server.stop() }
  },

  open: async (url) => {
    const { client, DynamoDbAdapter, sdk } = await connect(url)
    return {
      adapter: DynamoDbAdapter.make({ client, prefix: "backend" }),
      floor: {
        get: async (key) => {
          const command = new sdk.GetItemCommand({ TableName: table, Key: { id: { S: key } }, ConsistentRead: true })
          return (await client.send(command)).Item?.["value"]?.S
        },
        write: (key, value) =>
          client.send(
            new sdk.PutItemCommand({
              TableName: table,
              Item: { id: { S: key }, value: { S: value } },
              ConditionExpression: "attribute_not_exists(id)"
            })
          )
      },
      close: async () => client.destroy()
    }
  }
}
