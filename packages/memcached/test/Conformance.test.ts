/** The whole contract, over one server, over two, and with leases kept elsewhere. */
import type { Claims, Records, Stall } from "@cache-locking/conformance-kit"
import { suite } from "@cache-locking/conformance-kit/vitest"
import { MemoryAdapter } from "@cache-locking/core"
import { FaultProxy, Memcached, orUnavailable, Unavailable } from "@cache-locking/test-servers"
import * as Effect from "effect/Effect"
import { afterAll, describe, it } from "vitest"
import { MemcachedAdapter } from "../src/index.ts"
import * as Keyspace from "../src/Keyspace.ts"
import { clientOf } from "./fixtures/Support.ts"
import * as TextClient from "./fixtures/TextClient.ts"

const claims: Claims = {
  watch: false,
  keys: false,
  acquireMany: false,
  deleteMany: false,
  changes: false,
  hitUnsafe: false,
  close: true,
  clock: "client"
}

const prefix = "conformance"

const recordsOf =
  (...urls: ReadonlyArray<string>): Records =>
  (key) =>
    Effect.promise(async () => {
      const name = Keyspace.nameOf(prefix, key)
      const seconds = await Promise.all(urls.map((url) => TextClient.expiresIn(url, name)))
      return seconds.flatMap((each) => (each === undefined ? [] : [{ name, expiresIn: each * 1000 }]))
    })

const stallOf = (proxy: FaultProxy): Stall => ({
  begin: Effect.acquireRelease(
    Effect.sync(() => proxy.blackhole()),
    () => Effect.promise(() => proxy.heal())
  ),
  within: 5_000
})

const servers = await orUnavailable(Promise.all([Memcached.start(), Memcached.start({ own: true })]))

if (servers instanceof Unavailable) describe(servers.kind, () => it.skip(servers.message))
else {
  const [one, two] = servers
  const proxy = await FaultProxy.start({ target: one })
  afterAll(async () => {
    await proxy.stop()
    await Promise.all([one.stop(), two.stop()])
  })
  suite(
    {
      name: "one server",
      claims,
      records: recordsOf(one.url),
      stall: stallOf(proxy),
      peers: () => ({
        here: MemcachedAdapter.make({ client: clientOf(proxy.url()), prefix, commandTimeout: 1_000 }),
        there: MemcachedAdapter.make({ client: clientOf(one.url), prefix })
      })
    },
    { concurrent: true }
  )
  suite(
    {
      name: "two servers",
      claims,
      records: recordsOf(one.url, two.url),
      peers: () => ({
        here: MemcachedAdapter.make({ client: clientOf(one.url, two.url), prefix }),
        there: MemcachedAdapter.make({ client: clientOf(two.url, one.url), prefix })
      })
    },
    { concurrent: true }
  )
  const leases = MemoryAdapter.make()
  suite(
    {
      name: "values in Memcached, leases in memory",
      claims: { ...claims, watch: true, keys: true, changes: true, clock: "process" },
      peers: () => ({
        here: MemcachedAdapter.make({ client: clientOf(one.url), prefix: "values", leases }),
        there: MemcachedAdapter.make({ client: clientOf(one.url), prefix: "values", leases })
      })
    },
    { concurrent: true }
  )
}
