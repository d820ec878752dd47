import { type Backend, bound, openServer } from "./Backend.ts"

export const backend: Backend = {
  name: "redis",
  pace: 60,
  leases: [1_000, 3_000],
  commandTimeout: 1_000,
  open: async () => {
    const { Redis } = await import("@cache-locking/test-servers")
    return openServer("Redis", Redis.start({ own: true }))
  },
  connect: async (url, options) => {
    const [{ RedisAdapter }, { Redis }] = await Promise.all([import("@cache-locking/redis"), import("ioredis")])
    const client = new Redis(
      url,
      options.client === "documented"
        ? { reconnectOnError: (error) => error.message.includes("READONLY"), maxRetriesPerRequest: 0 }
        : // By its own choice it pauses up to two seconds between attempts to connect.
          { retryStrategy: () => 100 }
    )
    // Commands that fail say so; without a listener ioredis prints each failure.
    client.on("error", () => {})
    const queues = client as unknown as Record<"commandQueue" | "offlineQueue", { readonly length: number }>
    return {
      adapter: RedisAdapter.make({ client, prefix: options.prefix, ...bound(options) }),
      close: async () => client.disconnect(),
      queued: () => queues.commandQueue.length + queues.offlineQueue.length
    }
  }
}
