import type { Adapter } from "@cache-locking/core"
import { orUnavailable, RedisCluster, Unavailable } from "@cache-locking/test-servers"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type Cluster, Redis } from "ioredis"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { RedisAdapter } from "../src/index.ts"
import * as Keyspace from "../src/Keyspace.ts"
import { slotOf } from "../src/Slot.ts"
import {
  ask,
  closing,
  hit,
  ioredisCluster,
  lead,
  lifetime,
  minute,
  nodeRedisCluster,
  run,
  sleep,
  text,
  value
} from "./fixtures/Support.ts"

let cluster: RedisCluster | Unavailable
beforeAll(async () => {
  cluster = await orUnavailable(RedisCluster.start({ own: true, replicas: 1 }))
})
afterAll(async () => {
  if (!(cluster instanceof Unavailable)) await cluster?.stop()
})

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

const watched = async (adapter: Adapter, key: string) => {
  const scope = Scope.makeUnsafe()
  const changed = await run(Scope.provide(adapter.watch!(key), scope))
  return { changed: run(changed), leave: () => run(Scope.close(scope, Exit.void)) }
}

describe.each(clients)("a cluster of three masters, with $kind", ({ kind, open }) => {
  const opened = async (context: { skip: (note: string) => never }) => {
    if (cluster instanceof Unavailable) return context.skip(cluster.message)
    const client = await open(cluster.seeds)
    const prefix = `cl ${kind}`
    return {
      cluster,
      client,
      adapter: closing(RedisAdapter.make({ client, prefix })),
      there: closing(RedisAdapter.make({ client: await open(cluster.seeds), prefix }))
    }
  }

  it("keeps every key in one slot, whatever its braces", async (context) => {
    const { adapter, cluster, there } = await opened(context)
    for (const key of keys) {
      const { token } = await lead(adapter, key)
      expect((await run(there.acquire(key, ask("you"))))._tag).toBe("Follower")
      expect(await run(adapter.renew(key, { token, leaseFor: 20_000 }))).toBe(true)
      expect(await run(adapter.fill(key, { token, value: text(key), lifetime: lifetime(minute) }))).toBe(true)
      for (let i = 0; i < 2; i++) {
        expect(hit(await run(there.acquire(key, ask("you")))).value.bytes).toEqual(text(key).bytes)
      }
    }
    expect([...new Set(await run(Stream.runCollect(adapter.keys!(""))))].sort()).toEqual([...keys].sort())
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

  it("wakes watchers on every shard, over one connection to each", async (context) => {
    const { adapter, there } = await opened(context)
    const watchers = await Promise.all(keys.map((key) => watched(adapter, key)))
    await run(
      Effect.forEach(keys, (key) => there.put(key, { value: value(1), lifetime: lifetime(minute) }), {
        concurrency: "unbounded"
      })
    )
    await Promise.all(watchers.map(({ changed }) => changed))
    await Promise.all(watchers.map(({ leave }) => leave()))
    await run(there.deleteMany!(keys))
  })
})

describe.each(clients)("the changes in a cluster, with $kind", ({ kind, open }) => {
  it("are told from every shard, over a connection of their own", async (context) => {
    if (cluster instanceof Unavailable) return context.skip(cluster.message)
    const { seeds } = cluster
    const prefix = `ch ${kind}`
    const adapter = closing(RedisAdapter.make({ client: await open(seeds), prefix }))
    const there = closing(RedisAdapter.make({ client: await open(seeds), prefix }))
    const heard: Array<string> = []
    const scope = Scope.makeUnsafe()
    const listener = {
      changed: (key: string) => heard.push(key),
      lost: () => heard.push("lost"),
      restored: () => heard.push("restored")
    }
    await run(Scope.provide(adapter.changes!(listener), scope))
    // Watching and leaving beside it, on every shard.
    for (const { leave } of await Promise.all(keys.map((key) => watched(adapter, key)))) await leave()
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
    const listed = new Set(await run(Stream.runCollect(adapter.keys!(""))))
    expect([...listed].sort()).toEqual([...keys, ...keys.map((key) => `led ${key}`)].sort())
    await run(Scope.close(scope, Exit.void))
    await run(there.deleteMany!([...keys, ...keys.map((key) => `led ${key}`)]))
  })
})

/** Last: it changes who the masters are. */
describe("a cluster that loses a master", () => {
  it("wakes the watchers there, loses no other key, and goes on", async (context) => {
    if (cluster instanceof Unavailable) return context.skip(cluster.message)
    const client: Cluster = ioredisCluster(cluster.seeds)
    const adapter = closing(RedisAdapter.make({ client, prefix: "failover", commandTimeout: 1_000 }))
    await Promise.all(keys.map((key) => run(adapter.put(key, { value: value(1), lifetime: lifetime(minute) }))))
    const victim = cluster.nodes[0]!
    const there = keys.filter((key) => {
      const channel = Keyspace.nameOf("failover", key)
      return client.slots[slotOf(channel)]?.[0] === `${victim.host}:${victim.port}`
    })
    expect(there.length).toBeGreaterThan(0)
    const watchers = await Promise.all(keys.map((key) => watched(adapter, key)))
    // What was not replicated is lost: here it is.
    await Promise.all(client.nodes("master").map((node) => node.wait(1, 10_000)))
    await victim.kill()
    await Promise.all(watchers.filter((_, i) => there.includes(keys[i]!)).map(({ changed }) => changed))
    await Promise.all(watchers.map(({ leave }) => leave()))
    const began = performance.now()
    for (const key of keys) {
      for (;;) {
        const found = await run(Effect.result(adapter.acquire(key, ask("after"))))
        if (found._tag === "Success") {
          expect(found.success._tag).toBe("Hit")
          break
        }
        if (performance.now() - began > 15_000) throw found.failure
        await sleep(50)
      }
    }
    const again = await Promise.all(there.map((key) => watched(adapter, key)))
    await Promise.all(there.map((key) => run(adapter.put(key, { value: value(2), lifetime: lifetime(minute) }))))
    await Promise.all(again.map(({ changed }) => changed))
    await Promise.all(again.map(({ leave }) => leave()))
  })
})
