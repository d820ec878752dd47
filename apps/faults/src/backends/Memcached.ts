import { type Backend, bound, openServer } from "./Backend.ts"

export const backend: Backend = {
  name: "memcached",
  pace: 60,
  leases: [1_000, 3_000],
  commandTimeout: 1_000,
  open: async (args = []) => {
    const { Memcached } = await import("@cache-locking/test-servers")
    return openServer("Memcached", Memcached.start({ own: true, args }))
  },
  connect: async (url, options) => {
    const [{ MemcachedAdapter }, { Client }] = await Promise.all([import("@cache-locking/memcached"), import("memjs")])
    const client = Client.create(url.replace("memcached://", ""))
    return {
      adapter: MemcachedAdapter.make({ client, prefix: options.prefix, ...bound(options) }),
      close: async () => client.close()
    }
  }
}
