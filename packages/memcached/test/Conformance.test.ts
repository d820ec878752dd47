/** The whole contract, over one server, over two, and with leases kept elsewhere. */
import type { Records } from "@cache-locking/conformance-kit"
import { stallOf } from "@cache-locking/conformance-kit/testing"
import { suite } from "@cache-locking/conformance-kit/vitest"
import { MemoryAdapter } from "@cache-locking/core"
import { FaultProxy, Memcached } from "@cache-locking/test-servers"
import { overServer } from "@cache-locking/test-servers/vitest"
import * as Effect from "effect/Effect"
import { afterAll } from "vitest"
import { MemcachedAdapter } from "../src/index.ts"
import * as Keyspace from "../src/Keyspace.ts"
import { claims, clientOf } from "./fixtures/Support.ts"
import * as TextClient from "./fixtures/TextClient.ts"

const prefix = "conformance"

const recordsOf =
  (...urls: ReadonlyArray<string>): Records =>
  (key) =>
    Effect.promise(async () => {
      const name = Keyspace.nameOf(prefix, key)
      const seconds = await Promise.all(urls.map((url) => TextClient.expiresIn(url, name)))
      return seconds.flatMap((each) => (each === undefined ? [] : [{ name, expiresIn: each * 1000 }]))
    })

await overServer(Memcached.start(), async (one) => {
  const two = await Memcached.start({ own: true })
  const proxy = await FaultProxy.start({ target: one })
  afterAll(async () => {
    await proxy.stop()
    await two.stop()
  })
  suite(
    {
      name: "one server",
      claims,
      records: recordsOf(one.url),
      stall: stallOf(() => proxy, 5_000),
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
})
