/** What the setups over Redis and its kin share. */
import type { Claims, OpenedPeers, Records, Stall } from "@cache-locking/conformance-kit"
import { RedisAdapter } from "@cache-locking/redis"
import { FaultProxy, type Server } from "@cache-locking/test-servers"
import * as Effect from "effect/Effect"
import { Redis } from "ioredis"
import { type AdapterSetup, factsOf, serving } from "./AdapterSetup.ts"

export const claims: Claims = {
  watch: true,
  keys: true,
  changes: true,
  acquireMany: true,
  deleteMany: true,
  hitUnsafe: false,
  close: true,
  clock: "store"
}

/** Apart from whatever else is in a server that was given. */
export const prefix = `conformance-${process.pid}`

/** Well beyond the adapter's own timeout of two seconds. */
const settlesWithin = 10_000

export const quiet = <A extends { on(event: "error", listener: () => void): unknown }>(client: A): A => {
  // What goes wrong is told by the verb that it concerns.
  client.on("error", () => {})
  return client
}

/** Every name in the server that has the key in it, seen through a connection of its own. */
export const recordsOf =
  (nodes: () => ReadonlyArray<Redis>): Records =>
  (key) =>
    Effect.promise(async () => {
      const found = await Promise.all(
        nodes().map(async (node) => {
          const names = (await node.keys("*")).filter((name) => name.includes(prefix) && name.includes(key))
          return Promise.all(names.map(async (name) => ({ name, left: await node.pttl(name) })))
        })
      )
      // -2: it went in between; -1: it never will.
      return found.flat().flatMap(({ left, name }) => {
        if (left === -2) return []
        return [{ name, expiresIn: left === -1 ? Number.POSITIVE_INFINITY : left }]
      })
    })

export const peersOf = (here: RedisAdapter.Client, there: RedisAdapter.Client, close: () => void): OpenedPeers => ({
  here: RedisAdapter.make({ client: here, prefix }),
  there: RedisAdapter.make({ client: there, prefix }),
  close
})

/** A backend that is silent while the scope lasts. */
export const stallOf = (silence: () => Promise<unknown> | unknown, speak: () => Promise<unknown> | unknown): Stall => ({
  begin: Effect.acquireRelease(
    Effect.promise(async () => void (await silence())),
    () => Effect.promise(async () => void (await speak()))
  ),
  within: settlesWithin
})

/** One server: `here` speaks to it through a proxy that can fall silent. */
export const singleServer = (title: string, name: string, start: () => Promise<Server>): AdapterSetup => ({
  title,
  package: "@cache-locking/redis",
  open: Effect.gen(function* () {
    const server = yield* serving(start)
    const proxy = yield* Effect.acquireRelease(
      Effect.promise(() => FaultProxy.start({ target: server })),
      (proxy) => Effect.promise(() => proxy.stop())
    )
    const clients = [new Redis(proxy.url()), new Redis(server.url), new Redis(server.url)].map(quiet)
    const [here, there, eye] = clients as [Redis, Redis, Redis]
    return {
      server: factsOf(server, name),
      setup: {
        name: title,
        claims,
        peers: () =>
          peersOf(here, there, () => {
            for (const client of clients) client.disconnect()
          }),
        records: recordsOf(() => [eye]),
        stall: stallOf(
          () => proxy.blackhole(),
          () => proxy.heal()
        )
      }
    }
  })
})
