import {
  answered,
  ask,
  hitOf,
  lead,
  lifetime,
  listed,
  listening,
  minute,
  put,
  run,
  sleep,
  tagOf,
  text,
  value,
  watching
} from "@cache-locking/conformance-kit/testing"
import { createCache } from "@cache-locking/core/promise"
import { RedisCluster } from "@cache-locking/test-servers"
import { serverOfFile, serverOfTest } from "@cache-locking/test-servers/vitest"
import { type Cluster, Redis } from "ioredis"
import { describe, expect, it, onTestFinished } from "vitest"
import { slotOf } from "../src/client/Slot.ts"
import { RedisAdapter } from "../src/index.ts"
import * as Keyspace from "../src/Keyspace.ts"
import { closing, ioredisCluster, nodeRedisCluster } from "./fixtures/Support.ts"

const cluster = await serverOfFile(RedisCluster.start({ own: true, replicas: 1 }))

const odd = [
  "",
  "{",
  "}",
  "{}",
  "{}}",
  "}{",
  "{a}",
  "a{b}c",
  "a{b",
  "a}b",
  "{a}{b}",
  "{{a}}",
  "%7D",
  "{\u0000}",
  "é{😀}"
]
const keys = [...odd, ...Array.from({ length: 40 }, (_, i) => `key ${i}`)]

const clients = [
  {
    kind: "ioredis",
    open: async (seeds: RedisCluster["seeds"]): Promise<RedisAdapter.Client> => ioredisCluster(seeds)
  },
  {
    kind: "ioredis with autopipelining",
    open: async (seeds: RedisCluster["seeds"]): Promise<RedisAdapter.Client> =>
      ioredisCluster(seeds, { enableAutoPipelining: true })
  },
  {
    kind: "ioredis that reads from replicas",
    open: async (seeds: RedisCluster["seeds"]): Promise<RedisAdapter.Client> =>
      ioredisCluster(seeds, { scaleReads: "slave" })
  },
  {
    kind: "node-redis",
    open: async (seeds: RedisCluster["seeds"]): Promise<RedisAdapter.Client> => nodeRedisCluster(seeds)
  }
]

describe.each(clients)("a cluster of three masters, with $kind", ({ kind, open }) => {
  const opened = async () => {
    const peer = async () => closing(RedisAdapter.make({ client: await open(cluster.seeds), prefix: `cl ${kind}` }))
    return { adapter: await peer(), there: await peer() }
  }

  it("keeps every key in one slot, whatever its braces", async () => {
    const { adapter, there } = await opened()
    for (const key of keys) {
      const { token } = await lead(adapter, key)
      expect(await tagOf(there, key)).toBe("Follower")
      expect(await run(adapter.renew(key, { token, leaseFor: 20_000 }))).toBe(true)
      expect(await run(adapter.fill(key, { token, value: text(key), lifetime: lifetime(minute) }))).toBe(true)
      for (let i = 0; i < 2; i++) {
        expect((await hitOf(there, key)).value.bytes).toEqual(text(key).bytes)
      }
    }
    expect([...new Set(await listed(adapter))]).toEqual([...keys].sort())
    expect(new Set(keys.map((key) => adapter.partOf!(key))).size).toBe(3)
    const admin = new Redis(cluster.seeds[0]!.port)
    try {
      for (const key of keys) {
        const name = Keyspace.nameOf(`cl ${kind}`, key)
        expect(await admin.cluster("KEYSLOT", name)).toBe(slotOf(name))
        expect(await admin.cluster("KEYSLOT", Keyspace.leaseOf(name))).toBe(slotOf(name))
      }
    } finally {
      admin.disconnect()
    }
    expect(await run(there.deleteMany!(keys))).toBe(keys.length)
  })

  it("wakes watchers on every shard, over one connection to each", async () => {
    const { adapter, there } = await opened()
    const watchers = await Promise.all(keys.map((key) => watching(adapter, key)))
    await Promise.all(keys.map((key) => put(there, key)))
    await Promise.all(watchers.map(({ woken }) => woken))
    await Promise.all(watchers.map(({ leave }) => leave()))
    await run(there.deleteMany!(keys))
  })
})

describe("a master that is silent", () => {
  it("is down by itself: its keys fail at once, those of the others are cached", async () => {
    const own = await serverOfTest(RedisCluster.start({ own: true, replicas: 0 }))
    const client = ioredisCluster(own.seeds)
    const adapter = RedisAdapter.make({ client, prefix: "parts", commandTimeout: 1_000 })
    const cache = createCache<string>({ adapter })
    onTestFinished(() => cache.close())
    for (const key of keys.slice(1)) await cache.set(key, "v")
    const isLost = (key: string) => adapter.partOf!(key) === adapter.partOf!("key 0")
    const [lost, there] = [keys.slice(1).filter(isLost), keys.slice(1).filter((key) => !isLost(key))]
    const node = own.nodes.find(({ port }) => adapter.partOf!("key 0")!.endsWith(`:${port}`))!
    await node.pause()
    try {
      await expect(cache.get("key 0")).rejects.toMatchObject({ _tag: "CACHE_GET_FAILED" })
      for (const key of lost) {
        await expect(cache.get(key)).rejects.toMatchObject({ message: expect.stringContaining("has been down for") })
      }
      for (const key of there) expect(await cache.get(key)).toBe("v")
      expect(cache.stats().storeDownFor).toBeGreaterThan(0)
    } finally {
      await node.resume()
    }
    await expect.poll(() => cache.get("key 0").catch(() => undefined)).toBe("v")
  })
})

describe.each(clients)("the changes in a cluster, with $kind", ({ kind, open }) => {
  it("are reported from every shard, over a connection of their own", async () => {
    const { seeds } = cluster
    const prefix = `ch ${kind}`
    const adapter = closing(RedisAdapter.make({ client: await open(seeds), prefix }))
    const there = closing(RedisAdapter.make({ client: await open(seeds), prefix }))
    const { heard, leave } = await listening(adapter)
    // Watching and leaving beside it, on every shard.
    for (const { leave } of await Promise.all(keys.map((key) => watching(adapter, key)))) await leave()
    for (const key of keys) {
      const { token } = await lead(there, key)
      expect(await run(there.fill(key, { token, value: text(key), lifetime: lifetime(minute) }))).toBe(true)
      expect(await run(there.touch(key, { freshFor: minute }))).toBe(true)
      const again = await lead(there, key, "again", { force: true })
      expect(await run(there.fill(key, { token: again.token, lifetime: lifetime(minute) }))).toBe(true)
      const last = await lead(there, key, "last", { force: true })
      expect(await run(there.abandon(key, { token: last.token }))).toBe(true)
    }
    const twice = keys.flatMap((key) => [key, key]).sort()
    for (let i = 0; i < 100 && heard.length < twice.length; i++) await sleep(20)
    expect([...heard].sort()).toEqual(twice)
    await Promise.all(keys.map((key) => lead(there, `led ${key}`)))
    expect([...new Set(await listed(adapter))]).toEqual([...keys, ...keys.map((key) => `led ${key}`)].sort())
    await leave()
    await run(there.deleteMany!([...keys, ...keys.map((key) => `led ${key}`)]))
  })
})

/** Last: it changes who the masters are. */
describe("a cluster that loses a master", () => {
  it("wakes the watchers there, loses no other key, and goes on", async () => {
    const client: Cluster = ioredisCluster(cluster.seeds)
    const adapter = closing(RedisAdapter.make({ client, prefix: "failover", commandTimeout: 1_000 }))
    await Promise.all(keys.map((key) => put(adapter, key)))
    const victim = cluster.nodes[0]!
    const there = keys.filter((key) => {
      const channel = Keyspace.nameOf("failover", key)
      return client.slots[slotOf(channel)]?.[0] === `${victim.host}:${victim.port}`
    })
    expect(there.length).toBeGreaterThan(0)
    const watchers = await Promise.all(keys.map((key) => watching(adapter, key)))
    // Unreplicated data is lost in a failover, so the test waits for the replica.
    await Promise.all(client.nodes("master").map((node) => node.wait(1, 10_000)))
    await victim.kill()
    await Promise.all(watchers.filter((_, i) => there.includes(keys[i]!)).map(({ woken }) => woken))
    await Promise.all(watchers.map(({ leave }) => leave()))
    for (const key of keys) {
      const found = await answered(adapter.acquire(key, ask("after")))
      expect(found._tag).toBe("Hit")
    }
    const again = await Promise.all(there.map((key) => watching(adapter, key)))
    await Promise.all(there.map((key) => put(adapter, key, value(2))))
    await Promise.all(again.map(({ woken }) => woken))
    await Promise.all(again.map(({ leave }) => leave()))
  })
})
