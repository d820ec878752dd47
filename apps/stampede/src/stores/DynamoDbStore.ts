/**
 * A DynamoDB Local: one that is given, or one started for the run. Each worker reaches it through a proxy of its own,
 * which counts the requests that the worker's connections send. Every worker sets the table up: any number may, at once.
 */
import type { Store } from "./Store.ts"

interface Place {
  readonly url: string
}

const table = "cache-locking-stampede"

const defaultPort = 8000

/** The address without credentials. */
const shown = (address: URL): string => `${address.hostname || "127.0.0.1"}:${address.port || defaultPort}`

export const DynamoDbStore: Store = {
  name: "dynamodb",
  summary: "a DynamoDB Local: --url, DYNAMODB_URL, or one started for the run",
  protocols: ["dynamodb:"],
  variable: "DYNAMODB_URL",

  open: async (given) => {
    const { DynamoDbLocal, FaultProxy, httpCommands } = await import("@cache-locking/test-servers")
    const server = given === undefined ? await DynamoDbLocal.start({ own: true }) : undefined
    const address = new URL((server?.url ?? given ?? "").replace(/^dynamodb:/, "http:"))
    // A URL writes an IPv6 address in brackets, a socket does not.
    const host = address.hostname.replace(/^\[|\]$/g, "") || "127.0.0.1"
    if (server === undefined) await reach(address)
    const version = server === undefined ? "" : ` ${server.origin.version}`
    const started = server === undefined ? "" : ", started for this run"
    return {
      title: `DynamoDB Local${version} at ${shown(address)}${started}`,
      attach: async () => {
        const target = { host, port: Number(address.port || defaultPort) }
        const proxy = await FaultProxy.start({ target, reader: httpCommands })
        return {
          place: { url: proxy.url("http") } satisfies Place,
          reset: () => proxy.resetCommands(),
          commands: () => proxy.commands().map(({ name }) => name),
          [Symbol.asyncDispose]: () => proxy.stop()
        }
      },
      [Symbol.asyncDispose]: async () => server?.stop()
    }
  },

  connect: async (place, prefix) => {
    const { url } = place as Place
    const [{ DynamoDbAdapter }, { DynamoDBClient }, Effect] = await Promise.all([
      import("@cache-locking/dynamodb"),
      import("@aws-sdk/client-dynamodb"),
      import("effect/Effect")
    ])
    const client = new DynamoDBClient({
      endpoint: url,
      region: "local",
      credentials: { accessKeyId: "local", secretAccessKey: "local" }
    })
    const adapter = DynamoDbAdapter.make({ client, table, prefix: prefix.replaceAll("#", "-") })
    await Effect.runPromise(DynamoDbAdapter.setup({ client, table }))
    // A client's first request of a kind takes its time.
    await Effect.runPromise(adapter.read("connected"))
    return { adapter, close: async () => client.destroy() }
  }
}

/** Rejects with what a person can act on. */
const reach = async (address: URL): Promise<void> => {
  try {
    // A healthy one refuses this, for want of a signature.
    await fetch(`http://${address.host}/`, { signal: AbortSignal.timeout(2_000) })
  } catch (error) {
    const { cause, message } = error as Error
    const why = cause instanceof Error && cause.message !== "" ? cause.message : message
    throw new Error(`no DynamoDB Local answers at ${shown(address)}: ${why}`, { cause: error })
  }
}
