import { type Backend, openServer } from "./Backend.ts"

export const backend: Backend = {
  name: "redis",
  pace: 60,
  leases: [1_000, 3_000],
  commandTimeout: 1_000,
  open: async () => {
    const { Redis } = await import("@cache-locking/test-servers")
    return openServer("Redis", Redis.start({ own: true }))
  },
  connect: async (url, prefix, commandTimeout) => {
    const [{ RedisAdapter }, { Redis }] = await Promise.all([import("@cache-locking/redis"), import("ioredis")])
    // By its own choice it pauses up to two seconds between attempts to connect.
    const client = new Redis(url, { retryStrategy: () => 100 })
    // Commands that fail say so; without a listener ioredis prints each failure.
    client.on("error", () => {})
    return {
      adapter: RedisAdapter.make({ client, prefix, commandTimeout }),
      close: async () => client.disconnect()
    }
  }
}
