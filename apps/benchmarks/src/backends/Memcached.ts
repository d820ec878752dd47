import { memcachedCommands, Memcached as Server } from "@cache-locking/test-servers"
import type { Backend } from "./Backend.ts"

export const Memcached: Backend = {
  name: "Memcached",
  packages: ["memjs"],
  words: { get: "`get`", write: "`add`" },
  miss: 3,
  reader: memcachedCommands,

  start: async () => {
    const server = await Server.start()
    return { title: `Memcached ${server.origin.version}`, url: server.url, stop: () => server.stop() }
  },

  open: async (url) => {
    const { Client } = await import("memjs")
    const { MemcachedAdapter } = await import("@cache-locking/memcached")
    const client = Client.create(url.replace("memcached://", ""))
    return {
      adapter: MemcachedAdapter.make({ client, prefix: "backend" }),
      floor: {
        get: async (key) => (await client.get(`floor:${key}`)).value?.toString("latin1"),
        write: (key, value) => client.add(`floor:${key}`, value, { expires: 600 })
      },
      close: async () => client.close()
    }
  }
}
