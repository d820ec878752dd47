/**
 * A Redis: one that is given, or one started for the run. Each worker reaches it through a
 * proxy of its own, which counts the commands that the worker's connections send.
 */
import type { Store } from "./Store.ts"

interface Place {
  readonly url: string
}

/** The address without the password. */
const shown = (url: URL): string => `${url.hostname || "127.0.0.1"}:${url.port || 6379}${url.pathname}`

export const RedisStore: Store = {
  name: "redis",
  summary: "a real Redis: --url, REDIS_URL, or one started for the run",
  protocols: ["redis:", "rediss:"],
  variable: "REDIS_URL",

  open: async (given) => {
    const { FaultProxy, Redis, RespClient } = await import("@cache-locking/test-servers")
    const server = given === undefined ? await Redis.start({ own: true }) : undefined
    const url = server?.url ?? given ?? ""
    const address = new URL(url)
    const encrypted = address.protocol === "rediss:"
    const version = server?.origin.version ?? (await reach(RespClient, url, address))
    // A URL writes an IPv6 address in brackets, a socket does not.
    const host = address.hostname.replace(/^\[|\]$/g, "") || "127.0.0.1"
    const target = { host, port: Number(address.port || 6379), url }
    return {
      title: `Redis${version === undefined ? "" : ` ${version}`} at ${shown(address)}${server === undefined ? "" : ", started for this run"}`,
      attach: async () => {
        // What is encrypted cannot be counted on its way.
        if (encrypted) {
          return {
            place: { url } satisfies Place,
            reset: () => {},
            commands: () => undefined,
            [Symbol.asyncDispose]: async () => {}
          }
        }
        const proxy = await FaultProxy.start({ target })
        return {
          place: { url: proxy.url() } satisfies Place,
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
    const [{ RedisAdapter }, { Redis: Client }] = await Promise.all([import("@cache-locking/redis"), import("ioredis")])
    const client = new Client(url, { lazyConnect: true })
    // Told by the commands that fail; unhandled, it would be printed over the picture.
    client.on("error", () => {})
    await client.connect()
    return {
      adapter: RedisAdapter.make({ client, prefix }),
      close: async () => client.disconnect()
    }
  }
}

/** The server's version. Rejects with what a person can act on. */
const reach = async (
  RespClient: typeof import("@cache-locking/test-servers").RespClient,
  url: string,
  address: URL
): Promise<string | undefined> => {
  try {
    await using client = await RespClient.connect(url)
    return (await client.info("server", "valkey_version")) ?? (await client.info("server", "redis_version"))
  } catch (error) {
    throw new Error(`no Redis answers at ${shown(address)}: ${(error as Error).message}`, { cause: error })
  }
}
