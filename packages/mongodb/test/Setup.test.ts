import {
  ask,
  failureOf,
  hitOf,
  lead,
  lifetime,
  listed,
  minute,
  put,
  run,
  tagOf,
  text,
  value
} from "@cache-locking/conformance-kit/testing"
import { Adapter, InvalidOption, ListingAdapter, MemoryAdapter } from "@cache-locking/core"
import { createCache } from "@cache-locking/core/promise"
import { MongoDb } from "@cache-locking/test-servers"
import { serverOfFile } from "@cache-locking/test-servers/vitest"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { describe, expect, it } from "vitest"
import { MongoDbAdapter } from "../src/index.ts"
import { clientOf, collectionName, proxyOf, sentTo } from "./fixtures/Support.ts"

const server = await serverOfFile(MongoDb.start())

const database = "setup"
const place = () => {
  const client = clientOf(server.url)
  const collection = collectionName()
  return { client, collection, at: { client, database, collection }, raw: client.db(database).collection(collection) }
}

describe("setup", () => {
  it("makes the index by which expired documents are collected, once", async () => {
    const { at, raw } = place()
    const done = await run(MongoDbAdapter.setup(at))
    expect(done).toHaveLength(1)
    expect(done[0]).toMatch(/^db\.getSiblingDB\("setup"\)\.getCollection\(".+"\)\.createIndex\(\{"expiresAt":1\}/)
    const indexes = await raw.listIndexes().toArray()
    expect(indexes.at(-1)).toMatchObject({ name: "cache_expiry", key: { expiresAt: 1 }, expireAfterSeconds: 0 })
    expect(await run(MongoDbAdapter.setup(at))).toEqual([])
    expect(await raw.listIndexes().toArray()).toHaveLength(indexes.length)
  })

  it("only returns what it would do, with the option", async () => {
    const { at, client, collection } = place()
    const would = await run(MongoDbAdapter.setup({ ...at, dryRun: true }))
    expect(await client.db(database).listCollections({ name: collection }).toArray()).toEqual([])
    expect(await run(MongoDbAdapter.setup(at))).toEqual(would)
    expect(await run(MongoDbAdapter.setup({ ...at, dryRun: true }))).toEqual([])
  })

  it("may come after the cache is in use", async () => {
    const { at } = place()
    const adapter = MongoDbAdapter.make(at)
    await put(adapter, "k")
    await lead(adapter, "led")
    await run(adapter.delete("k"))
    expect(await run(MongoDbAdapter.setup(at))).toHaveLength(1)
    expect(await tagOf(adapter, "led")).toBe("Follower")
  })

  it("refuses a collection with other documents, and changes nothing", async () => {
    const { at, raw } = place()
    await raw.insertOne({ name: "a customer's secret" })
    for (const dryRun of [true, false]) {
      const error = await failureOf(MongoDbAdapter.setup({ ...at, dryRun }))
      expect(error).toBeInstanceOf(MongoDbAdapter.SetupFailed)
      expect(error).toMatchObject({
        _tag: "SetupFailed",
        collection: raw.namespace,
        reason: "Unrecognised",
        retryable: false,
        message: expect.stringContaining("not a cache's")
      })
      expect(JSON.stringify(error)).not.toContain("secret")
    }
    expect(await raw.listIndexes().toArray()).toHaveLength(1)
  })

  it("refuses an index that is like its own and yet another", async () => {
    const { at, raw } = place()
    await raw.createIndex({ expiresAt: 1 }, { expireAfterSeconds: 3600, name: "later" })
    expect(await failureOf(MongoDbAdapter.setup(at))).toMatchObject({
      reason: "Unrecognised",
      message: expect.stringContaining('"later"')
    })
    const other = place()
    await other.raw.createIndex({ name: 1 }, { name: "cache_expiry" })
    expect(await failureOf(MongoDbAdapter.setup(other.at))).toMatchObject({ reason: "Unrecognised" })
  })

  it("takes an index that is the same under another name, if the documents are a cache's, and not otherwise", async () => {
    const theirs = place()
    await theirs.raw.createIndex({ expiresAt: 1 }, { expireAfterSeconds: 0, name: "session_expiry" })
    await run(MongoDbAdapter.make(theirs.at).put("k", { value: value(1), lifetime: lifetime(minute) }))
    expect(await run(MongoDbAdapter.setup(theirs.at))).toEqual([])
    await theirs.raw.insertOne({ session: "a secret", expiresAt: new Date() })
    const error = await failureOf(MongoDbAdapter.setup(theirs.at))
    expect(error).toMatchObject({ reason: "Unrecognised", message: expect.stringContaining("not a cache's") })
  })

  it("refuses a view and other kinds that are no collection", async (context) => {
    const { client, raw } = place()
    await raw.insertOne({ a: 1 })
    const view = collectionName()
    try {
      await client.db(database).createCollection(view, { viewOn: raw.collectionName, pipeline: [] })
    } catch {
      return context.skip("this server has no views")
    }
    expect(await failureOf(MongoDbAdapter.setup({ client, database, collection: view }))).toMatchObject({
      reason: "Unrecognised",
      message: expect.stringMatching(/is a view/)
    })
  })

  it("refuses bad options at once", () => {
    const { at } = place()
    expect(() => MongoDbAdapter.setup({ ...at, collection: "" })).toThrow(InvalidOption)
    expect(() => MongoDbAdapter.setup({ ...at, dryRun: "yes" as never })).toThrow(InvalidOption)
    expect(() => MongoDbAdapter.setup({ ...at, dry: true } as never)).toThrow(InvalidOption)
    expect(() => MongoDbAdapter.setup({ client: "mongodb://localhost" } as never)).toThrow(InvalidOption)
  })

  it("fails, typed, where there is no server", async () => {
    const client = clientOf("mongodb://127.0.0.1:1", { serverSelectionTimeoutMS: 100 })
    expect(await failureOf(MongoDbAdapter.setup({ client }))).toMatchObject({
      reason: "Unavailable",
      retryable: true
    })
  })
})

const use = Effect.gen(function* () {
  const adapter = yield* Adapter
  yield* adapter.put("k", { value: value(1), lifetime: lifetime(minute) })
  return (yield* adapter.acquire("k", ask("me")))._tag
})

describe("layer", () => {
  it("leaves the client open", async () => {
    const { at, client } = place()
    expect(await run(Effect.provide(use, MongoDbAdapter.layer(at)))).toBe("Hit")
    expect(await client.db().command({ ping: 1 })).toMatchObject({ ok: 1 })
  })

  it("throws for bad options at once", () => {
    expect(() => MongoDbAdapter.layer({ ...place().at, collection: "" })).toThrow(InvalidOption)
  })

  it("with leases elsewhere closes the other adapter, and not the client", async () => {
    let closed = 0
    const memory = MemoryAdapter.make()
    const leases = { ...memory, close: Effect.sync(() => void closed++) }
    const { at, client } = place()
    expect(await run(Effect.provide(use, MongoDbAdapter.layer({ ...at, leases })))).toBe("Hit")
    const cache = createCache<string>({ adapter: MongoDbAdapter.make({ ...at, leases }) })
    expect(await cache.getOrSet("k2", async () => "v")).toBe("v")
    await cache.close()
    expect(closed).toBeGreaterThan(0)
    expect(await client.db().command({ ping: 1 })).toMatchObject({ ok: 1 })
  })

  it("gives a listing adapter exactly where keys can be listed", async () => {
    const { at } = place()
    const { keys: _, ...blind } = MemoryAdapter.make()
    const found = async (layer: Layer.Layer<Adapter>) =>
      (await run(Effect.provide(Effect.serviceOption(ListingAdapter), layer)))._tag
    expect(await found(MongoDbAdapter.layer(at))).toBe("Some")
    expect(await found(MongoDbAdapter.layer({ ...at, leases: MemoryAdapter.make() }))).toBe("Some")
    expect(await found(MongoDbAdapter.layer({ ...at, leases: blind as Adapter }))).toBe("None")
  })
})

describe("layerConfig", () => {
  it("makes a client of its own, and closes it", async () => {
    const proxy = await proxyOf(server)
    const collection = collectionName()
    const layer = MongoDbAdapter.layerConfig({
      url: Config.succeed(Redacted.make(proxy.url())),
      database: Config.succeed(database),
      collection: Config.succeed(collection)
    })
    expect(await run(Effect.provide(use, layer))).toBe("Hit")
    expect(proxy.stats.connections).toBeGreaterThan(0)
    await expect.poll(() => proxy.stats.open).toBe(0)
    const { client } = place()
    expect(await client.db(database).collection(collection).countDocuments()).toBe(1)
  })

  it.each([
    [{ url: "mongodb://localhost", collection: "" }, "collection"],
    [{ url: "mongodb://localhost", collectionn: "misspelled" }, "collectionn"],
    [{ url: "http://user:secret@localhost", collection: "c" }, "url"]
  ])("reports bad configuration as a typed failure: %#", async ({ url, ...names }, option) => {
    const layer = MongoDbAdapter.layerConfig({
      url: Config.succeed(Redacted.make(url)),
      ...Object.fromEntries(Object.entries(names).map(([name, value]) => [name, Config.succeed(value)]))
    })
    const error = await run(Effect.flip(Effect.scoped(Layer.build(layer))))
    expect(error).toBeInstanceOf(InvalidOption)
    expect(error).toMatchObject({ option })
    expect(JSON.stringify(error) + String(error)).not.toContain("secret")
  })
})

describe("leases in another adapter", () => {
  const paired = async () => {
    const proxy = await proxyOf(server)
    const collection = collectionName()
    const client = clientOf(proxy.url())
    const leases = MemoryAdapter.make()
    const adapter = MongoDbAdapter.make({ client, database, collection, leases, commandTimeout: 10_000 })
    return { adapter, client, collection, leases, proxy, raw: client.db(database).collection(collection) }
  }

  it("keeps values here and nothing else, each under a name of its own, with the server's expiry", async () => {
    const { adapter, proxy, raw } = await paired()
    const { token } = await lead(adapter, "k")
    const sent = sentTo(proxy)
    const fill = adapter.fill("k", { token, value: text("v"), lifetime: lifetime(minute) })
    expect(await sent.of(fill)).toEqual(["UPDATE"])
    expect((await hitOf(adapter, "k")).value).toEqual(text("v"))
    expect(sent.take()).toEqual(["FIND"])
    const [found] = await raw.find().toArray()
    expect(found).toMatchObject({ by: "v", expiresAt: expect.any(Date) })
    expect(String(found?._id)).not.toContain("k")
    await put(adapter, "k", text("w"), lifetime(Number.POSITIVE_INFINITY))
    const [next, ...others] = await raw.find().toArray()
    expect(others).toEqual([])
    expect(next?.["expiresAt"]).toBeUndefined()
    expect(await run(adapter.delete("k"))).toBe(true)
    expect(await raw.countDocuments()).toBe(0)
  })

  it("is as fenced as the leases are, and takes values as large as this store does", async () => {
    const { adapter, client, collection, leases } = await paired()
    expect(adapter.limits.valueBytes).toBe(MongoDbAdapter.make({ client }).limits.valueBytes)
    const first = await lead(adapter, "k", "first")
    await run(adapter.delete("k"))
    await lead(adapter, "k", "second")
    const late = adapter.fill("k", { token: first.token, value: text("late"), lifetime: lifetime(minute) })
    expect(await run(late)).toBe(false)
    expect((await run(adapter.read("k"))).value).toBeUndefined()
    const again = MongoDbAdapter.make({ client, database, collection, leases })
    expect(again.identity).toBe(adapter.identity)
    expect(await listed(again)).toEqual(["k"])
  })

  it("is set up like any other", async () => {
    const { adapter, client, collection } = await paired()
    await put(adapter, "k", text("v"))
    expect(await run(MongoDbAdapter.setup({ client, database, collection }))).toHaveLength(1)
  })
})
