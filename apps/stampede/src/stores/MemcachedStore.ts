/**
 * A Memcached: one that is given, or one started for the run. Each worker reaches it through a proxy of its own, which
 * counts the requests that the worker's connection sends.
 */
import { connect } from "node:net"
import type { Store } from "./Store.ts"

interface Place {
  readonly url: string
}

const defaultPort = 11_211

/** The address without credentials. */
const shown = (address: URL): string => `${address.hostname || "127.0.0.1"}:${address.port || defaultPort}`

export const MemcachedStore: Store = {
  name: "memcached",
  summary: "a real Memcached: --url, MEMCACHED_URL, or one started for the run",
  protocols: ["memcached:"],
  variable: "MEMCACHED_URL",

  open: async (given) => {
    const { FaultProxy, Memcached, memcachedCommands } = await import("@cache-locking/test-servers")
    const server = given === undefined ? await Memcached.start({ own: true }) : undefined
    const url = server?.url ?? given ?? ""
    const address = new URL(url)
    // A URL writes an IPv6 address in brackets, a socket does not.
    const host = address.hostname.replace(/^\[|\]$/g, "") || "127.0.0.1"
    const target = { host, port: Number(address.port || defaultPort), url }
    const version = server?.origin.version ?? (await reach(target, address))
    return {
      title: `Memcached ${version} at ${shown(address)}${server === undefined ? "" : ", started for this run"}`,
      attach: async () => {
        const proxy = await FaultProxy.start({ target, reader: memcachedCommands })
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
    const [{ MemcachedAdapter }, { Client }, Effect] = await Promise.all([
      import("@cache-locking/memcached"),
      import("memjs"),
      import("effect/Effect")
    ])
    const client = Client.create(url.replace("memcached://", ""))
    const adapter = MemcachedAdapter.make({ client, prefix: plain(prefix) })
    // Opens the connection, so that no caller waits for it.
    await Effect.runPromise(adapter.read("connected"))
    return { adapter, close: async () => {} }
  }
}

/** What a prefix may be here. */
const plain = (prefix: string): string => prefix.replace(/[^\x21-\x7a]/g, "-")

/** The server's version. Rejects with what a person can act on. */
const reach = (target: { readonly host: string; readonly port: number }, address: URL): Promise<string> =>
  new Promise((resolve, reject) => {
    const failed = (why: string) => reject(new Error(`no Memcached answers at ${shown(address)}: ${why}`))
    const socket = connect(target, () => socket.write("version\r\n"))
    socket.setTimeout(2_000, () => socket.destroy(new Error("no answer within 2 seconds")))
    socket.on("error", ({ message }) => failed(message))
    socket.on("close", () => failed("it closed the connection"))
    socket.on("data", (chunk) => {
      resolve(chunk.toString("latin1").replace("VERSION ", "").trim())
      socket.destroy()
    })
  })
