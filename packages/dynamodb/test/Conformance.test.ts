/** The whole contract, over both of the SDK's clients. */
import { DynamoDBDocumentClient } from "@aws-sdk/lib-dynamodb"
import type { Claims } from "@cache-locking/conformance-kit"
import { suite } from "@cache-locking/conformance-kit/vitest"
import { MemoryAdapter } from "@cache-locking/core"
import { FaultProxy, httpCommands, Unavailable } from "@cache-locking/test-servers"
import * as Effect from "effect/Effect"
import { afterAll, describe, it } from "vitest"
import { DynamoDbAdapter } from "../src/index.ts"
import { connect, recordsIn, serverWith } from "./fixtures/Support.ts"

const claims: Claims = {
  watch: false,
  keys: true,
  acquireMany: true,
  deleteMany: true,
  changes: false,
  hitUnsafe: false,
  close: false,
  clock: "client"
}

const table = "conformance"
const prefix = "kit"

const server = await serverWith(table)
if (server instanceof Unavailable) describe(server.kind, () => it.skip(server.message))
else {
  const proxy = await FaultProxy.start({ target: server, reader: httpCommands })
  const clients = [connect(proxy.url()), connect(server.url), connect(server.url)] as const
  afterAll(async () => {
    for (const client of clients) client.destroy()
    await proxy.stop()
  })
  const [here, there, eye] = clients
  const records = recordsIn(eye, table, (key) => `${prefix}#${key}`)
  suite(
    {
      name: "a document client, and a plain one",
      claims,
      records: (key) => Effect.promise(() => records(key)),
      stall: {
        begin: Effect.acquireRelease(
          Effect.sync(() => proxy.blackhole()),
          () => Effect.promise(() => proxy.heal())
        ),
        within: 4_000
      },
      peers: () => ({
        here: DynamoDbAdapter.make({ client: DynamoDBDocumentClient.from(here), table, prefix }),
        there: DynamoDbAdapter.make({ client: there, table, prefix })
      })
    },
    { concurrent: true }
  )

  const leases = MemoryAdapter.make()
  suite(
    {
      name: "values in DynamoDB, leases in memory",
      claims: { ...claims, watch: true, changes: true, acquireMany: false, deleteMany: false, clock: "process" },
      peers: () => ({
        here: DynamoDbAdapter.make({ client: here, table, prefix: "values", leases }),
        there: DynamoDbAdapter.make({ client: there, table, prefix: "values", leases })
      })
    },
    { concurrent: true }
  )
}
