/** The setup on Memcached. `here` reaches it through a proxy that is slow, and can fall silent. */
import { connect } from "node:net"
import type { Claims, Records } from "@cache-locking/conformance-kit"
import { MemcachedAdapter } from "@cache-locking/memcached"
import { Memcached, type Server } from "@cache-locking/test-servers"
import * as Effect from "effect/Effect"
import { Client } from "memjs"
import { type AdapterSetups, factsOf, noClaims, proxied, serving } from "./AdapterSetup.ts"

const claims: Claims = { ...noClaims, close: true, clock: "client" }

/** Keeps the keys apart from other data in a server that was given. */
const prefix = `conformance-${process.pid}`

/** The answer to a line of the text protocol, through a connection of its own. */
const ask = (server: Server, line: string, end: RegExp): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connect({ host: server.host, port: server.port }, () => socket.write(`${line}\r\n`))
    let answer = ""
    socket.on("error", reject)
    socket.on("data", (chunk) => {
      answer += chunk.toString("latin1")
      if (!end.test(answer)) return
      resolve(answer)
      socket.destroy()
    })
  })

/** All items. The server has one crawler, which another case may be using. */
const crawl = async (server: Server): Promise<string> => {
  for (;;) {
    const dump = await ask(server, "lru_crawler metadump all", /^(END|BUSY.*)\r\n$/m)
    if (!dump.startsWith("BUSY")) return dump
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** Every item of this run whose name contains the key. The keys of the cases are plain there. */
const recordsOf =
  (server: Server): Records =>
  (key) =>
    Effect.promise(async () => {
      const dump = await crawl(server)
      const names = [...dump.matchAll(/^key=(\S+) /gm)].map(([, name]) => decodeURIComponent(name!))
      const own = names.filter((name) => name.startsWith(prefix) && name.includes(key))
      const found = await Promise.all(
        own.map(async (name) => ({ name, answer: await ask(server, `mg ${name} t`, /\r\n$/) }))
      )
      return found.flatMap(({ answer, name }) => {
        const seconds = /^HD t(-?\d+)/.exec(answer)?.[1]
        // It has expired meanwhile.
        if (seconds === undefined) return []
        return [{ name, expiresIn: seconds === "-1" ? Number.POSITIVE_INFINITY : Number(seconds) * 1000 }]
      })
    })

const adapterOf = (url: string) =>
  MemcachedAdapter.make({ client: Client.create(url.replace("memcached://", "")), prefix })

export const memcachedSetups: AdapterSetups = {
  memcached: {
    title: "Memcached",
    package: "@cache-locking/memcached",
    open: Effect.gen(function* () {
      const server = yield* serving(() => Memcached.start())
      const { stall, url } = yield* proxied(server, { delay: 1 })
      return {
        server: factsOf(server, "Memcached"),
        setup: {
          name: "Memcached",
          claims,
          peers: () => ({ here: adapterOf(url), there: adapterOf(server.url) }),
          records: recordsOf(server),
          stall
        }
      }
    })
  }
}
