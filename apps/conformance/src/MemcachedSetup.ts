/** The setup over one Memcached: `here` speaks to it through a proxy whose replies are slow, and that can fall silent. */
import { connect } from "node:net"
import type { Claims, Records } from "@cache-locking/conformance-kit"
import { MemcachedAdapter } from "@cache-locking/memcached"
import { FaultProxy, Memcached, type Server } from "@cache-locking/test-servers"
import * as Effect from "effect/Effect"
import { Client } from "memjs"
import { type AdapterSetup, factsOf, serving } from "./AdapterSetup.ts"

const claims: Claims = {
  watch: false,
  keys: false,
  changes: false,
  acquireMany: false,
  deleteMany: false,
  hitUnsafe: false,
  close: true,
  clock: "client"
}

/** Apart from whatever else is in a server that was given. */
const prefix = `conformance-${process.pid}`

/** Milliseconds by which replies are late. */
const delay = 1

/** Well beyond the adapter's own timeout of two seconds. */
const settlesWithin = 10_000

/** The answer to a line of the text protocol, seen through a connection of its own. */
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

/** All items. The server has one crawler: another case may be using it. */
const crawl = async (server: Server): Promise<string> => {
  for (;;) {
    const dump = await ask(server, "lru_crawler metadump all", /^(END|BUSY.*)\r\n$/m)
    if (!dump.startsWith("BUSY")) return dump
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** Every item of this run whose name has the key in it. The keys of the cases are plain there. */
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
        // It went in between.
        if (seconds === undefined) return []
        return [{ name, expiresIn: seconds === "-1" ? Number.POSITIVE_INFINITY : Number(seconds) * 1000 }]
      })
    })

const adapterOf = (url: string) =>
  MemcachedAdapter.make({ client: Client.create(url.replace("memcached://", "")), prefix })

export const setup: AdapterSetup = {
  title: "Memcached",
  package: "@cache-locking/memcached",
  open: Effect.gen(function* () {
    const server = yield* serving(() => Memcached.start())
    const proxy = yield* Effect.acquireRelease(
      Effect.promise(() => FaultProxy.start({ target: server })),
      (proxy) => Effect.promise(() => proxy.stop())
    )
    proxy.delay(delay, delay)
    const stall = Effect.acquireRelease(
      Effect.sync(() => proxy.blackhole()),
      () =>
        Effect.promise(async () => {
          await proxy.heal()
          proxy.delay(delay, delay)
        })
    )
    return {
      server: factsOf(server, "Memcached"),
      setup: {
        name: "Memcached",
        claims,
        peers: () => ({ here: adapterOf(proxy.url()), there: adapterOf(server.url) }),
        records: recordsOf(server),
        stall: { begin: stall, within: settlesWithin }
      }
    }
  })
}
