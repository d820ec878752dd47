/** The whole contract, over every client and server that the package speaks to. */
import type { Claims, OpenedPeers, Records } from "@cache-locking/conformance-kit"
import { suite } from "@cache-locking/conformance-kit/vitest"
import { Namespace } from "@cache-locking/core"
import { RedisCluster, Redis as RedisServer, Valkey } from "@cache-locking/test-servers"
import { overServer } from "@cache-locking/test-servers/vitest"
import * as Effect from "effect/Effect"
import { Cluster, Redis } from "ioredis"
import { createClient } from "redis"
import { RedisAdapter } from "../src/index.ts"
import * as Keyspace from "../src/Keyspace.ts"

const claims: Claims = {
  watch: true,
  keys: true,
  acquireMany: true,
  deleteMany: true,
  changes: true,
  hitUnsafe: false,
  close: true,
  clock: "store"
}

const prefix = "conformance"

const recordsOf =
  (client: Pick<Redis, "pttl">): Records =>
  (key) =>
    Effect.promise(async () => {
      const name = Keyspace.nameOf(prefix, key)
      const names = [name, Keyspace.leaseOf(name)]
      const left = await Promise.all(names.map((name) => client.pttl(name)))
      return names.flatMap((name, i) =>
        left[i] === -2 ? [] : [{ name, expiresIn: left[i] === -1 ? Number.POSITIVE_INFINITY : left[i]! }]
      )
    })

const peers = (here: RedisAdapter.Client, there: RedisAdapter.Client, close: () => void): OpenedPeers => ({
  here: RedisAdapter.make({ client: here, prefix }),
  there: RedisAdapter.make({ client: there, prefix }),
  close
})

const overUrl = (name: string, url: string) => {
  const eye = new Redis(url, { lazyConnect: true })
  suite({
    name,
    claims,
    records: recordsOf(eye),
    peers: () => {
      const clients = [new Redis(url), new Redis(url)] as const
      return peers(...clients, () => {
        for (const client of [...clients, eye]) client.disconnect()
      })
    }
  })
}

await overServer(RedisServer.start(), ({ url }) => {
  overUrl("ioredis on Redis", url)
  suite({
    name: "node-redis on Redis",
    claims,
    peers: async () => {
      const clients = [createClient({ url }), createClient({ url })] as const
      for (const client of clients) await client.connect()
      return peers(...clients, () => {
        for (const client of clients) client.destroy()
      })
    }
  })
})

// A name's view of the adapter keeps every law, too.
await overServer(RedisServer.start(), ({ url }) => {
  const eye = new Redis(url, { lazyConnect: true })
  const records = recordsOf(eye)
  suite({
    name: "a name over ioredis on Redis",
    // The adapter closes what it opened, not the view.
    claims: { ...claims, close: false },
    records: (key) => records(Namespace.prefixOf("users") + key),
    peers: () => {
      const clients = [new Redis(url), new Redis(url)] as const
      const { here, there } = peers(...clients, () => {})
      const close = () => {
        for (const client of [...clients, eye]) client.disconnect()
      }
      return { here: Namespace.of(here, "users"), there: Namespace.of(there, "users"), close }
    }
  })
})

await overServer(Valkey.start(), ({ url }) => overUrl("ioredis on Valkey", url))

await overServer(RedisCluster.start(), ({ seeds }) => {
  const eye = new Cluster([...seeds], { lazyConnect: true })
  suite({
    name: "ioredis on Redis Cluster",
    // No script has keys in two slots.
    claims: { ...claims, acquireMany: false },
    records: recordsOf(eye),
    peers: () => {
      const clients = [new Cluster([...seeds]), new Cluster([...seeds])] as const
      return peers(...clients, () => {
        for (const client of [...clients, eye]) client.disconnect()
      })
    }
  })
})
