import { counted, hostAndPort, serverStore, targetOf, uncounted } from "./ServerStore.ts"

const defaultPort = 6379

export const RedisStore = serverStore({
  name: "redis",
  summary: "a real Redis: --url, REDIS_URL, or one started for the run",
  protocols: ["redis:", "rediss:"],
  variable: "REDIS_URL",
  product: "Redis",
  start: ({ Redis }) => Redis.start({ own: true }),
  where: (url) => `${hostAndPort(new URL(url), defaultPort)}${new URL(url).pathname}`,

  open: async (url, { RespClient }, server) => {
    const address = new URL(url)
    const version = server?.origin.version ?? (await versionAt(RespClient, url))
    return {
      title: version === undefined ? "Redis" : `Redis ${version}`,
      attach: () =>
        // A proxy cannot read encrypted data.
        address.protocol === "rediss:" ? uncounted({ url }) : counted({ target: targetOf(address, defaultPort) })
    }
  },

  connect: async ({ url }, prefix) => {
    const [{ RedisAdapter }, { Redis: Client }] = await Promise.all([import("@cache-locking/redis"), import("ioredis")])
    const client = new Client(url, { lazyConnect: true })
    // Commands that fail report it. Without a listener, ioredis would print it over the timeline.
    client.on("error", () => {})
    await client.connect()
    return { adapter: RedisAdapter.make({ client, prefix }), close: async () => client.disconnect() }
  }
})

const versionAt = async (
  RespClient: typeof import("@cache-locking/test-servers").RespClient,
  url: string
): Promise<string | undefined> => {
  await using client = await RespClient.connect(url)
  return (await client.info("server", "valkey_version")) ?? (await client.info("server", "redis_version"))
}
