/** Records that this library did not write, at names of ours: another program's, another version's, damaged ones. */
import { ask, hitOf, lead, lifetime, minute, put, run, value } from "@cache-locking/conformance-kit/testing"
import { createCache } from "@cache-locking/core/promise"
import { Redis as RedisServer } from "@cache-locking/test-servers"
import { serverOfFile } from "@cache-locking/test-servers/vitest"
import { describe, expect, it } from "vitest"
import { RedisAdapter } from "../src/index.ts"
import { clients, ioredis } from "./fixtures/Support.ts"

const server = await serverOfFile(RedisServer.start({ own: true }))

/** A record with these times, as the scripts pack them. */
const record = (filled: number, took: number, fresh: number, stale: number): Buffer => {
  const header = Buffer.alloc(33)
  header[0] = 1
  for (const [index, time] of [filled, took, fresh, stale].entries()) header.writeDoubleBE(time, 1 + 8 * index)
  return Buffer.concat([header, Buffer.from("v")])
}

type Plant = (redis: ReturnType<typeof ioredis>, name: string) => Promise<unknown>

const values: ReadonlyArray<readonly [string, Plant]> = [
  ["a time that is no number", (redis, name) => redis.set(name, record(Number.NaN, 0, 1e6, 0))],
  ["a lifetime that is no number", (redis, name) => redis.set(name, record(Date.now(), 0, Number.NaN, 0))],
  ["a window that is no number", (redis, name) => redis.set(name, record(Date.now(), 0, 0, Number.NaN))],
  ["a cost that is no number", (redis, name) => redis.set(name, record(Date.now(), Number.NaN, 1e6, 0))],
  ["endless times against each other", (redis, name) => redis.set(name, record(-Infinity, 0, Infinity, 0))],
  ["a time beyond all others", (redis, name) => redis.set(name, record(-1e300, 0, 1e6, 0))],
  ["a short text", (redis, name) => redis.set(name, "x")],
  ["another version", (redis, name) => redis.set(name, Buffer.alloc(40, 2))],
  ["a list", (redis, name) => redis.rpush(name, "x")],
  ["a hash", (redis, name) => redis.hset(name, "x", "y")],
  ["a set", (redis, name) => redis.sadd(name, "x")]
]

const leases: ReadonlyArray<readonly [string, Plant]> = [
  ["text", (redis, name) => redis.set(`${name}:lease`, "x")],
  ["a set", (redis, name) => redis.sadd(`${name}:lease`, "x")],
  ["an empty lease", (redis, name) => redis.hset(`${name}:lease`, "x", "y")],
  ["a lease without an owner", (redis, name) => redis.hset(`${name}:lease`, "token", "1.2", "until", "inf")],
  ["a lease without a token", (redis, name) => redis.hset(`${name}:lease`, "owner", "o", "until", "inf")],
  [
    "a lease without an end",
    (redis, name) => redis.hset(`${name}:lease`, "owner", "o", "token", "1.2", "until", "nan")
  ],
  ["a cooldown without an end", (redis, name) => redis.rpush(`${name}:lease`, "soon")],
  ["a cooldown until nan", (redis, name) => redis.rpush(`${name}:lease`, "nan", "why")]
]

describe.each(clients)("over $kind", ({ kind, open }) => {
  it.each([...values, ...leases])("%s is a miss, which a load heals, and so does a delete", async (_, plant) => {
    const redis = ioredis(server.url)
    const prefix = `foreign-${kind}`
    const adapter = RedisAdapter.make({ client: await open(server.url), prefix })
    const nameOf = (key: string) => `${prefix}{${key}}`

    await redis.flushall()
    await plant(redis, nameOf("loaded"))
    expect(await run(adapter.read("loaded"))).toEqual({
      freshFor: 0,
      keptFor: 0,
      age: 0,
      took: 0,
      value: undefined,
      lease: undefined,
      cooling: undefined
    })
    expect(await run(adapter.touch("loaded", { freshFor: 1_000 }))).toBe(false)
    const { stale, token } = await lead(adapter, "loaded")
    expect(stale).toBeUndefined()
    expect(await run(adapter.acquire("loaded", ask("other")))).toMatchObject({ _tag: "Follower" })
    expect(await run(adapter.renew("loaded", { token, leaseFor: minute }))).toBe(true)
    expect(await run(adapter.fill("loaded", { token, value: value(7), lifetime: lifetime(minute) }))).toBe(true)
    expect((await hitOf(adapter, "loaded")).value.bytes).toEqual(Uint8Array.of(7))

    await plant(redis, nameOf("given back"))
    const back = await lead(adapter, "given back")
    expect(await run(adapter.abandon("given back", { token: back.token }))).toBe(true)
    await lead(adapter, "given back", "the next")

    await plant(redis, nameOf("deleted"))
    expect(await run(adapter.delete("deleted"))).toBe(false)
    expect(await redis.exists(nameOf("deleted"), `${nameOf("deleted")}:lease`)).toBe(0)

    await plant(redis, nameOf("put"))
    await put(adapter, "put")
    await hitOf(adapter, "put")

    // Many at once, in one script.
    for (const key of ["a", "b"]) await plant(redis, nameOf(key))
    const many = await run(adapter.acquireMany!(["a", "b"], ask("me")))
    expect(many.map(({ _tag }) => _tag)).toEqual(["Leader", "Leader"])
  })

  it("a record that another type replaced while its hit was expected is loaded anew, and nobody is told of it", async () => {
    const redis = ioredis(server.url)
    const prefix = `replaced-${kind}`
    const adapter = RedisAdapter.make({ client: await open(server.url), prefix })
    const cache = createCache<string>({ adapter, name: "c", cacheTtl: "1 minute", onAdapterError: "fail" })
    const first = await cache.getOrSet("k", () => "old")
    await cache.getOrSet("k", () => "never")
    const [name] = await redis.keys(`${prefix}*`)
    await redis.del(name!)
    await redis.rpush(name!, "x")
    expect([first, await cache.getOrSet("k", () => "new"), await cache.getOrSet("k", () => "never")]).toEqual([
      "old",
      "new",
      "new"
    ])
    await cache.close()
  })
})
