import * as Effect from "effect/Effect"
import { type Backend, bound, openServer } from "./Backend.ts"
import { countingAgent } from "./HttpAgents.ts"

const clientOf = async (url: string, requestHandler: object = {}) => {
  const { DynamoDBClient } = await import("@aws-sdk/client-dynamodb")
  return new DynamoDBClient({
    endpoint: url,
    region: "local",
    requestHandler,
    credentials: { accessKeyId: "local", secretAccessKey: "local" }
  })
}

export const backend: Backend = {
  name: "dynamodb",
  pace: 20,
  // Hosts agree within two seconds on the end of a lease.
  leases: [4_000, 6_000],
  commandTimeout: 2_000,
  open: async () => {
    const { DynamoDbLocal } = await import("@cache-locking/test-servers")
    const prepare = async (url: string) => {
      const { DynamoDbAdapter } = await import("@cache-locking/dynamodb")
      const client = await clientOf(url)
      await Effect.runPromise(DynamoDbAdapter.setup({ client })).finally(() => client.destroy())
    }
    const starting = DynamoDbLocal.start({ own: true })
    return openServer("DynamoDB Local", starting, { prepare, url: new URL((await starting).url).origin })
  },
  connect: async (url, options) => {
    const { DynamoDbAdapter } = await import("@cache-locking/dynamodb")
    const { httpAgent, queued } = countingAgent()
    // Below the adapter's `commandTimeout`, as documented.
    const client = await clientOf(url, { httpAgent, connectionTimeout: 1_000 })
    return {
      adapter: DynamoDbAdapter.make({ client, prefix: options.prefix, ...bound(options) }),
      close: async () => client.destroy(),
      queued
    }
  }
}
