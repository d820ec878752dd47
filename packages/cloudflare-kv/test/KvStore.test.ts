import { D1Adapter } from "@cache-locking/cloudflare-d1"
import {
  ask,
  failureOf,
  hitOf,
  lead,
  lifetime,
  minute,
  put,
  run,
  sleep,
  tagOf,
  text,
  timers,
  value
} from "@cache-locking/conformance-kit/testing"
import { WorkersBackend } from "@cache-locking/test-servers"
import { metered as meteredLeases } from "@cache-locking/test-servers/d1"
import { serverOfFile } from "@cache-locking/test-servers/vitest"
import { describe, expect, it, onTestFinished, vi } from "vitest"
import { KvAdapter, KvStore } from "../src/index.ts"
import { metered } from "./fixtures/Support.ts"

const backend = await serverOfFile(WorkersBackend.start())

const namesIn = async (prefix: string) => (await (await backend.miniflare.getKVNamespace("KV")).list({ prefix })).keys

describe("a store of values", () => {
  it("keeps bytes under names, through miniflare's own binding too", async () => {
    const own = await backend.miniflare.getKVNamespace("KV")
    for (const namespace of [backend.namespace(), own as unknown as KvStore.Namespace]) {
      const store = KvStore.make({ namespace, prefix: "bytes:" })
      const all = Uint8Array.from({ length: 512 }, (_, at) => at)
      for (const [name, bytes] of Object.entries({ all, empty: new Uint8Array(), view: all.subarray(100, 103) })) {
        await run(store.set(name, bytes, 5 * minute))
        expect(await run(store.get(name))).toEqual(Uint8Array.from(bytes))
      }
      expect(await run(store.get("none"))).toBe(undefined)
      expect((await namesIn("bytes:")).map(({ name }) => name)).toEqual(["bytes:all", "bytes:empty", "bytes:view"])
    }
  })

  it("keeps 25 MiB, and reports KV's refusal of more", async () => {
    const store = KvStore.make({ namespace: backend.namespace(), prefix: "large:", commandTimeout: "30 seconds" })
    const largest = new Uint8Array(KvStore.valueBytes).fill(7)
    await run(store.set("largest", largest, minute))
    expect(Buffer.compare((await run(store.get("largest")))!, largest)).toBe(0)
    const error = await failureOf(store.set("more", new Uint8Array(KvStore.valueBytes + 1), minute))
    expect(error).toMatchObject({ reason: "Rejected", adapter: "cloudflare-kv" })
  })

  it("lives as long as given, never shorter: whole seconds, 60 at least, the exact time beside it", async () => {
    const { namespace, puts } = metered(backend.namespace())
    const store = KvStore.make({ namespace, prefix: "ttl:" })
    const ttls = [Infinity, 1e15, 90_000.5, 60_000, 59_999, 40]
    for (const [at, ttl] of ttls.entries()) await run(store.set(`${at}`, Uint8Array.of(at), ttl))
    const began = Date.now()
    expect(puts.slice(0, 4).map(({ options }) => options)).toEqual([
      {},
      {},
      { expirationTtl: 91 },
      { expirationTtl: 60 }
    ])
    for (const { options } of puts.slice(4)) {
      expect(options).toMatchObject({ expirationTtl: 60, metadata: { overAt: expect.any(Number) } })
    }
    const { overAt } = (puts[4]!.options as { metadata: { overAt: number } }).metadata
    expect(Math.abs(overAt - began - 59_999)).toBeLessThan(5_000)
    await sleep(50)
    expect(await run(store.get("5"))).toBe(undefined)
    for (const at of [0, 1, 2, 3, 4]) expect(await run(store.get(`${at}`))).toEqual(Uint8Array.of(at))
    // KV has it still.
    expect((await namesIn("ttl:")).length).toBe(6)
  })

  it("bounds every request, and no timer stays", async () => {
    const before = timers()
    const never = () => new Promise<never>(() => {})
    const namespace: KvStore.Namespace = { getWithMetadata: never, put: never, delete: never }
    const store = KvStore.make({ namespace, commandTimeout: 20, remove: true })
    for (const verb of [store.get("k"), store.set("k", new Uint8Array(), 1), store.delete!("k")]) {
      expect(await failureOf(verb)).toMatchObject({ reason: "Unavailable", message: "no answer within 20 ms" })
    }
    const prompt = { ...namespace, getWithMetadata: async () => ({ value: null, metadata: null }) }
    expect(await run(KvStore.make({ namespace: prompt }).get("k"))).toBe(undefined)
    expect(timers()).toBeLessThanOrEqual(before)
    const broken = () => {
      throw new Error("KV GET failed: 500 Internal Server Error")
    }
    const thrown = KvStore.make({ namespace: { ...namespace, getWithMetadata: broken } })
    expect((await failureOf(thrown.get("k"))).retryable).toBe(true)
    await sleep(1)
    expect(timers()).toBeLessThanOrEqual(before)
  })
})

describe("with leases in D1", () => {
  const lives = lifetime(minute)

  const open = (prefix: string, more: object = {}) => {
    const kv = metered(backend.namespace())
    const leases = D1Adapter.make({ database: backend.database(), table: prefix, setup: true })
    return { ...kv, adapter: KvAdapter.make({ namespace: kv.namespace, prefix, leases, ...more }) }
  }

  it("a hit reads KV once, a load writes it once, and a follower sends it nothing", async () => {
    const { adapter, spent } = open("cost:")
    const { token } = await lead(adapter, "k")
    expect(await tagOf(adapter, "k")).toBe("Follower")
    expect(spent()).toEqual([])
    expect(await run(adapter.fill("k", { token, value: value(1), lifetime: lives }))).toBe(true)
    expect(spent()).toEqual(["put"])
    await hitOf(adapter, "k")
    expect(spent()).toEqual(["get"])
    await run(adapter.read("k"))
    expect(spent()).toEqual(["get"])
    await put(adapter, "k", value(2), lives)
    expect(spent()).toEqual(["put"])
    await run(adapter.delete("k"))
    expect(spent()).toEqual([])
    const again = await lead(adapter, "k")
    await run(adapter.renew("k", { token: again.token, leaseFor: 1000 }))
    await run(adapter.abandon("k", { token: again.token, cooldown: 1000, cause: text("why") }))
    expect(spent()).toEqual([])
  })

  it("costs in KV and D1 are those of the README", async () => {
    const kv = metered(backend.namespace())
    const d1 = meteredLeases(backend.database())
    // The first writes of an isolate carry no page of D1's sweep along, where it begins to count at 0.
    vi.spyOn(Math, "random").mockReturnValue(0)
    onTestFinished(() => void vi.restoreAllMocks())
    const leases = D1Adapter.make({ database: d1.database, table: "costs", setup: true })
    const adapter = KvAdapter.make({ namespace: kv.namespace, prefix: "costs:", leases })
    await put(adapter, "first", value(1), lives)
    const costs = () => {
      const { read, requests, written } = d1.spent()
      return [kv.spent().join(), requests, read, written]
    }
    costs()
    const { token } = await lead(adapter, "k")
    expect(costs(), "acquire").toEqual(["", 1, 1, 1])
    expect(await tagOf(adapter, "k")).toBe("Follower")
    expect(costs(), "follower").toEqual(["", 1, 1, 0])
    await run(adapter.fill("k", { token, value: value(1), lifetime: lives }))
    expect(costs(), "fill").toEqual(["put", 1, 2, 1])
    await hitOf(adapter, "k")
    expect(costs(), "hit").toEqual(["get", 1, 1, 0])
    const refresh = await lead(adapter, "k", "me", { refreshWithin: Infinity })
    expect(costs(), "stale value beside a lease").toEqual(["get", 1, 1, 1])
    await run(adapter.renew("k", { token: refresh.token, leaseFor: 10_000 }))
    expect(costs(), "renew").toEqual(["", 1, 2, 1])
    await run(adapter.touch("k", { freshFor: 2 * minute }))
    expect(costs(), "touch").toEqual(["get,put", 2, 3, 1])
    await run(adapter.fill("k", { token: refresh.token, lifetime: lives }))
    expect(costs(), "fill without a value").toEqual(["get", 2, 3, 1])
    await put(adapter, "k", value(2), lives)
    expect(costs(), "put").toEqual(["put", 1, 0, 1])
    await run(adapter.delete("k"))
    expect(costs(), "delete").toEqual(["", 1, 2, 1])
  })

  it("a name is used once: the values of two loads never meet", async () => {
    const { adapter, puts } = open("names:")
    for (const at of [1, 2, 3]) await put(adapter, "k", value(at), lives)
    expect(new Set(puts.map(({ name }) => name)).size).toBe(3)
    for (const { name } of puts) expect(name).toMatch(/^names:[0-9a-f-]{36}$/)
    expect((await hitOf(adapter, "k")).value).toEqual(value(3))
  })

  it("replaced versions expire, or are removed at once with the option", async () => {
    const kept = open("kept:")
    const removed = open("removed:", { remove: true })
    for (const { adapter } of [kept, removed]) {
      await put(adapter, "k", value(1), lives)
      await put(adapter, "k", value(2), lives)
    }
    expect((await namesIn("kept:")).length).toBe(2)
    for (const { expiration } of await namesIn("kept:"))
      expect(expiration! * 1000 - Date.now()).toBeLessThan(3 * minute)
    expect((await namesIn("removed:")).length).toBe(1)
    await run(removed.adapter.delete("k"))
    expect(await namesIn("removed:")).toEqual([])
  })

  it("small values stay with the leases, with the option", async () => {
    const { adapter, spent } = open("inline:", { inlineBytes: 8 })
    await put(adapter, "small", text("12345678"), lives)
    expect((await hitOf(adapter, "small")).value).toEqual(text("12345678"))
    expect(spent()).toEqual([])
    await put(adapter, "large", text("123456789"), lives)
    expect(spent()).toEqual(["put"])
  })

  it("made in each request are one, by namespace, prefix and leases: their flights are shared", () => {
    const [namespace, database] = [backend.namespace(), backend.database()]
    const made = (prefix?: string, kv = namespace) =>
      KvAdapter.make({ namespace: kv, prefix, leases: D1Adapter.make({ database }) }).identity
    expect(made()).toBe(made())
    expect(made("other:")).not.toBe(made())
    expect(made(undefined, backend.namespace())).not.toBe(made())
  })

  it("a version that KV lost is a miss: exactly one loads it anew", async () => {
    const { adapter } = open("lost:")
    await put(adapter, "k", value(1), lives)
    const own = await backend.miniflare.getKVNamespace("KV")
    for (const { name } of await namesIn("lost:")) await own.delete(name)
    const found = await Promise.all(Array.from({ length: 10 }, (_, at) => run(adapter.acquire("k", ask(`${at}`)))))
    expect(found.filter(({ _tag }) => _tag === "Leader").length).toBe(1)
    expect(found.filter(({ _tag }) => _tag === "Follower").length).toBe(9)
  })

  it("a KV that fails is the adapter's failure, and loses no lease", async () => {
    const kv = metered(backend.namespace())
    let failing = true
    const namespace: KvStore.Namespace = {
      ...kv.namespace,
      put: (...call) =>
        failing ? Promise.reject(new Error("KV PUT failed: 429 Too Many Requests")) : kv.namespace.put(...call)
    }
    const leases = D1Adapter.make({ database: backend.database(), table: "failing", setup: true })
    const adapter = KvAdapter.make({ namespace, prefix: "failing:", leases })
    const { token } = await lead(adapter, "k")
    const fill = adapter.fill("k", { token, value: value(1), lifetime: lives })
    expect(await failureOf(fill)).toMatchObject({ operation: "fill", key: "k", reason: "Unavailable" })
    failing = false
    expect(await run(fill)).toBe(true)
    await hitOf(adapter, "k")
  })
})
