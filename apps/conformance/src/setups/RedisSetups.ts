/** The setups on Redis, its cluster and Valkey. `here` reaches a single server through a proxy that can fall silent. */
import type { Claims, OpenedPeers, Records } from "@cache-locking/conformance-kit"
import { RedisAdapter } from "@cache-locking/redis"
import { RedisCluster, Redis as RedisServer, type Server, Valkey } from "@cache-locking/test-servers"
import * as Effect from "effect/Effect"
import { Cluster, Redis } from "ioredis"
import {
  type AdapterSetup,
  type AdapterSetups,
  factsOf,
  noClaims,
  proxied,
  scoped,
  serving,
  stallOf
} from "./AdapterSetup.ts"
import { tiered } from "./Tiered.ts"

const claims: Claims = {
  ...noClaims,
  watch: true,
  keys: true,
  changes: true,
  acquireMany: true,
  deleteMany: true,
  close: true,
  clock: "store"
}

/** Keeps the keys apart from other data in a server that was given. */
const prefix = `conformance-${process.pid}`

const clientOf = <A extends Redis | Cluster>(open: () => A) =>
  scoped(
    () => {
      const client = open()
      // Each verb reports its own failure.
      client.on("error", () => {})
      return client
    },
    (client) => client.disconnect()
  )

/** Every name in the server that contains the key, seen through a connection of its own. */
const recordsOf =
  (nodes: () => ReadonlyArray<Redis>): Records =>
  (key) =>
    Effect.promise(async () => {
      const found = await Promise.all(
        nodes().map(async (node) => {
          const names = (await node.keys("*")).filter((name) => name.includes(prefix) && name.includes(key))
          return Promise.all(names.map(async (name) => ({ name, left: await node.pttl(name) })))
        })
      )
      // -2: it has expired meanwhile; -1: it never will.
      return found.flat().flatMap(({ left, name }) => {
        if (left === -2) return []
        return [{ name, expiresIn: left === -1 ? Number.POSITIVE_INFINITY : left }]
      })
    })

const peersOf = (here: RedisAdapter.Client, there: RedisAdapter.Client): OpenedPeers => ({
  here: RedisAdapter.make({ client: here, prefix }),
  there: RedisAdapter.make({ client: there, prefix })
})

const singleServer = (name: string, start: () => Promise<Server>): AdapterSetup => ({
  title: name,
  package: "@cache-locking/redis",
  open: Effect.gen(function* () {
    const server = yield* serving(start)
    const { stall, url } = yield* proxied(server)
    const here = yield* clientOf(() => new Redis(url))
    const there = yield* clientOf(() => new Redis(server.url))
    const observer = yield* clientOf(() => new Redis(server.url))
    return {
      server: factsOf(server, name),
      setup: { name, claims, peers: () => peersOf(here, there), records: recordsOf(() => [observer]), stall }
    }
  })
})

const redis = singleServer("Redis", () => RedisServer.start())

const valkey = singleServer("Valkey", () => Valkey.start())

const redisCluster: AdapterSetup = {
  title: "Redis Cluster",
  package: "@cache-locking/redis",
  open: Effect.gen(function* () {
    const cluster = yield* serving(() => RedisCluster.start())
    const client = clientOf(() => new Cluster([...cluster.seeds]))
    const [here, there, observer] = [yield* client, yield* client, yield* client]
    return {
      server: factsOf(cluster, "Redis Cluster"),
      setup: {
        name: "Redis Cluster",
        // A script cannot have keys in two slots.
        claims: { ...claims, acquireMany: false },
        peers: () => peersOf(here, there),
        records: recordsOf(() => observer.nodes("master")),
        // A cluster announces its own addresses, past any proxy. One that was given cannot be paused.
        ...(cluster.controllable && {
          stall: stallOf(
            () => cluster.pause(),
            () => cluster.resume()
          )
        })
      }
    }
  })
}

export const redisSetups: AdapterSetups = {
  redis,
  "redis-tiered": tiered(redis, "redis-tiered"),
  "redis-cluster": redisCluster,
  "redis-cluster-tiered": tiered(redisCluster, "redis-cluster-tiered"),
  valkey,
  "valkey-tiered": tiered(valkey, "valkey-tiered")
}
