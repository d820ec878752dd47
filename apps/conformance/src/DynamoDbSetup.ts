/** The setup over DynamoDB Local: `here` speaks to it through a proxy whose replies are slow, and that can fall silent. */
import { DynamoDBClient, GetItemCommand } from "@aws-sdk/client-dynamodb"
import { DynamoDBDocumentClient } from "@aws-sdk/lib-dynamodb"
import type { Claims, Records } from "@cache-locking/conformance-kit"
import { DynamoDbAdapter } from "@cache-locking/dynamodb"
import { DynamoDbLocal, FaultProxy } from "@cache-locking/test-servers"
import * as Effect from "effect/Effect"
import { type AdapterSetup, factsOf, serving } from "./AdapterSetup.ts"

const claims: Claims = {
  watch: false,
  keys: true,
  changes: false,
  acquireMany: true,
  deleteMany: true,
  hitUnsafe: false,
  close: false,
  clock: "client"
}

/** Apart from whatever else is in a server that was given. */
const table = `conformance-${process.pid}`
const prefix = "kit"

/** Milliseconds by which replies are late. */
const delay = 1

/** Well beyond the adapter's own timeout of two seconds. */
const settlesWithin = 10_000

/** Beyond the year 200,000 nothing is collected. */
const endless = 6e12

const clientOf = (url: string) =>
  Effect.acquireRelease(
    Effect.sync(
      () =>
        new DynamoDBClient({
          endpoint: url,
          region: "local",
          credentials: { accessKeyId: "local", secretAccessKey: "local" }
        })
    ),
    (client) => Effect.sync(() => client.destroy())
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

export const setup: AdapterSetup = {
  title: "DynamoDB",
  package: "@cache-locking/dynamodb",
  open: Effect.gen(function* () {
    const server = yield* serving(() => DynamoDbLocal.start())
    const proxy = yield* Effect.acquireRelease(
      Effect.promise(() => FaultProxy.start({ target: server })),
      (proxy) => Effect.promise(() => proxy.stop())
    )
    proxy.delay(delay, delay)
    const [here, there, eye] = [yield* clientOf(proxy.url()), yield* clientOf(server.url), yield* clientOf(server.url)]
    yield* Effect.orDie(DynamoDbAdapter.setup({ client: eye, table }))
    const stall = Effect.acquireRelease(
      Effect.sync(() => proxy.blackhole()),
      () =>
        Effect.promise(async () => {
          await proxy.heal()
          proxy.delay(delay, delay)
        })
    )
    return {
      server: factsOf(server, "DynamoDB Local"),
      setup: {
        name: "DynamoDB",
        claims,
        peers: () => ({
          here: DynamoDbAdapter.make({ client: DynamoDBDocumentClient.from(here), table, prefix }),
          there: DynamoDbAdapter.make({ client: there, table, prefix })
        }),
        records: recordsOf(eye),
        stall: { begin: stall, within: settlesWithin }
      }
    }
  })
}
