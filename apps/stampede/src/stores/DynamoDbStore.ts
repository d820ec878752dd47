import * as Effect from "effect/Effect"
import { counted, hostAndPort, serverStore, targetOf } from "./ServerStore.ts"

const table = "cache-locking-stampede"

const defaultPort = 8000

/** The endpoint, without credentials. */
const endpointOf = (url: string): URL => new URL(`http://${new URL(url).host}`)

/** DynamoDB Local. Every worker creates the table: any number may, at once. */
export const DynamoDbStore = serverStore({
  name: "dynamodb",
  summary: "a DynamoDB Local: --url, DYNAMODB_URL, or one started for the run",
  protocols: ["dynamodb:"],
  variable: "DYNAMODB_URL",
  product: "DynamoDB Local",
  start: ({ DynamoDbLocal }) => DynamoDbLocal.start({ own: true }),
  where: (url) => hostAndPort(endpointOf(url), defaultPort),

  open: async (url, { httpCommands }, server) => {
    const target = targetOf(endpointOf(url), defaultPort)
    // A healthy one refuses this, for want of a signature.
    await fetch(`http://${hostAndPort(endpointOf(url), defaultPort)}/`, { signal: AbortSignal.timeout(2_000) }).catch(
      ({ cause, message }: Error) => {
        throw new Error(cause instanceof Error && cause.message !== "" ? cause.message : message)
      }
    )
    return {
      title: server === undefined ? "DynamoDB Local" : `DynamoDB Local ${server.origin.version}`,
      attach: () => counted({ target, reader: httpCommands })
    }
  },

  connect: async ({ url }, prefix) => {
    const [{ DynamoDbAdapter }, { DynamoDBClient }] = await Promise.all([
      import("@cache-locking/dynamodb"),
      import("@aws-sdk/client-dynamodb")
    ])
    const client = new DynamoDBClient({
      endpoint: url,
      region: "local",
      credentials: { accessKeyId: "local", secretAccessKey: "local" }
    })
    const adapter = DynamoDbAdapter.make({ client, table, prefix: prefix.replaceAll("#", "-") })
    await Effect.runPromise(DynamoDbAdapter.setup({ client, table }))
    // Opens the connection, so that no caller waits for it.
    await Effect.runPromise(adapter.read("connected"))
    return { adapter, close: async () => client.destroy() }
  }
})
