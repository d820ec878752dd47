import {
  ask,
  failureOf,
  hit,
  hitOf,
  lead,
  lifetime,
  listed,
  load,
  minute,
  put,
  refusalOf,
  run,
  sleep,
  tagOf,
  text,
  value
} from "@cache-locking/conformance-kit/testing"
import { type ListingAdapter, Token } from "@cache-locking/core"
import { MongoDb } from "@cache-locking/test-servers"
import { serverOfFile } from "@cache-locking/test-servers/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { Binary, type Document } from "mongodb"
import { describe, expect, it } from "vitest"
import { MongoDbAdapter } from "../src/index.ts"
import type { StoredEntry } from "../src/StoredEntry.ts"
import { clientOf, collectionName, proxyOf, sentTo } from "./fixtures/Support.ts"

const server = await serverOfFile(MongoDb.start())

const database = "adapter"

const open = (options: Partial<MongoDbAdapter.Options & { leases: undefined }> = {}) => {
  const client = options.client ?? clientOf(server.url)
  const collection = options.collection ?? collectionName()
  const adapter = MongoDbAdapter.make({ commandTimeout: 30_000, database, ...options, client, collection })
  return { client, adapter, collection, documents: client.db(database).collection<StoredEntry>(collection) }
}

const keep = (adapter: ListingAdapter, key: string, bytes: Uint8Array, fresh = minute, stale = 0) =>
  put(adapter, key, { bytes }, lifetime(fresh, stale))

describe("keys and values", () => {
  it("keeps every byte, by fill and by put", async () => {
    const { adapter } = open()
    const all = Uint8Array.from({ length: 512 }, (_, i) => i)
    await load(adapter, "all", { bytes: all })
    expect((await hitOf(adapter, "all")).value.bytes).toEqual(all)
    for (const bytes of [value().bytes, value(0).bytes, value(255).bytes]) {
      await keep(adapter, "few", bytes)
      expect((await hitOf(adapter, "few")).value.bytes).toEqual(bytes)
      expect((await run(adapter.read("few"))).value?.bytes).toEqual(bytes)
    }
  })

  it("keeps only the bytes of a view of a larger buffer", async () => {
    const { adapter } = open()
    const view = new Uint8Array(new ArrayBuffer(64), 8, 3)
    view.set([1, 2, 3])
    await keep(adapter, "view", view)
    expect((await hitOf(adapter, "view")).value.bytes).toEqual(Uint8Array.of(1, 2, 3))
  })

  it("keeps a value at the limit, beside a key, an owner and a cause as long as they come, and refuses one over", async () => {
    const { adapter } = open()
    const { keyBytes, valueBytes } = adapter.limits
    const key = "k".repeat(keyBytes)
    const bytes = new Uint8Array(valueBytes).fill(7)
    const first = await lead(adapter, key, "o".repeat(1_000), { leaseFor: minute })
    const over = { bytes: new Uint8Array(valueBytes + 1) }
    expect(
      await failureOf(adapter.fill(key, { token: first.token, value: over, lifetime: lifetime(1) }))
    ).toMatchObject({ reason: "Rejected", operation: "fill" })
    expect(await failureOf(adapter.put(key, { value: over, lifetime: lifetime(1) }))).toMatchObject({
      reason: "Rejected"
    })
    const filled = adapter.fill(key, { token: first.token, value: { bytes }, lifetime: lifetime(minute) })
    expect(await run(filled)).toBe(true)
    const { token } = await lead(adapter, key, "o".repeat(1_000), { force: true, leaseFor: minute })
    const cause = { bytes: new Uint8Array(32 * 1024).fill(1) }
    expect(await run(adapter.abandon(key, { token, cooldown: minute, cause }))).toBe(true)
    const found = await run(adapter.read(key))
    expect(found.value?.bytes.byteLength).toBe(valueBytes)
    expect(found.cooling?.cause).toEqual(cause)
  })

  it("says so when value and cause together are more than a document holds, and changes nothing", async () => {
    const { adapter } = open()
    await keep(adapter, "k", new Uint8Array(adapter.limits.valueBytes))
    const { token } = await lead(adapter, "k", "me", { force: true })
    const cause = { bytes: new Uint8Array(128 * 1024) }
    const error = await failureOf(adapter.abandon("k", { token, cooldown: minute, cause }))
    if (server.engine === "mongodb") expect(error.reason).toBe("Rejected")
    expect((await run(adapter.read("k"))).lease).toMatchObject({ owner: "me" })
  })

  const odd = [
    ...["\"'`", "$", "$$NOW", "$where", "a.b", ".", "%", "%00", "\\", "*?[a-z]", "^a|b$", "{", "}", "{}"],
    ...[
      "lease:x",
      "x",
      "x ",
      " x",
      "X",
      "\u0000",
      "a\u0000b",
      "a\r\nb",
      "é",
      "e\u0301",
      "😀",
      "日本",
      "\uffff",
      "\u{10ffff}"
    ],
    ...["__proto__", "constructor", "null", "0", "z".repeat(1024), "é".repeat(512)]
  ]

  it("takes any text as a key, keeps keys apart, and lists them", async () => {
    const { adapter, documents } = open()
    for (const key of ["", ...odd]) await keep(adapter, key, text(`value of ${key}`).bytes)
    for (const key of ["", ...odd]) {
      expect((await hitOf(adapter, key)).value.bytes).toEqual(text(`value of ${key}`).bytes)
    }
    const all = await run(adapter.acquireMany!(odd, ask("you")))
    expect(all.map((found) => hit(found).value)).toEqual(odd.map((key) => text(`value of ${key}`)))
    expect(await documents.countDocuments()).toBe(odd.length + 1)
    expect(await listed(adapter, "")).toEqual(["", ...odd].sort())
    for (const prefix of ["$", "*", "a", "x", "\u0000", "e", "é", "😀", "\uffff", "\u{10ffff}", "{", "^"]) {
      expect(await listed(adapter, prefix)).toEqual(odd.filter((key) => key.startsWith(prefix)).sort())
    }
    expect(await listed(adapter, "\ud800")).toEqual([])
    expect(await run(adapter.deleteMany!([...odd, ...odd, "none"]))).toBe(odd.length)
    expect(await listed(adapter, "")).toEqual([""])
  })

  it("takes owners, tokens and causes as they are written", async () => {
    const { adapter } = open()
    for (const owner of ["$$ROOT", "$lease.owner", "", "{$ne: 1}", "\u0000"]) {
      const key = `of ${owner}`
      const { token } = await lead(adapter, key, owner)
      expect(await tagOf(adapter, key, "other")).toBe("Follower")
      expect((await run(adapter.read(key))).lease?.owner).toBe(owner)
      for (const wrong of ["$lease.token", "$$REMOVE", "", { $ne: "" }]) {
        expect(await run(adapter.renew(key, { token: wrong as Token, leaseFor: minute }))).toBe(false)
      }
      const cause = text("$kept.bytes")
      expect(await run(adapter.abandon(key, { token, cooldown: minute, cause }))).toBe(true)
      expect(await run(adapter.acquire(key, ask("other")))).toMatchObject({ _tag: "Cooling", cause })
    }
  })

  it("refuses keys over the limit, and keys with lone surrogates, in every verb", async () => {
    const { adapter, documents } = open()
    const token = Token("t")
    for (const key of ["k".repeat(1025), "é".repeat(513), "\ud800", "x".repeat(10_240)]) {
      for (const verb of [
        adapter.acquire(key, ask("me")),
        adapter.fill(key, { token, value: value(1), lifetime: lifetime(1) }),
        adapter.abandon(key, { token }),
        adapter.renew(key, { token, leaseFor: 1 }),
        adapter.delete(key),
        adapter.put(key, { value: value(1), lifetime: lifetime(1) }),
        adapter.touch(key, { freshFor: 1 }),
        adapter.read(key),
        Effect.scoped(adapter.watch!(key)),
        adapter.acquireMany!(["fine", key], ask("me")),
        adapter.deleteMany!(["fine", key])
      ]) {
        expect(await failureOf(verb as Effect.Effect<unknown, unknown>)).toMatchObject({ reason: "Rejected", key })
      }
    }
    expect(await documents.countDocuments()).toBe(0)
  })
})

describe("listing", () => {
  it("lists the keys that have a value or a lease, page by page, and no others", async () => {
    const { adapter, client, collection, documents } = open()
    await run(MongoDbAdapter.setup({ client, database, collection }))
    const many = Array.from({ length: 2_500 }, (_, i) => `k${i}`)
    await keep(adapter, "template", value(1).bytes)
    const template = await documents.findOne({ _id: "template" })
    await documents.insertMany(many.map((_id) => ({ ...template, _id }) as never))
    await lead(adapter, "k-led")
    const cooling = await lead(adapter, "k-cooling")
    await run(adapter.abandon("k-cooling", { token: cooling.token, cooldown: minute }))
    const abandoned = await lead(adapter, "k-abandoned")
    await run(adapter.abandon("k-abandoned", { token: abandoned.token }))
    await keep(adapter, "k-expired", value(1).bytes, 1)
    await keep(adapter, "k-deleted", value(1).bytes)
    await run(adapter.delete("k-deleted"))
    await sleep(10)
    expect(await listed(adapter, "k")).toEqual([...many, "k-led"].sort())
    expect(await run(adapter.deleteMany!(many))).toBe(2_500)
    expect(await listed(adapter, "")).toEqual(["k-led", "template"])
  })
})

describe("the document", () => {
  it("expires when nothing of it matters any more, by the server's clock", async () => {
    const { adapter, documents } = open()
    const endsIn = async (key: string) => {
      const found = await documents.findOne<Document>({ _id: key }, { projection: { expiresAt: 1, now: "$$NOW" } })
      return found?.["expiresAt"] === undefined ? undefined : found["expiresAt"].getTime() - found["now"].getTime()
    }
    const about = async (key: string, ms: number) => {
      const left = await endsIn(key)
      expect(left).toBeLessThanOrEqual(ms)
      expect(left).toBeGreaterThan(ms - 5_000)
    }
    const { token } = await lead(adapter, "k", "me", { leaseFor: minute })
    await about("k", minute)
    await run(adapter.renew("k", { token, leaseFor: 2 * minute }))
    await about("k", 2 * minute)
    await run(adapter.fill("k", { token, value: value(1), lifetime: lifetime(minute, minute) }))
    await about("k", 2 * minute)
    await run(adapter.touch("k", { freshFor: 3 * minute }))
    await about("k", 4 * minute)
    const refresh = await lead(adapter, "k", "me", { force: true, leaseFor: minute })
    await about("k", 4 * minute)
    await run(adapter.abandon("k", { token: refresh.token, cooldown: 9 * minute }))
    await about("k", 9 * minute)
    await put(adapter, "k", value(1), lifetime(Number.POSITIVE_INFINITY))
    expect(await endsIn("k")).toBeUndefined()
    await run(adapter.delete("k"))
    await about("k", 0)
  })

  it("is not written by a hit, a wait, a read or a lost token", async () => {
    const { adapter, documents } = open()
    await keep(adapter, "hit", value(1).bytes)
    await lead(adapter, "led")
    const before = await documents.find().sort({ _id: 1 }).toArray()
    for (let i = 0; i < 3; i++) {
      await run(adapter.acquire("hit", ask("you")))
      await run(adapter.acquire("led", ask("you")))
      await run(adapter.acquireMany!(["hit", "led"], ask("you")))
      await run(adapter.read("hit"))
      const token = Token("lost")
      expect(await run(adapter.fill("led", { token, value: value(2), lifetime: lifetime(minute) }))).toBe(false)
      expect(await run(adapter.abandon("led", { token }))).toBe(false)
      expect(await run(adapter.renew("led", { token, leaseFor: minute }))).toBe(false)
      expect(await run(adapter.touch("led", { freshFor: minute }))).toBe(false)
    }
    expect(await documents.find().sort({ _id: 1 }).toArray()).toEqual(before)
  })

  it("keeps values as binary data, and numbers that no client's options change", async () => {
    const { adapter, collection, documents } = open()
    const options = { promoteLongs: false, promoteBuffers: false, promoteValues: false, readPreference: "secondary" }
    const strange = clientOf(server.url, options as never)
    const other = MongoDbAdapter.make({ client: strange, database, collection })
    await keep(other, "k", value(1, 2).bytes, minute, minute)
    expect((await hitOf(other, "k")).value.bytes).toEqual(Uint8Array.of(1, 2))
    expect((await hitOf(adapter, "k")).freshFor).toBeGreaterThan(minute - 5_000)
    const raw = await documents.findOne({ _id: "k" })
    expect(raw?.kept?.bytes).toBeInstanceOf(Binary)
    await lead(other, "led")
    expect((await run(adapter.acquireMany!(["led", "k"], ask("you")))).map(({ _tag }) => _tag)).toEqual([
      "Follower",
      "Hit"
    ])
    expect(await listed(other, "")).toEqual(["k", "led"])
    expect(await run(other.deleteMany!(["k", "led"]))).toBe(1)
  })

  it("takes no durations longer than there is time", async () => {
    const { adapter } = open()
    await put(adapter, "k", value(1), lifetime(1e300, 1e300))
    expect(await run(adapter.read("k"))).toMatchObject({ freshFor: Infinity, keptFor: Infinity })
    await put(adapter, "k", value(1), lifetime(9e14, 9e14))
    expect(await tagOf(adapter, "k")).toBe("Hit")
    expect(await run(adapter.touch("k", { freshFor: Infinity }))).toBe(true)
    expect(await run(adapter.read("k"))).toMatchObject({ freshFor: Infinity, keptFor: Infinity })
    await put(adapter, "k", value(1), lifetime(0.9, 0))
    expect(await tagOf(adapter, "k", "me")).toBe("Leader")
  })
})

describe("sent messages", () => {
  const counted = async () => {
    const proxy = await proxyOf(server)
    const { adapter } = open({ client: clientOf(proxy.url()) })
    await run(adapter.read("warm"))
    return { adapter, proxy, sent: sentTo(proxy).of }
  }

  it("is one command for each verb, two for a miss, and a read for a hit", async () => {
    const { adapter, sent } = await counted()
    const miss = adapter.acquire("k", ask("me"))
    expect(await sent(miss)).toEqual(["FIND", "FINDANDMODIFY"])
    expect(await sent(adapter.acquire("k", ask("you")))).toEqual(["FIND"])
    const { token } = await lead(adapter, "k")
    expect(await sent(adapter.renew("k", { token, leaseFor: minute }))).toEqual(["FINDANDMODIFY"])
    const fill = adapter.fill("k", { token, value: value(1), lifetime: lifetime(minute) })
    expect(await sent(fill)).toEqual(["FINDANDMODIFY"])
    expect(await sent(adapter.acquire("k", ask("you")))).toEqual(["FIND"])
    expect(await sent(adapter.read("k"))).toEqual(["FIND"])
    expect(await sent(adapter.touch("k", { freshFor: minute }))).toEqual(["FINDANDMODIFY"])
    expect(await sent(adapter.acquire("k", ask("me", { force: true })))).toEqual(["FINDANDMODIFY"])
    const forced = await lead(adapter, "k", "me", { force: true })
    expect(await sent(adapter.abandon("k", { token: forced.token, cooldown: minute }))).toEqual(["FINDANDMODIFY"])
    expect(await sent(adapter.put("k", { value: value(1), lifetime: lifetime(minute) }))).toEqual(["FINDANDMODIFY"])
    expect(await sent(adapter.delete("k"))).toEqual(["FINDANDMODIFY"])
    expect(await sent(Stream.runDrain(adapter.keys("")))).toEqual(["AGGREGATE"])
  })

  it("is one read for many hits, and one more for each key that is led", async () => {
    const { adapter, sent } = await counted()
    const keys = Array.from({ length: 300 }, (_, i) => `k${i}`)
    for (const key of keys) await keep(adapter, key, value(1).bytes)
    expect(await sent(adapter.acquireMany!(keys, ask("me")))).toEqual(["FIND"])
    const more = adapter.acquireMany!([...keys, "new 1", "new 2"], ask("me"))
    expect(await sent(more)).toEqual(["FIND", "FINDANDMODIFY", "FINDANDMODIFY"])
    expect(await sent(adapter.deleteMany!(keys))).toEqual(["UPDATE", "AGGREGATE"])
    expect(await sent(adapter.deleteMany!([]))).toEqual([])
    expect(await sent(adapter.acquireMany!([], ask("me")))).toEqual([])
  })

  it("has no value in it where none is needed", async () => {
    const { adapter, proxy } = await counted()
    await keep(adapter, "k", new Uint8Array(200_000))
    const { token } = await lead(adapter, "k", "me", { force: true })
    const { bytesDown, bytesUp } = proxy.stats
    await run(adapter.renew("k", { token, leaseFor: minute }))
    await run(adapter.fill("k", { token, lifetime: lifetime(minute) }))
    await run(adapter.touch("k", { freshFor: minute }))
    await run(adapter.delete("k"))
    expect(proxy.stats.bytesUp - bytesUp).toBeLessThan(20_000)
    expect(proxy.stats.bytesDown - bytesDown).toBeLessThan(20_000)
  })

  it("asks a majority, or the given number of members", async () => {
    const client = clientOf(server.url, { monitorCommands: true, writeConcern: { w: 1 } })
    const concerns: Array<unknown> = []
    client.on("commandStarted", ({ command }) => {
      if (command["writeConcern"] !== undefined) concerns.push(command["writeConcern"].w)
    })
    const majority = open({ client }).adapter
    await lead(majority, "k")
    await run(majority.delete("k"))
    await run(majority.deleteMany!(["k"]))
    expect(concerns).toEqual(["majority", "majority", "majority"])
    concerns.length = 0
    await lead(open({ client, writeConcern: 1 }).adapter, "k")
    expect(concerns).toEqual([1])
  })
})

describe("a batch", () => {
  it("answers keys that are named twice", async () => {
    const { adapter } = open()
    await keep(adapter, "hit", value(1).bytes)
    const found = await run(adapter.acquireMany!(["a", "hit", "a", "hit"], ask("me")))
    expect(found.map(({ _tag }) => _tag)).toEqual(["Leader", "Hit", "Leader", "Hit"])
    expect(found[0]).toEqual(found[2])
  })

  it("reads values that are more than one answer holds", async () => {
    const { adapter } = open()
    const keys = ["a", "b", "c", "d", "e"]
    for (const key of keys) await keep(adapter, key, new Uint8Array(5 * 1024 * 1024).fill(key.charCodeAt(0)))
    const found = await run(adapter.acquireMany!(keys, ask("me")))
    expect(found.map((one) => hit(one).value.bytes.at(-1))).toEqual(keys.map((key) => key.charCodeAt(0)))
  })
})

describe("adapters over one client", () => {
  it("are one for the same collection, and apart for others", async () => {
    const client = clientOf(server.url)
    const collection = collectionName()
    const at = (options: { database?: string; collection?: string }) => MongoDbAdapter.make({ client, ...options })
    const one = at({ database, collection })
    expect(at({ database, collection }).identity).toBe(one.identity)
    expect(at({ database: "other", collection }).identity).not.toBe(one.identity)
    expect(at({ database }).identity).not.toBe(one.identity)
    expect(at({ database: "test" }).identity).toBe(at({}).identity)
    const strange = clientOf(server.url)
    expect(MongoDbAdapter.make({ client: strange, database, collection }).identity).not.toBe(one.identity)
    await keep(one, "k", value(1).bytes)
    expect((await run(at({ database: "other", collection }).acquire("k", ask("me"))))._tag).toBe("Leader")
    await client.db("other").collection(collection).drop()
  })

  it("leave the client open when they are closed", async () => {
    const { adapter, client } = open()
    await keep(adapter, "k", value(1).bytes)
    await run(adapter.close!)
    await run(adapter.close!)
    expect(await tagOf(adapter, "k", "me")).toBe("Hit")
    expect(await client.db("admin").command({ ping: 1 })).toMatchObject({ ok: 1 })
  })
})

describe("options", () => {
  const make = (options: object) => () =>
    MongoDbAdapter.make({ client: clientOf("mongodb://127.0.0.1:1"), ...options } as MongoDbAdapter.Options)

  it.each([
    [{ client: undefined }, "client"],
    [{ client: "mongodb://user:secret@host" }, "client"],
    [{ client: { url: "mongodb://user:secret@host" } }, "client"],
    [{ database: "" }, "database"],
    [{ database: "a.b" }, "database"],
    [{ database: "x".repeat(64) }, "database"],
    [{ database: 5 }, "database"],
    [{ collection: "" }, "collection"],
    [{ collection: "a$b" }, "collection"],
    [{ collection: "system.x" }, "collection"],
    [{ collection: "a\u0000b" }, "collection"],
    [{ collection: "x".repeat(121) }, "collection"],
    [{ writeConcern: 0 }, "writeConcern"],
    [{ writeConcern: "all" }, "writeConcern"],
    [{ watch: "auto" }, "watch"],
    [{ commandTimeout: 0 }, "commandTimeout"],
    [{ commandTimeout: Infinity }, "commandTimeout"],
    [{ leases: {} }, "leases"],
    [{ prefix: "app" }, "prefix"]
  ])("refuses %o", (options, option) => {
    expect(refusalOf(make(options)).option).toBe(option)
  })

  it("has no watch with the option", () => {
    expect(make({ watch: false })()).toMatchObject({ watch: undefined, changes: undefined })
    expect(make({})().watch).toBeTypeOf("function")
    expect(make({})().changes).toBeTypeOf("function")
  })
})

describe("documents of others", () => {
  const bytes = new Binary(Uint8Array.of(1))
  const kept = { bytes, filledAt: 0, took: 0, freshUntil: 9e15, stale: 0 }
  const lease = { owner: "o", token: "t", since: 0, until: 9e15 }

  it.each([
    ["text for a value", { kept: "x" }],
    ["a value of text", { kept: { ...kept, bytes: "x" } }],
    ["a value that is fresh until text", { kept: { ...kept, freshUntil: "soon" } }],
    ["a value that is stale for text", { kept: { ...kept, stale: "long" } }],
    ["a value from no instant", { kept: { ...kept, filledAt: Number.NaN } }],
    ["a value that is fresh until NaN", { kept: { ...kept, freshUntil: Number.NaN } }],
    ["a value without a cost", { kept: { ...kept, took: null } }],
    ["text for a lease", { lease: "x" }],
    ["a lease until text", { lease: { ...lease, until: "soon" } }],
    ["a lease without a token", { lease: { ...lease, token: 1 } }],
    ["a cooldown until text", { cooldown: { until: "soon" } }],
    ["a cause of text", { cooldown: { until: 9e15, cause: "x" } }],
    ["nothing of ours", { theirs: true }]
  ])("%s count as none, and are healed by a load, a put and a delete", async (_, fields) => {
    const { adapter, documents } = open()
    const plant = (key: string) => documents.replaceOne({ _id: key }, fields as never, { upsert: true })
    await plant("k")
    expect(await run(adapter.read("k"))).toMatchObject({ freshFor: 0, keptFor: 0 })
    expect((await run(adapter.read("k"))).lease).toBeUndefined()
    expect(await run(adapter.touch("k", { freshFor: minute }))).toBe(false)
    await plant("k")
    const { stale, token } = await lead(adapter, "k")
    expect(stale).toBeUndefined()
    expect(await tagOf(adapter, "k")).toBe("Follower")
    expect(await run(adapter.fill("k", { token, value: value(3), lifetime: lifetime(minute) }))).toBe(true)
    expect((await hitOf(adapter, "k")).value.bytes).toEqual(Uint8Array.of(3))
    await plant("forced")
    await lead(adapter, "forced", "me", { force: true })
    await plant("put")
    await put(adapter, "put")
    await hitOf(adapter, "put")
    await plant("deleted")
    await run(adapter.delete("deleted"))
    await lead(adapter, "deleted")
    for (const key of ["a", "b"]) await plant(key)
    const many = await run(adapter.acquireMany!(["a", "b"], ask("me")))
    expect(many.map(({ _tag }) => _tag)).toEqual(["Leader", "Leader"])
    for (const key of ["c", "d"]) await plant(key)
    await run(adapter.deleteMany!(["c", "d"]))
    await lead(adapter, "c")
  })
})
