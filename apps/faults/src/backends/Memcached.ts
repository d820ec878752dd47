import { type Backend, openServer } from "./Backend.ts"

export const backend: Backend = {
  name: "memcached",
  pace: 60,
  leases: [1_000, 3_000],
  commandTimeout: 1_000,
  open: async () => {
    const { Memcached } = await import("@cache-locking/test-servers")
    return openServer("Memcached", Memcached.start({ own: true }))
  },
  connect: async (url, prefix, commandTimeout) => {
    const [{ MemcachedAdapter }, { Client }] = await Promise.all([import("@cache-locking/memcached"), import("memjs")])
    const client = Client.create(url.replace("memcached://", ""))
    return { adapter: MemcachedAdapter.make({ client, prefix, commandTimeout }), close: async () => client.close() }
  }
}
