import {
  ask,
  expectUnavailable,
  failureOf,
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
  stampede,
  text,
  timers,
  value,
  verdictOf
} from "@cache-locking/conformance-kit/testing"
import { suiteUnderFaults } from "@cache-locking/conformance-kit/vitest"
import { Adapter, Codec, InvalidOption, ListingAdapter as Listing } from "@cache-locking/core"
import { createCache } from "@cache-locking/core/promise"
import { serverOfFile } from "@cache-locking/test-servers/vitest"
import type { R2Bucket as WorkersR2Bucket } from "@cloudflare/workers-types"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { describe, expect, it } from "vitest"
import { failures, isBusy } from "../src/Failure.ts"
import { R2Adapter } from "../src/index.ts"
import { startR2, watched } from "./fixtures/Support.ts"

const r2 = await serverOfFile(startR2())

const open = (prefix: string, more: Partial<R2Adapter.Options> = {}) =>
  R2Adapter.make({ bucket: r2.bucket, prefix, ...more })

it("a Worker's R2Bucket is a binding, by its types", () => {
  const accepted = (bucket: WorkersR2Bucket): R2Adapter.Binding => bucket
  expect(accepted).toBeTypeOf("function")
})

describe("keys and values", () => {
  const keys = [
    "",
    ".",
    "..",
    "/",
    "a/../b",
    "'\"`",
    "$",
    "%",
    "%2F",
    "\\",
    "é",
    "😀",
    "\u0000",
    "\r\n",
    "x".repeat(300)
  ]

  it("takes any text as a key, keeps keys apart, and lists them as they were given", async () => {
    const adapter = open("keys")
    const put = (key: string) => adapter.put(key, { value: text(`of ${key}`), lifetime: lifetime(minute) })
    await run(Effect.forEach(keys, put, { concurrency: 10 }))
    for (const key of keys) expect((await hitOf(adapter, key)).value).toEqual(text(`of ${key}`))
    expect(await listed(adapter)).toEqual([...keys].sort())
    expect(await run(adapter.deleteMany!([...keys, "none"]))).toBe(keys.length)
    expect(await listed(adapter)).toEqual([])
  })

  it("keeps every byte of a value, beside its lease and under a name of its own", async () => {
    const adapter = open("bytes", { inlineBytes: 512 })
    const all = Uint8Array.from({ length: 513 }, (_, i) => i)
    for (const [key, bytes, apart] of [
      ["empty", new Uint8Array(), 0],
      ["one", Uint8Array.of(0), 0],
      ["at the bound", all.subarray(0, 512), 0],
      ["over it", all, 1]
    ] as const) {
      await load(adapter, key, { bytes })
      expect((await hitOf(adapter, key)).value.bytes).toEqual(bytes)
      expect((await r2.bucket.list({ prefix: "bytes/values/" })).objects).toHaveLength(apart)
      await run(adapter.delete(key))
    }
  })

  it("passes 50 MB in one piece, and refuses a value over the limit before anything is sent", async () => {
    const { adapter, proxy, sent } = await watched(r2, "large", { commandTimeout: "20 seconds" })
    const bytes = new Uint8Array(50_000_000)
    for (let at = 0; at < bytes.byteLength; at += 4_096) bytes[at] = at % 251
    const { token } = await lead(adapter, "k")
    expect(await run(adapter.fill("k", { token, value: { bytes }, lifetime: lifetime(minute) }))).toBe(true)
    expect(proxy.stats.bytesUp).toBeLessThan(50_020_000)
    const found = (await hitOf(adapter, "k")).value.bytes
    expect(found.buffer.byteLength).toBe(50_000_000)
    expect(Buffer.compare(found, bytes)).toBe(0)
    await run(adapter.delete("k"))
    sent()
    const big = { bytes: new Uint8Array(adapter.limits.valueBytes + 1) }
    for (const refused of [
      adapter.acquire("x".repeat(10_240), ask("me")),
      adapter.put("k", { value: big, lifetime: lifetime(minute) })
    ]) {
      expect(await failureOf(refused)).toMatchObject({ _tag: "AdapterError", reason: "Rejected" })
    }
    expect(sent()).toEqual([])
  })
})

describe("a value of 50 MB in a cache", () => {
  it("is copied once on its way in, behind the record beside it, and never on its way out", async () => {
    const objects = new Map<string, { bytes: Uint8Array; metadata: Record<string, string> }>()
    const headOf = (key: string) => {
      const { bytes, metadata } = objects.get(key)!
      return {
        key,
        etag: `${bytes.byteLength}`,
        size: bytes.byteLength,
        uploaded: new Date(),
        customMetadata: metadata
      }
    }
    /** Keeps and returns the very buffers that it gets. */
    const bucket: R2Adapter.Binding = {
      get: async (key) => {
        const found = objects.get(key)
        return found === undefined
          ? null
          : { ...headOf(key), arrayBuffer: async () => found.bytes.buffer as ArrayBuffer }
      },
      put: async (key, value, options) => {
        expect(value.byteLength).toBe(value.buffer.byteLength)
        objects.set(key, { bytes: value as Uint8Array, metadata: options?.customMetadata ?? {} })
        return headOf(key)
      },
      delete: async (key) => void objects.delete(key),
      list: async () => ({ objects: [], truncated: false })
    }
    const bytes = new Uint8Array(50_000_000).fill(7)
    const cache = createCache({
      adapter: R2Adapter.make({ bucket, prefix: "copies" }),
      codec: Codec.bytes,
      cacheTtl: minute
    })
    const loaded = await cache.getOrSet("k", async () => bytes)
    const stored = objects.get([...objects.keys()].find((name) => name.startsWith("copies/values/"))!)!
    expect(stored.bytes.byteLength).toBeLessThan(50_000_100)
    // Compared as true and false, so that a failure does not print the value.
    expect(stored.bytes.buffer === bytes.buffer).toBe(false)
    const hit = (await cache.get("k"))!
    for (const answer of [loaded, hit]) {
      expect(answer.buffer === stored.bytes.buffer).toBe(true)
      expect(answer.byteLength).toBe(50_000_000)
    }
    expect(Buffer.compare(hit, bytes)).toBe(0)
    await cache.close()
  })
})

describe("calls of the binding", () => {
  it("of a small value", async () => {
    const { adapter, sent } = await watched(r2, "small")
    const small = { value: value(1), lifetime: lifetime(minute) }
    const { token } = await lead(adapter, "k")
    await run(adapter.fill("k", { token, ...small }))
    expect(sent()).toEqual(["get leases", "put leases", "put leases"])
    await run(adapter.acquire("k", ask("you")))
    expect(sent()).toEqual(["get leases"])
    await run(adapter.touch("k", { freshFor: 2 * minute }))
    await run(adapter.put("k", small))
    expect(sent()).toEqual(["get leases", "put leases", "get leases", "put leases"])
    await run(Stream.runCollect(adapter.keys("")))
    expect(sent()).toEqual(["list"])
    await run(adapter.delete("k"))
    expect(sent()).toEqual(["get leases", "put leases"])
  })

  it("of a larger value", async () => {
    const { adapter, sent } = await watched(r2, "larger", { inlineBytes: 0 })
    const larger = { value: value(1), lifetime: lifetime(minute) }
    const { token } = await lead(adapter, "k")
    await run(adapter.fill("k", { token, ...larger }))
    expect(sent()).toEqual(["get leases", "put leases", "put values", "put leases"])
    await run(adapter.acquire("k", ask("you")))
    expect(sent()).toEqual(["get leases", "get values"])
    const next = await lead(adapter, "k", "me", { refreshWithin: minute })
    await run(adapter.renew("k", { token: next.token, leaseFor: 10_000 }))
    await run(adapter.fill("k", { token: next.token, lifetime: lifetime(minute) }))
    expect(sent()).toEqual(["get leases", "put leases", "get values", "put leases", "put leases"])
    await run(adapter.delete("k"))
    expect(sent()).toEqual(["get leases", "put leases", "delete values"])
  })

  it("of four processes with 250 callers each and one cold key: one load, and O(processes)", async () => {
    const peers = await Promise.all(Array.from({ length: 4 }, () => watched(r2, "stampede")))
    const { sent } = await stampede(peers, "k", { loadTime: 300 })
    for (const names of sent) expect(names.length, names.join()).toBeLessThanOrEqual(12)
  })
})

describe("setup and sweep", () => {
  it("passes R2, and leaves nothing behind", async () => {
    await run(R2Adapter.setup({ bucket: r2.bucket, prefix: "setup" }))
    expect((await r2.bucket.list({ prefix: "setup/" })).objects).toEqual([])
  })

  it("refuses a stand-in that ignores conditions", async () => {
    const ignoring: R2Adapter.Binding = { ...r2.bucket, put: (name, bytes) => r2.bucket.put(name, bytes) }
    const error = await failureOf(R2Adapter.setup({ bucket: ignoring, prefix: "setup" }))
    expect(error).toMatchObject({ adapter: "r2", reason: "Rejected" })
    expect(error.message).toMatch(/does not heed If-None-Match/)
  })

  it("sweeps by listings alone, and leaves recent objects", async () => {
    const { adapter, sent } = await watched(r2, "sweep", { inlineBytes: 0 })
    await put(adapter, "k", value(1), lifetime(1))
    sent()
    expect(await run(R2Adapter.sweep({ bucket: r2.bucket, prefix: "sweep" }))).toEqual({ looked: 2, removed: 0 })
    expect(() => R2Adapter.sweep({ bucket: r2.bucket, grace: 1_000 })).toThrow(InvalidOption)
  })
})

describe("failures", () => {
  const busy = new Error("put: Reduce your concurrent request rate for the same object. (10058)")

  it("may pass, unless the call or the bucket is wrong; and show nothing but their words", () => {
    for (const error of [
      new Error("get: Internal error. (10001)"),
      new Error("Network connection lost."),
      new TypeError("terminated", { cause: new Error("other side closed") }),
      "odd"
    ]) {
      expect([String(error), verdictOf(failures.of("fill", undefined, error))]).toEqual([String(error), "passes"])
    }
    expect(failures.of("fill", undefined, busy).retryAfter).toBe(1_000)
    for (const error of [
      new Error("put: name too long (10020)"),
      new Error("too large (100100)"),
      new TypeError("x")
    ]) {
      expect([String(error), verdictOf(failures.of("fill", undefined, error))]).toEqual([String(error), "final"])
    }
    expect([isBusy(busy), isBusy(new Error("(10001)")), isBusy(undefined)]).toEqual([true, false, false])
    const shown = failures.of("fill", undefined, Object.assign(new Error("words"), { value: "a secret" }))
    expect(JSON.stringify([shown, shown.cause, shown.stack])).not.toContain("secret")
  })

  it("a bucket that takes a write a second of each object is waited for", async () => {
    let last = -1_000
    const put: R2Adapter.Binding["put"] = async (...args) => {
      if (performance.now() - last < 1_000) throw busy
      last = performance.now()
      return r2.bucket.put(...args)
    }
    const adapter = open("busy", { bucket: { ...r2.bucket, put } })
    const { token } = await lead(adapter, "k")
    expect(await run(adapter.fill("k", { token, value: value(1), lifetime: lifetime(minute) }))).toBe(true)
  })

  it("a binding that does not answer, or throws at once, is bounded, typed, and leaves nothing behind", async () => {
    const never = () => new Promise<never>(() => {})
    const broken = () => {
      throw new Error("Network connection lost.")
    }
    const before = timers()
    for (const call of [never, broken]) {
      const adapter = open("broken", {
        bucket: { get: call, put: call, delete: call, list: call },
        commandTimeout: 50
      })
      await expectUnavailable(adapter, 1_000)
    }
    await sleep(20)
    expect(timers()).toBeLessThanOrEqual(before)
  })
})

suiteUnderFaults({
  name: "R2",
  within: 2_000,
  open: async () => {
    const prefix = crypto.randomUUID()
    const { adapter, proxy } = await watched(r2, prefix, { commandTimeout: 500 })
    return { adapter, network: proxy, secrets: [prefix] }
  }
})

describe("options", () => {
  it("are checked at once, by name", () => {
    const { bucket } = r2
    for (const [options, option] of [
      [{}, "bucket"],
      [{ bucket: "CACHE" }, "bucket"],
      [{ bucket: { get: () => {} } }, "bucket"],
      [{ bucket, prefix: "a b" }, "prefix"],
      [{ bucket, prefix: "" }, "prefix"],
      [{ bucket, inlineBytes: -1 }, "inlineBytes"],
      [{ bucket, inlineBytes: 2 ** 21 }, "inlineBytes"],
      [{ bucket, pollEvery: "often" }, "pollEvery"],
      [{ bucket, commandTimeout: 0 }, "commandTimeout"],
      [{ bucket, requestTimout: 1 }, "requestTimout"]
    ] as const) {
      expect(refusalOf(() => R2Adapter.make(options as never)).option).toBe(option)
    }
  })

  it("the same binding and prefix are one cache to flights, and no others", () => {
    expect(open("a").identity).toBe(open("a", { inlineBytes: 5 }).identity)
    expect(open("b").identity).not.toBe(open("a").identity)
    expect(open("a", { bucket: { ...r2.bucket } }).identity).not.toBe(open("a").identity)
    expect(open("a").limits).toMatchObject({ tick: 1, clock: "client", keyBytes: 300 })
    expect([open("a").pollEvery, open("a", { pollEvery: "1 second" }).pollEvery]).toEqual([250, 1_000])
  })
})

describe("layers", () => {
  const use = Effect.gen(function* () {
    const adapter = yield* Adapter
    expect(yield* Listing).toBe(adapter)
    yield* adapter.put("k", { value: value(1), lifetime: lifetime(minute) })
    return (yield* adapter.acquire("k", ask("me")))._tag
  })

  it("layer and layerConfig give both services", async () => {
    expect(await run(Effect.provide(use, R2Adapter.layer({ bucket: r2.bucket, prefix: "layer" })))).toBe("Hit")
    const configured = (prefix: string) =>
      R2Adapter.layerConfig({ bucket: r2.bucket }, { prefix: Config.succeed(prefix) })
    expect(await run(Effect.provide(use, configured("config")))).toBe("Hit")
    const error = await run(Effect.flip(Effect.scoped(Layer.build(configured("a b")))))
    expect(error).toBeInstanceOf(InvalidOption)
  })
})
