import { RedisAdapter } from "@cache-locking/redis"
import { Redis as Server } from "@cache-locking/test-servers"
import { ioredis6 } from "../peers/Clients.ts"
import type { Backend } from "./Backend.ts"

export const Redis: Backend = {
  name: "Redis",
  packages: ["ioredis6"],
  words: { get: "`GET`", write: "`SET NX PX`" },
  miss: 2,

  start: async () => {
    const server = await Server.start()
    return { title: `Redis ${server.origin.version}`, url: server.url, stop: () => server.stop() }
  },

  open: async (url) => {
    const { hostname, port } = new URL(url)
    const client = await ioredis6({ host: hostname, port: Number(port || 6379) })
    return {
      adapter: RedisAdapter.make({ client, prefix: "backend" }),
      floor: {
        get: (key) => client.get(`floor:${key}`),
        write: (key, value) => client.set(`floor:${key}`, value, "PX", 600_000, "NX")
      },
      close: () => client.quit()
    }
  }
}
