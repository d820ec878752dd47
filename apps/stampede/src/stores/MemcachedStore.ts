import { connect } from "node:net"
import * as Effect from "effect/Effect"
import { counted, hostAndPort, serverStore, targetOf } from "./ServerStore.ts"

const defaultPort = 11_211

export const MemcachedStore = serverStore({
  name: "memcached",
  summary: "a real Memcached: --url, MEMCACHED_URL, or one started for the run",
  protocols: ["memcached:"],
  variable: "MEMCACHED_URL",
  product: "Memcached",
  start: ({ Memcached }) => Memcached.start({ own: true }),
  where: (url) => hostAndPort(new URL(url), defaultPort),

  open: async (url, { memcachedCommands }, server) => {
    const target = targetOf(new URL(url), defaultPort)
    return {
      title: `Memcached ${server?.origin.version ?? (await versionAt(target))}`,
      attach: () => counted({ target, reader: memcachedCommands })
    }
  },

  connect: async ({ url }, prefix) => {
    const [{ MemcachedAdapter }, { Client }] = await Promise.all([import("@cache-locking/memcached"), import("memjs")])
    const client = Client.create(url.replace("memcached://", ""))
    const adapter = MemcachedAdapter.make({ client, prefix: prefix.replace(/[^\x21-\x7a]/g, "-") })
    // Opens the connection, so that no caller waits for it.
    await Effect.runPromise(adapter.read("connected"))
    return { adapter }
  }
})

const versionAt = (target: { readonly host: string; readonly port: number }): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connect(target, () => socket.write("version\r\n"))
    socket.setTimeout(2_000, () => socket.destroy(new Error("no answer within 2 seconds")))
    socket.on("error", reject)
    socket.on("close", () => reject(new Error("it closed the connection")))
    socket.on("data", (chunk) => {
      resolve(chunk.toString("latin1").replace("VERSION ", "").trim())
      socket.destroy()
    })
  })
