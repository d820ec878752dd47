import { readFileSync } from "node:fs"
import { HeadObjectCommand, ListObjectsV2Command, PutObjectCommand, S3, S3Client } from "@aws-sdk/client-s3"
import {
  ask,
  failureOf,
  hitOf,
  lead,
  lifetime,
  listed,
  load,
  minute,
  put,
  recorded,
  refusalOf,
  run,
  sleep,
  stampede,
  tagOf,
  text,
  value
} from "@cache-locking/conformance-kit/testing"
import { Adapter, InvalidOption, ListingAdapter, ObjectStore, WaitStrategy } from "@cache-locking/core"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { describe, expect, it, onTestFinished, vi } from "vitest"
import { S3Adapter } from "../src/index.ts"
import { resolve } from "../src/Options.ts"
import * as S3Bucket from "../src/S3Bucket.ts"
import { gatewayTo } from "./fixtures/Gateway.ts"
import { bucket, clientFor, configOf, ownServer, proxyOf } from "./fixtures/Support.ts"

const server = await ownServer()

const open = (prefix: string, more: Partial<S3Adapter.Options> = {}) => {
  const client = clientFor(server.url)
  return { client, adapter: S3Adapter.make({ client, bucket, prefix, ...more }) }
}

/** An adapter whose requests are seen on their way. */
const watched = async (prefix: string, more: Partial<S3Adapter.Options> = {}) => {
  const proxy = await proxyOf(server)
  const adapter = S3Adapter.make({ client: clientFor(proxy.url()), bucket, prefix, ...more })
  const sent = recorded(proxy, ({ args, name }) => {
    const [path = "", query = ""] = args[0]!.split("?")
    return query.includes("list-type") ? "LIST" : `${name} ${path.split("/")[3]}`
  }).take
  return { proxy, adapter, sent }
}

describe("keys and values", () => {
  const keys = [
    "",
    ".",
    "..",
    "/",
    "a/../b",
    "a//b",
    "'\"`",
    "$",
    "%",
    "%2F",
    "\\",
    "é",
    "😀",
    "日本",
    "\u0000",
    "\r\n",
    " ",
    "x".repeat(300)
  ]

  it("takes any text as a key, keeps keys apart, and lists them as they were given", async () => {
    const { adapter, client } = open("keys")
    const put = (key: string) => adapter.put(key, { value: text(`of ${key}`), lifetime: lifetime(minute) })
    await run(Effect.forEach(keys, put, { concurrency: 10 }))
    for (const key of keys) expect((await hitOf(adapter, key)).value).toEqual(text(`of ${key}`))
    expect(await listed(adapter)).toEqual([...keys].sort())
    expect(await listed(adapter, "\ud83d")).toEqual(["😀"])
    const { Contents } = await client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: "keys/" }))
    expect(Contents).toHaveLength(keys.length)
    expect(await run(adapter.deleteMany!([...keys, "none"]))).toBe(keys.length)
    expect(await listed(adapter)).toEqual([])
  })

  it("refuses a key of 10 KB, of a lone surrogate, and a value over the limit, before anything is sent", async () => {
    const { adapter, sent } = await watched("refused")
    const big = new Uint8Array(adapter.limits.valueBytes + 1)
    for (const refused of [
      adapter.acquire("x".repeat(10_240), ask("me")),
      adapter.read("lone \ud800"),
      adapter.put("k", { value: { bytes: big }, lifetime: lifetime(minute) })
    ]) {
      expect(await failureOf(refused)).toMatchObject({ _tag: "AdapterError", reason: "Rejected" })
    }
    expect(sent()).toEqual([])
  })

  it("keeps every byte of a value, beside its lease and under a name of its own", async () => {
    const { adapter, client } = open("bytes", { inlineBytes: 512 })
    const all = Uint8Array.from({ length: 513 }, (_, i) => i)
    for (const [key, bytes, apart] of [
      ["empty", new Uint8Array(), 0],
      ["one", Uint8Array.of(0), 0],
      ["at the bound", all.subarray(0, 512), 0],
      ["over it", all, 1]
    ] as const) {
      await load(adapter, key, { bytes })
      expect((await hitOf(adapter, key)).value.bytes).toEqual(bytes)
      expect((await run(adapter.read(key))).value?.bytes).toEqual(bytes)
      const { KeyCount } = await client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: "bytes/values/" }))
      expect(KeyCount).toBe(apart)
      await run(adapter.delete(key))
    }
  })

  it("passes 50 MB without a copy: what is sent is what was given, what comes is one piece that fits", async () => {
    const { adapter, proxy } = await watched("large")
    const bytes = new Uint8Array(50_000_000)
    for (let at = 0; at < bytes.byteLength; at += 4_096) bytes[at] = at % 251
    const bodies: Array<unknown> = []
    const { send } = S3Client.prototype
    const spy = vi.spyOn(S3Client.prototype, "send").mockImplementation(function (this: S3Client, ...args: Array<any>) {
      if (args[0] instanceof PutObjectCommand) bodies.push(args[0].input.Body)
      return (send as any).apply(this, args)
    })
    onTestFinished(() => spy.mockRestore())
    const { token } = await lead(adapter, "k")
    expect(await run(adapter.fill("k", { token, value: { bytes }, lifetime: lifetime(minute) }))).toBe(true)
    expect(bodies.some((body) => body === bytes)).toBe(true)
    expect(proxy.stats.bytesUp).toBeLessThan(50_020_000)
    const found = (await hitOf(adapter, "k")).value.bytes
    expect(found.buffer.byteLength).toBe(50_000_000)
    expect(Buffer.compare(found, bytes)).toBe(0)
    const up = proxy.stats.bytesUp
    const refresh = await lead(adapter, "k", "me", { refreshWithin: minute })
    expect(await run(adapter.renew("k", { token: refresh.token, leaseFor: 10_000 }))).toBe(true)
    expect(await run(adapter.fill("k", { token: refresh.token, lifetime: lifetime(minute) }))).toBe(true)
    expect(await run(adapter.touch("k", { freshFor: 2 * minute }))).toBe(true)
    expect(proxy.stats.bytesUp - up).toBeLessThan(20_000)
    await run(adapter.delete("k"))
  })
})

describe("requests", () => {
  const leader = ["GET leases", "PUT leases", "PUT leases"]

  it("of a small value", async () => {
    const { adapter, sent } = await watched("small")
    const small = { value: value(1), lifetime: lifetime(minute) }
    const { token } = await lead(adapter, "k")
    await run(adapter.fill("k", { token, ...small }))
    expect(sent()).toEqual(leader)
    await run(adapter.acquire("k", ask("you")))
    expect(sent()).toEqual(["GET leases"])
    await run(adapter.touch("k", { freshFor: 2 * minute }))
    expect(sent()).toEqual(["GET leases", "PUT leases"])
    await run(adapter.put("k", small))
    expect(sent()).toEqual(["GET leases", "PUT leases"])
    await run(adapter.read("k"))
    expect(sent()).toEqual(["GET leases"])
    await run(Stream.runCollect(adapter.keys("")))
    expect(sent()).toEqual(["LIST", "HEAD leases"])
    await run(adapter.delete("k"))
    expect(sent()).toEqual(["GET leases", "PUT leases"])
    await run(adapter.delete("k"))
    expect(sent()).toEqual(["GET leases"])
  })

  it("of a large value", async () => {
    const { adapter, sent } = await watched("larger", { inlineBytes: 0 })
    const larger = { value: value(1), lifetime: lifetime(minute) }
    const { token } = await lead(adapter, "k")
    await run(adapter.fill("k", { token, ...larger }))
    expect(sent()).toEqual(["GET leases", "PUT leases", "PUT values", "PUT leases"])
    await run(adapter.acquire("k", ask("you")))
    expect(sent()).toEqual(["GET leases", "GET values"])
    const next = await lead(adapter, "k", "me", { refreshWithin: minute })
    expect(sent()).toEqual(["GET leases", "PUT leases", "GET values"])
    await run(adapter.fill("k", { token: next.token, ...larger }))
    expect(sent()).toEqual(["PUT values", "PUT leases", "DELETE values"])
    await run(adapter.put("k", larger))
    expect(sent()).toEqual(["PUT values", "GET leases", "PUT leases", "DELETE values"])
    await run(adapter.delete("k"))
    expect(sent()).toEqual(["GET leases", "PUT leases", "DELETE values"])
  })

  it("of a lease that is renewed, given up, followed and cooling", async () => {
    const { adapter, sent } = await watched("leases")
    const { token } = await lead(adapter, "k")
    sent()
    expect(await tagOf(adapter, "k")).toBe("Follower")
    expect(sent()).toEqual(["GET leases"])
    await run(adapter.renew("k", { token, leaseFor: 10_000 }))
    expect(sent()).toEqual(["PUT leases"])
    await run(adapter.abandon("k", { token, cooldown: minute }))
    expect(sent()).toEqual(["PUT leases"])
    expect(await tagOf(adapter, "k")).toBe("Cooling")
    expect(sent()).toEqual(["GET leases"])
  })

  it("of a follower: fewer than where nothing is charged, and as many as the README says", async () => {
    const { pollEvery } = open("pace").adapter
    /** The number of requests in 4 seconds: at the start, and after each delay, drawn from the middle. */
    const asked = (strategy: WaitStrategy.WaitStrategy, waitStep: number) => {
      const pace = strategy.begin()
      const given = { key: "k", leaseEndsIn: 60_000, watching: false, random: 0.5, lastDelay: 0 }
      const from = (waited: number, attempt: number): Effect.Effect<number> =>
        waited >= 4_000
          ? Effect.succeed(attempt + 1)
          : Effect.flatMap(pace({ ...given, waitStep, waited, attempt }), (delay) => from(waited + delay, attempt + 1))
      return run(from(0, 0))
    }
    const counts = [
      await asked(WaitStrategy.leaseAware(), pollEvery!),
      await asked(WaitStrategy.leaseAware(), 50),
      await asked(WaitStrategy.jittered({ from: "1 second", max: "5 seconds" }), pollEvery!)
    ]
    const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8")
    const told = /costs it some (\d+) GETs .* and (\d+) at that of .* some (\d+)\./.exec(readme)!.slice(1).map(Number)
    expect(counts).toEqual(told)
  })

  it("of four processes with 250 callers each and one cold key: one load, and O(processes)", async () => {
    const peers = await Promise.all(Array.from({ length: 4 }, () => watched("stampede")))
    const { sent } = await stampede(peers, "k", { loadTime: 300 })
    for (const names of sent) expect(names.length, names.join()).toBeLessThanOrEqual(12)
  })
})

describe("setup", () => {
  const tried = (url: string, more: Partial<S3Adapter.Options> = {}) =>
    S3Adapter.setup({ client: clientFor(url), bucket, prefix: "setup", ...more })

  it("passes a bucket that heeds conditions, and leaves nothing behind", async () => {
    await run(tried(server.url))
    await run(
      Effect.all(
        Array.from({ length: 5 }, () => tried(server.url)),
        { concurrency: 5 }
      )
    )
    const { client } = open("setup")
    const { KeyCount } = await client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: "setup/" }))
    expect(KeyCount).toBe(0)
  })

  it.each([
    { strips: ["if-none-match", "if-match"], words: /does not heed If-None-Match/ },
    { strips: ["if-none-match"], words: /does not heed If-None-Match/ },
    { strips: ["if-match"], words: /does not heed If-Match/ }
  ])("refuses one that ignores $strips", async ({ strips, words }) => {
    const error = await failureOf(tried(await gatewayTo(server.url, { strips })))
    expect(error).toMatchObject({ _tag: "AdapterError", adapter: "s3", reason: "Rejected" })
    expect(error.message).toMatch(words)
  })

  it("refuses one that tells no time, unless told to go by the clients'", async () => {
    const url = await gatewayTo(server.url, { hides: ["date"] })
    expect(await failureOf(tried(url))).toMatchObject({ reason: "Rejected", message: expect.stringContaining("clock") })
    await run(tried(url, { clock: "client" }))
  })

  it("tells of a bucket that is not there", async () => {
    const error = await failureOf(tried(server.url, { bucket: "no-such-bucket-here" }))
    expect(error).toMatchObject({ reason: "Rejected", message: expect.stringContaining("NoSuchBucket") })
    const { adapter } = open("missing", { bucket: "no-such-bucket-here" })
    expect(await failureOf(adapter.acquire("k", ask("me")))).toMatchObject({ reason: "Rejected", operation: "acquire" })
  })
})

describe("sweep", () => {
  it("removes what is over, by HEAD and conditional DELETE, and nothing else", async () => {
    const { adapter, client } = open("sweep", { inlineBytes: 1 })
    const options = { client, bucket, prefix: "sweep" }
    await put(adapter, "lives", text("large"))
    await put(adapter, "ended", text("large"), lifetime(1))
    await put(adapter, "deleted")
    await run(adapter.delete("deleted"))
    await client.send(new PutObjectCommand({ Bucket: bucket, Key: "sweep/values/orphan", Body: "x" }))
    expect(await run(S3Adapter.sweep(options))).toEqual({ looked: 6, removed: 0 })
    // Objects have whole seconds, and the store's clock is known to about one.
    await sleep(2_200)
    const swept = await run(ObjectStore.sweep(S3Bucket.make(resolve(options)), { prefix: "sweep", grace: 0 }))
    expect(swept).toEqual({ looked: 6, removed: 4 })
    const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: "sweep/" }))
    expect(Contents.map(({ Key }) => Key!.split("/")[1])).toEqual(["leases", "values"])
    expect((await hitOf(adapter, "lives")).value).toEqual(text("large"))
  })

  it("leaves a lease alone that was written since it was looked at", async () => {
    const { adapter, client } = open("swept")
    const bucketOfTests = S3Bucket.make(resolve({ client, bucket, prefix: "swept" }))
    const { token } = await lead(adapter, "k")
    await run(bucketOfTests.remove("swept/leases/k.lease", '"as it was before"'))
    expect(await run(adapter.renew("k", { token, leaseFor: 10_000 }))).toBe(true)
  })

  it("refuses a grace that is shorter than a request may take", () => {
    const { client } = open("sweep")
    expect(() => S3Adapter.sweep({ client, bucket, grace: 1_000 })).toThrow(InvalidOption)
    const slow = { client, bucket, commandTimeout: "5 minutes" } as const
    expect(() => S3Adapter.sweep({ ...slow, grace: "9 minutes" })).toThrow(InvalidOption)
    expect(() => S3Adapter.sweep({ ...slow, grace: "10 minutes" })).not.toThrow()
  })
})

describe("conditions", () => {
  it("a 409 is asked again, and decides nothing", async () => {
    let conflicts = 3
    const url = await gatewayTo(server.url, {
      judge: ({ method }) =>
        method === "PUT" && conflicts-- > 0 ? { status: 409, code: "ConditionalRequestConflict" } : "pass"
    })
    const adapter = S3Adapter.make({ client: clientFor(url), bucket, prefix: "conflicts" })
    const { token } = await lead(adapter, "k")
    conflicts = 3
    expect(await run(adapter.fill("k", { token, value: value(1), lifetime: lifetime(minute) }))).toBe(true)
    // More than one write attempts: the adapter reads the object, and goes on.
    conflicts = 6
    await put(adapter, "k", value(2))
    expect((await run(adapter.read("k"))).value).toEqual(value(2))
  })

  it("a store that takes a write a second of each object is waited for", async () => {
    let last = -1_000
    const url = await gatewayTo(server.url, {
      judge: ({ method }) => {
        if (method !== "PUT") return "pass"
        const since = performance.now() - last
        if (since < 1_000) return { status: 429, code: "TooManyRequests" }
        last = performance.now()
        return "pass"
      }
    })
    const adapter = S3Adapter.make({ client: clientFor(url), bucket, prefix: "busy" })
    const { token } = await lead(adapter, "k")
    expect(await run(adapter.fill("k", { token, value: value(1), lifetime: lifetime(minute) }))).toBe(true)
  })

  it("a lease whose object was removed by hand is lost, and the key can be led", async () => {
    const { adapter, client } = open("removed")
    const { token } = await lead(adapter, "k")
    await run(S3Bucket.make(resolve({ client, bucket, prefix: "removed" })).remove("removed/leases/k.lease"))
    expect(await run(adapter.fill("k", { token, value: value(1), lifetime: lifetime(minute) }))).toBe(false)
    await lead(adapter, "k", "you")
  })

  it("what somebody else wrote in its place is nothing, and is written over", async () => {
    const { adapter, client } = open("foreign")
    await client.send(new PutObjectCommand({ Bucket: bucket, Key: "foreign/leases/k.lease", Body: "not ours" }))
    const { token } = await lead(adapter, "k")
    expect(await run(adapter.fill("k", { token, value: value(1), lifetime: lifetime(minute) }))).toBe(true)
    // Not a GET, because unread bytes are an unhandled error when the client is destroyed.
    const object = await client.send(new HeadObjectCommand({ Bucket: bucket, Key: "foreign/leases/k.lease" }))
    expect(Number(object.Metadata!["ends"])).toBeGreaterThan(Date.now())
  })
})

describe("options", () => {
  it("are checked at once, by name", () => {
    const client = clientFor(server.url)
    for (const [options, option] of [
      [{ bucket }, "client"],
      [{ bucket, client: "s3://key:secret@host" }, "client"],
      [{ bucket, client: { credentials: "secret" } }, "client"],
      [{ client }, "bucket"],
      [{ client, bucket: "" }, "bucket"],
      [{ client, bucket, prefix: "a b" }, "prefix"],
      [{ client, bucket, prefix: "../a" }, "prefix"],
      [{ client, bucket, prefix: 1 }, "prefix"],
      [{ client, bucket, inlineBytes: -1 }, "inlineBytes"],
      [{ client, bucket, inlineBytes: 2 ** 21 }, "inlineBytes"],
      [{ client, bucket, clock: "mine" }, "clock"],
      [{ client, bucket, pollEvery: "often" }, "pollEvery"],
      [{ client, bucket, commandTimeout: 0 }, "commandTimeout"],
      [{ client, bucket, commandTimeout: Number.POSITIVE_INFINITY }, "commandTimeout"],
      [{ client, bucket, requestTimout: 1 }, "requestTimout"]
    ] as const) {
      expect(refusalOf(() => S3Adapter.make(options as never)).option).toBe(option)
    }
  })

  it("the same client, bucket and prefix are one cache to flights, and no others", () => {
    const client = clientFor(server.url)
    const { identity } = S3Adapter.make({ client, bucket, prefix: "a" })
    expect(S3Adapter.make({ client, bucket, prefix: "a", inlineBytes: 5 }).identity).toBe(identity)
    expect(S3Adapter.make({ client, bucket, prefix: "b" }).identity).not.toBe(identity)
    expect(S3Adapter.make({ client, bucket: "other", prefix: "a" }).identity).not.toBe(identity)
    expect(S3Adapter.make({ client: clientFor(server.url), bucket, prefix: "a" }).identity).not.toBe(identity)
  })

  it("say whose clock it is", () => {
    const client = clientFor(server.url)
    expect(S3Adapter.make({ client, bucket }).limits).toMatchObject({ tick: 1_000, clock: "store", keyBytes: 300 })
    expect(S3Adapter.make({ client, bucket, clock: "client" }).limits).toMatchObject({ tick: 1, clock: "client" })
  })

  it("take the SDK's S3 too", async () => {
    const client = new S3(configOf(server.url))
    onTestFinished(() => client.destroy())
    await lead(S3Adapter.make({ client, bucket, prefix: "s3" }), "k")
  })
})

describe("layers", () => {
  const use = Effect.gen(function* () {
    const adapter = yield* Adapter
    expect(yield* ListingAdapter).toBe(adapter)
    yield* adapter.put("k", { value: value(1), lifetime: lifetime(minute) })
    return (yield* adapter.acquire("k", ask("me")))._tag
  })

  it("layer leaves the client open", async () => {
    const client = clientFor(server.url)
    const destroy = vi.spyOn(client, "destroy")
    expect(await run(Effect.provide(use, S3Adapter.layer({ client, bucket, prefix: "layer" })))).toBe("Hit")
    expect(destroy).not.toHaveBeenCalled()
    expect(() => S3Adapter.layer({ client, bucket, prefix: "" })).toThrow(InvalidOption)
  })

  const credentials = {
    accessKeyId: Config.succeed("test"),
    secretAccessKey: Config.succeed(Redacted.make("test"))
  }

  const configured = (prefix: string, more: object = credentials) =>
    S3Adapter.layerConfig({
      bucket: Config.succeed(bucket),
      prefix: Config.succeed(prefix),
      endpoint: Config.succeed(server.url),
      region: Config.succeed("us-east-1"),
      ...more
    })

  it("layerConfig makes a client of its own, and destroys it", async () => {
    const destroy = vi.spyOn(S3Client.prototype, "destroy")
    onTestFinished(() => destroy.mockRestore())
    expect(await run(Effect.provide(use, configured("config")))).toBe("Hit")
    expect(destroy).toHaveBeenCalledTimes(1)
  })

  it("layerConfig reports bad configuration as a typed failure", async () => {
    const refused = (prefix: string, more?: object) => failureOf(Effect.scoped(Layer.build(configured(prefix, more))))
    expect(await refused("a b")).toBeInstanceOf(InvalidOption)
    expect(await refused("a", { prefx: Config.succeed("b") })).toMatchObject({ option: "prefx" })
    const { accessKeyId, secretAccessKey } = credentials
    expect(await refused("a", { accessKeyId })).toMatchObject({ option: "secretAccessKey" })
    expect(await refused("a", { secretAccessKey })).toMatchObject({ option: "accessKeyId" })
  })
})
