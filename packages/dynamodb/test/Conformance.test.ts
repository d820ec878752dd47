/** The whole contract, over both of the SDK's clients. */
import { DynamoDBDocumentClient } from "@aws-sdk/lib-dynamodb"
import { closelyWhileStalled } from "@cache-locking/conformance-kit/testing"
import { suite } from "@cache-locking/conformance-kit/vitest"
import { MemoryAdapter } from "@cache-locking/core"
import { FaultProxy, httpCommands } from "@cache-locking/test-servers"
import * as Effect from "effect/Effect"
import { afterAll } from "vitest"
import { DynamoDbAdapter } from "../src/index.ts"
import { claims, connect, overTable, recordsIn } from "./fixtures/Support.ts"

const table = "conformance"
const prefix = "kit"

await overTable(table, async (server) => {
  const proxy = await FaultProxy.start({ target: server, reader: httpCommands })
  const clients = [connect(proxy.url()), connect(server.url), connect(server.url)] as const
  afterAll(async () => {
    for (const client of clients) client.destroy()
    await proxy.stop()
  })
  const [here, there, eye] = clients
  const documents = DynamoDBDocumentClient.from(here)
  const { peer, stall } = closelyWhileStalled(() => proxy, 2_000)
  const records = recordsIn(eye, table, (key) => `${prefix}#${key}`)
  suite(
    {
      name: "a document client, and a plain one",
      claims,
      records: (key) => Effect.promise(() => records(key)),
      stall,
      peers: () => ({
        here: peer((commandTimeout) => DynamoDbAdapter.make({ client: documents, table, prefix, commandTimeout })),
        there: peer((commandTimeout) => DynamoDbAdapter.make({ client: there, table, prefix, commandTimeout }))
      })
    },
    { concurrent: true }
  )

  const leases = MemoryAdapter.make()
  suite(
    {
      name: "values in DynamoDB, leases in memory",
      claims: {
        ...claims,
        watch: true,
        changes: true,
        acquireMany: false,
        deleteMany: false,
        close: false,
        clock: "process"
      },
      peers: () => ({
        here: peer((commandTimeout) =>
          DynamoDbAdapter.make({ client: here, table, prefix: "values", leases, commandTimeout })
        ),
        there: peer((commandTimeout) =>
          DynamoDbAdapter.make({ client: there, table, prefix: "values", leases, commandTimeout })
        )
      })
    },
    { concurrent: true }
  )
})
