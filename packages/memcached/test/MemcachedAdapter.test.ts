import {
  ask,
  failureOf,
  hit,
  hitOf,
  lead,
  lifetime,
  load,
  minute,
  put,
  refusalOf,
  run,
  tagOf,
  text,
  value
} from "@cache-locking/conformance-kit/testing"
import { AdapterError, MemoryAdapter } from "@cache-locking/core"
import { type FaultProxy, Memcached, type Server } from "@cache-locking/test-servers"
import { overServer, serverOfTest } from "@cache-locking/test-servers/vitest"
import * as Effect from "effect/Effect"
import { Client } from "memjs"
import { describe, expect, it, onTestFinished } from "vitest"
import { MemcachedAdapter } from "../src/index.ts"
import * as Keyspace from "../src/Keyspace.ts"
import { clientOf, open, proxyOf } from "./fixtures/Support.ts"
import * as TextClient from "./fixtures/TextClient.ts"

await overServer(Memcached.start({ own: true }), (server) => {
  const second = (...args: ReadonlyArray<string>): Promise<Server> => serverOfTest(Memcached.start({ own: true, args }))

  describe("keys and values", () => {
    it("keeps every byte, by fill and by put", async () => {
      const adapter = open(server.url, { prefix: "bytes" })
      const all = Uint8Array.from({ length: 512 }, (_, i) => i)
      await load(adapter, "all", { bytes: all })
      expect((await hitOf(adapter, "all")).value.bytes).toEqual(all)
      for (const bytes of [value().bytes, value(0).bytes]) {
        await put(adapter, "short", { bytes })
        expect((await hitOf(adapter, "short")).value.bytes).toEqual(bytes)
        expect((await run(adapter.read("short"))).value?.bytes).toEqual(bytes)
      }
    })

    it("keeps only the bytes of a view of a larger buffer, and returns no view", async () => {
      const adapter = open(server.url, { prefix: "views" })
      const view = new Uint8Array(new ArrayBuffer(64), 8, 3)
      view.set([1, 2, 3])
      await load(adapter, "view", { bytes: view })
      await put(adapter, "large", { bytes: new Uint8Array(50_000) })
      const [large, small] = await Promise.all([
        run(adapter.acquire("large", ask("you"))),
        run(adapter.acquire("view", ask("you")))
      ])
      expect(hit(large).value.bytes.byteLength).toBe(50_000)
      expect(hit(small).value.bytes).toEqual(Uint8Array.of(1, 2, 3))
      expect(hit(small).value.bytes.buffer.byteLength).toBeLessThan(5_000)
    })

    const keys = [
      ...[
        "",
        "{",
        "}",
        "{}",
        "a}b",
        "#",
        "a b",
        "a\tb",
        "%20",
        "%",
        "\"'`",
        "$1",
        "*?[a-z]\\",
        "lease:x",
        "x:lease",
        "x"
      ],
      ...["\u0000", "a\r\nb", "get x\r\n", "é", "😀", "日本", " ", "x".repeat(245), "x".repeat(246), "x".repeat(10_240)]
    ]

    it("takes any text as a key, and keeps keys and prefixes apart", async () => {
      const adapter = open(server.url, { prefix: "keys" })
      const other = open(server.url, { prefix: "keys2" })
      for (const key of keys) {
        await put(adapter, key, text(key))
        await put(other, key, text("other"))
      }
      for (const key of keys) {
        expect((await hitOf(adapter, key)).value.bytes).toEqual(text(key).bytes)
      }
      expect(await TextClient.namesOf(server.url, "keys")).toHaveLength(keys.length * 2)
      for (const key of keys) expect(await run(adapter.delete(key))).toBe(true)
      expect(await TextClient.namesOf(server.url, "keys{")).toEqual([])
      expect(await TextClient.namesOf(server.url, "keys#")).toEqual([])
    })

    it("refuses values that are too large and keys that are not text, and changes nothing", async () => {
      const adapter = open(server.url, { prefix: "limits" })
      const key = "é".repeat(32_769)
      const huge = { bytes: new Uint8Array(adapter.limits.valueBytes + 1) }
      const effects: ReadonlyArray<Effect.Effect<unknown, AdapterError>> = [
        adapter.acquire(key, ask("me")),
        adapter.put(key, { value: value(1), lifetime: lifetime(minute) }),
        adapter.delete(key),
        adapter.read("\ud800"),
        adapter.put("k", { value: huge, lifetime: lifetime(minute) })
      ]
      for (const effect of effects) {
        expect(await failureOf(effect)).toMatchObject({ reason: "Rejected", adapter: "memcached" })
      }
      expect(await TextClient.namesOf(server.url, "limits")).toEqual([])
      await run(adapter.put("é".repeat(32_768), { value: value(1), lifetime: lifetime(minute) }))
    })

    it("treats another program's record under its name as absent, and replaces it", async () => {
      const adapter = open(server.url, { prefix: "foreign" })
      await TextClient.write(server.url, "foreign{k}", "something else")
      expect((await run(adapter.read("k"))).value).toBeUndefined()
      expect(await run(adapter.delete("k"))).toBe(false)
      await load(adapter, "k")
      expect(await tagOf(adapter, "k")).toBe("Hit")
    })
  })

  /** Vitest takes seconds to compare megabytes. */
  const expectSame = (actual: Uint8Array | undefined, expected: Uint8Array) => {
    expect(actual !== undefined && Buffer.compare(actual, expected) === 0).toBe(true)
  }

  describe("the largest value", () => {
    const expectRoom = async (url: string, itemSize?: number) => {
      const adapter = open(url, { prefix: "p".repeat(128), itemSize })
      const key = "k".repeat(120)
      expect(Keyspace.nameOf("p".repeat(128), key)).toHaveLength(250)
      const bytes = new Uint8Array(adapter.limits.valueBytes).fill(9)
      await load(adapter, key, { bytes })
      expectSame((await hitOf(adapter, key)).value.bytes, bytes)
      // With a lease over it, whose owner has a long name.
      const refresh = await lead(adapter, key, "o".repeat(600), { refreshWithin: Number.POSITIVE_INFINITY })
      expectSame(refresh.stale?.value.bytes, bytes)
      expect(await run(adapter.fill(key, { token: refresh.token, lifetime: lifetime(minute) }))).toBe(true)
      await put(adapter, key, { bytes })
      expectSame((await hitOf(adapter, key)).value.bytes, bytes)
      const over = { bytes: new Uint8Array(bytes.byteLength + 1) }
      expect(await failureOf(adapter.put(key, { value: over, lifetime: lifetime(minute) }))).toMatchObject({
        reason: "Rejected"
      })
      expectSame((await hitOf(adapter, key)).value.bytes, bytes)
      return adapter
    }

    it("is a kilobyte less than an item, and has room for the longest name and a lease", async () => {
      const adapter = await expectRoom(server.url)
      expect(adapter.limits).toEqual({ keyBytes: 65_536, valueBytes: 1_047_552, tick: 1, clock: "client" })
    })

    it("is as large as the server's own limit lets it be", async () => {
      const large = await second("-I", "4m")
      await expectRoom(large.url, 4 * 1024 * 1024)
    })

    it("is refused by a server with a lower limit, and the old value stays", async () => {
      const small = await second("-I", "512k")
      const adapter = open(small.url)
      await load(adapter, "k")
      const { token } = await lead(adapter, "k", "me", { refreshWithin: Number.POSITIVE_INFINITY })
      const bytes = new Uint8Array(adapter.limits.valueBytes)
      const error = await failureOf(adapter.fill("k", { token, value: { bytes }, lifetime: lifetime(minute) }))
      expect(error).toMatchObject({ reason: "Rejected", operation: "fill" })
      expect(await run(adapter.renew("k", { token, leaseFor: 10_000 }))).toBe(true)
      expect((await hitOf(adapter, "k")).value.bytes).toEqual(Uint8Array.of(1))
    })

    it("stays where the cause of a failure does not fit beside it, and the cause goes", async () => {
      const adapter = open(server.url, { prefix: "cause" })
      const bytes = new Uint8Array(adapter.limits.valueBytes)
      const cause = { bytes: new Uint8Array(600_000).fill(1) }
      await put(adapter, "k", { bytes }, lifetime(0, minute))
      const { token } = await lead(adapter, "k")
      expect(await run(adapter.abandon("k", { token, cooldown: minute, cause }))).toBe(true)
      const found = await run(adapter.acquire("k", ask("you")))
      expect(found._tag === "Cooling" && found.cause).toBe(undefined)
      expectSame(found._tag === "Cooling" ? found.stale?.value.bytes : undefined, bytes)
      const other = await lead(adapter, "none")
      expect(await run(adapter.abandon("none", { token: other.token, cooldown: minute, cause }))).toBe(true)
      expectSame((await run(adapter.read("none"))).cooling?.cause?.bytes, cause.bytes)
    })
  })

  describe("expiry", () => {
    const day = 24 * 60 * minute
    const cases = [
      { fresh: 1_500, seconds: 3 },
      { fresh: 30 * day - 1_000, seconds: (30 * day) / 1000 },
      { fresh: 31 * day, seconds: (31 * day) / 1000 },
      { fresh: 3_650 * day, seconds: (3_650 * day) / 1000 },
      // Beyond January 2038, where seconds have a 32nd bit.
      { fresh: 8_000 * day, seconds: (8_000 * day) / 1000 },
      { fresh: Number.POSITIVE_INFINITY, seconds: Number.POSITIVE_INFINITY },
      { fresh: 1_000_000 * day, seconds: Number.POSITIVE_INFINITY }
    ]

    it.each(cases)("of $fresh ms is sent to the server, neither less nor much more", async ({ fresh, seconds }) => {
      const adapter = open(server.url, { prefix: "expiry" })
      await put(adapter, "k", value(1), lifetime(fresh))
      const left = await TextClient.expiresIn(server.url, "expiry{k}")
      // The server's clock may lag behind by a second.
      if (seconds === Number.POSITIVE_INFINITY) expect(left).toBe(seconds)
      else expect(Math.abs(left! - seconds)).toBeLessThanOrEqual(3)
      expect(await tagOf(adapter, "k")).toBe("Hit")
      await run(adapter.delete("k"))
    })

    it("is that of the part that lives longest", async () => {
      const adapter = open(server.url, { prefix: "longest" })
      await put(adapter, "k", value(1), lifetime(1_000, 1_000))
      const { token } = await lead(adapter, "k", "me", { force: true, leaseFor: 100_000 })
      expect(await TextClient.expiresIn(server.url, "longest{k}")).toBeGreaterThan(95)
      expect(await run(adapter.abandon("k", { token }))).toBe(true)
      expect(await TextClient.expiresIn(server.url, "longest{k}")).toBeLessThanOrEqual(4)
    })

    it("leaves no item of a value that lives no time at all, or of a lease given up", async () => {
      const adapter = open(server.url, { prefix: "none" })
      await put(adapter, "put")
      await put(adapter, "put", value(1), lifetime(0))
      for (const key of ["filled", "abandoned"]) {
        const { token } = await lead(adapter, key)
        if (key === "abandoned") await run(adapter.abandon(key, { token }))
        else expect(await run(adapter.fill(key, { token, value: value(1), lifetime: lifetime(0) }))).toBe(true)
      }
      expect(await TextClient.namesOf(server.url, "none{")).toEqual([])
    })
  })

  describe("a clock", () => {
    /** As a host whose clock is off by this much. */
    const skewed = async <A>(skew: number, ask: () => Promise<A>): Promise<A> => {
      const real = Date.now
      Date.now = () => real() + skew
      try {
        return await ask()
      } finally {
        Date.now = real
      }
    }

    it.each([10 * minute, -10 * minute])("that is off by %d ms makes a second load, never two fills", async (skew) => {
      const [adapter, other] = [open(server.url, { prefix: "clock" }), open(server.url, { prefix: "clock" })]
      const key = `k${skew}`
      const slow = skew < 0
      const token = (await (slow ? skewed(skew, () => lead(adapter, key)) : lead(adapter, key))).token
      const next = await (slow ? lead(other, key, "you") : skewed(skew, () => lead(other, key, "you")))
      const late = { token, value: value(1), lifetime: lifetime(minute) }
      for (const at of [skew, 0]) expect(await skewed(at, () => run(adapter.fill(key, late)))).toBe(false)
      const fill = { token: next.token, value: value(2), lifetime: lifetime(minute) }
      expect(await skewed(slow ? 0 : skew, () => run(other.fill(key, fill)))).toBe(true)
      expect((await run(adapter.read(key))).value?.bytes).toEqual(value(2).bytes)
    })
  })

  it("refuses a server that keeps no versions at the first lease, not after a fill that overwrites anything", async () => {
    const blind = await second("-C")
    const adapter = open(blind.url)
    const error = await failureOf(adapter.acquire("k", ask("me")))
    expect(error).toMatchObject({ reason: "Rejected", message: expect.stringContaining("-C") })
    expect(await failureOf(adapter.acquire("k", ask("me")))).toMatchObject({ reason: "Rejected" })
  })

  it("lists the present items, to several callers at once", async () => {
    const adapter = open(server.url, { prefix: "listed" })
    for (const key of ["a", "b"]) await put(adapter, key)
    const found = await Promise.all(Array.from({ length: 8 }, () => TextClient.namesOf(server.url, "listed{")))
    expect(found).toEqual(Array(8).fill(["listed{a}", "listed{b}"]))
  })

  describe("requests", () => {
    let proxy: FaultProxy
    const sent = async (effect: Effect.Effect<unknown, AdapterError>): Promise<ReadonlyArray<string>> => {
      proxy.resetCommands()
      await run(effect)
      return proxy.commands().map(({ args: [, cas], name }) => (cas === undefined ? name : `${name} cas`))
    }

    it("are few", async () => {
      proxy = await proxyOf(server)
      const adapter = open(proxy.url(), { prefix: "count" })
      const life = { lifetime: lifetime(minute, minute) }
      let token = "" as never
      const leading = Effect.map(adapter.acquire("k", ask("me", { refreshWithin: minute })), (found) => {
        if (found._tag === "Leader") token = found.token as never
      })
      expect(await sent(leading)).toEqual(["GET", "ADD"])
      expect(await sent(adapter.acquire("k", ask("you")))).toEqual(["GET"])
      for (let i = 0; i < 2; i++) {
        expect(await sent(Effect.suspend(() => adapter.renew("k", { token, leaseFor: 10_000 })))).toEqual([
          "REPLACE cas"
        ])
      }
      expect(await sent(Effect.suspend(() => adapter.fill("k", { token, value: value(1), ...life })))).toEqual([
        "REPLACE cas"
      ])
      expect(await sent(adapter.acquire("k", ask("you")))).toEqual(["GET"])
      expect(await sent(adapter.touch("k", { freshFor: minute }))).toEqual(["GET", "REPLACE cas"])
      expect(await sent(leading)).toEqual(["GET", "REPLACE cas"])
      expect(await sent(Effect.suspend(() => adapter.fill("k", { token, ...life })))).toEqual(["GET", "REPLACE cas"])
      expect(await sent(leading)).toEqual(["GET", "REPLACE cas"])
      expect(await sent(Effect.suspend(() => adapter.abandon("k", { token })))).toEqual(["GET", "REPLACE cas"])
      expect(await sent(adapter.read("k"))).toEqual(["GET"])
      expect(await sent(adapter.put("k", { value: value(1), ...life }))).toEqual(["SET"])
      expect(await sent(adapter.delete("k"))).toEqual(["GET", "DELETE cas"])
      expect(await sent(adapter.delete("k"))).toEqual(["GET"])
      expect(await sent(adapter.put("k", { value: value(1), lifetime: lifetime(0) }))).toEqual(["DELETE"])
      expect(await sent(leading)).toEqual(["GET", "ADD"])
      expect(await sent(Effect.suspend(() => adapter.abandon("k", { token })))).toEqual(["DELETE cas"])
      expect(await sent(leading)).toEqual(["GET", "ADD"])
      const cooled = Effect.suspend(() => adapter.abandon("k", { token, cooldown: minute }))
      expect(await sent(cooled)).toEqual(["REPLACE cas"])
      expect(await tagOf(adapter, "k")).toBe("Cooling")
      await run(adapter.put("k", { value: value(9), ...life }))
      // Beside a value it has to be read: it travels on.
      expect(await sent(leading)).toEqual(["GET", "REPLACE cas"])
      const renewal = Effect.suspend(() => adapter.renew("k", { token, leaseFor: 10_000 }))
      expect(await sent(renewal)).toEqual(["GET", "REPLACE cas"])
      expect((await run(adapter.read("k"))).value?.bytes).toEqual(value(9).bytes)
      expect(proxy.stats.connections).toBe(1)
    })

    it("of a renewal that was overtaken are those of any other, and keep newer changes", async () => {
      proxy = await proxyOf(server)
      const adapter = open(proxy.url(), { prefix: "renewed" })
      const other = open(server.url, { prefix: "renewed" })
      const { token } = await lead(adapter, "k")
      expect(await run(other.renew("k", { token, leaseFor: 10_000 }))).toBe(true)
      expect(await sent(adapter.renew("k", { token, leaseFor: 20_000 }))).toEqual(["REPLACE cas", "GET", "REPLACE cas"])
      expect((await run(other.read("k"))).lease?.endsIn).toBeGreaterThan(15_000)
      await put(other, "k")
      expect(await run(adapter.renew("k", { token, leaseFor: 20_000 }))).toBe(false)
      expect(await run(adapter.abandon("k", { token, cooldown: minute }))).toBe(false)
      expect((await hitOf(adapter, "k")).value.bytes).toEqual(value(1).bytes)
    })

    it("of a fill that was overtaken are those of any other fill", async () => {
      proxy = await proxyOf(server)
      const adapter = open(proxy.url(), { prefix: "overtaken" })
      const other = open(server.url, { prefix: "overtaken" })
      const { token } = await lead(adapter, "k")
      expect(await run(other.renew("k", { token, leaseFor: 10_000 }))).toBe(true)
      const fill = adapter.fill("k", { token, value: value(1), lifetime: lifetime(minute) })
      proxy.resetCommands()
      expect(await run(fill)).toBe(true)
      expect(proxy.commands().map(({ name }) => name)).toEqual(["REPLACE", "GET", "REPLACE"])
      const { token: late } = await lead(adapter, "k", "me", { force: true })
      await run(other.delete("k"))
      expect(await run(adapter.fill("k", { token: late, value: value(2), lifetime: lifetime(minute) }))).toBe(false)
      expect((await run(adapter.read("k"))).value).toBeUndefined()
    })

    it("of fifty that ask for one key at once are two looks each at most: nobody is overtaken twice", async () => {
      proxy = await proxyOf(server)
      const adapter = open(proxy.url(), { prefix: "fifty" })
      for (let round = 0; round < 20; round++) {
        proxy.resetCommands()
        await Promise.all(Array.from({ length: 50 }, (_, i) => run(adapter.acquire(`k${round}`, ask(`owner ${i}`)))))
        const names = proxy.commands().map(({ name }) => name)
        expect(names.filter((name) => name === "GET").length).toBeLessThanOrEqual(99)
        expect(names.filter((name) => name === "ADD").length).toBeLessThanOrEqual(50)
        expect(names.filter((name) => !["GET", "ADD"].includes(name))).toEqual([])
      }
    })

    it("go out together, over one connection", async () => {
      proxy = await proxyOf(server)
      const adapter = open(proxy.url(), { prefix: "together" })
      await run(adapter.read("k"))
      proxy.delay(50)
      const began = performance.now()
      await Promise.all(Array.from({ length: 100 }, (_, i) => run(adapter.read(`k${i}`))))
      // One after the other they would take five seconds.
      expect(performance.now() - began).toBeLessThan(2_000)
      expect(proxy.stats.connections).toBe(1)
    })
  })

  describe("options", () => {
    const client = () => clientOf(server.url)

    it.each([
      ["client", () => ({ client: { servers: [] } })],
      ["client", () => ({ client: { servers: ["localhost"], getServer: () => 0 } })],
      ["client", () => ({ client: "memcached://user:secret@localhost" })],
      ["client", () => ({})],
      ["prefix", () => ({ client: client(), prefix: "{" })],
      ["commandTimeout", () => ({ client: client(), commandTimeout: "soon" })],
      ["commandTimeout", () => ({ client: client(), commandTimeout: Number.POSITIVE_INFINITY })],
      ["itemSize", () => ({ client: client(), itemSize: 1_000 })],
      ["leases", () => ({ client: client(), leases: {} })],
      ["ttl", () => ({ client: client(), ttl: 5 })]
    ])("are refused by name: %s", (option, options) => {
      expect(refusalOf(() => MemcachedAdapter.make(options() as never)).option).toBe(option)
    })

    it("with the same client and prefix make one adapter of several", () => {
      const one = client()
      const identity = (options: MemcachedAdapter.Options) => MemcachedAdapter.make(options).identity
      expect(identity({ client: one })).toBe(identity({ client: one, commandTimeout: "1 second" }))
      expect(identity({ client: one })).not.toBe(identity({ client: one, prefix: "other" }))
      expect(identity({ client: one })).not.toBe(identity({ client: client() }))
      const leases = MemoryAdapter.make()
      expect(identity({ client: one, leases })).toBe(identity({ client: one, leases }))
      expect(identity({ client: one, leases })).not.toBe(identity({ client: one }))
    })

    it("do not touch the client", async () => {
      const given = client()
      const before = JSON.stringify(given.servers)
      const adapter = MemcachedAdapter.make({ client: given })
      await put(adapter, "k")
      expect(JSON.stringify(given.servers)).toBe(before)
      expect((given as unknown as { seq: number }).seq).toBe(0)
      await run(adapter.close!)
    })
  })

  describe("several servers", () => {
    it("share the keys, and agree on the server of each in any order", async () => {
      const other = await second()
      const here = MemcachedAdapter.make({ client: clientOf(server.url, other.url), prefix: "several" })
      const there = MemcachedAdapter.make({ client: clientOf(other.url, server.url), prefix: "several" })
      onTestFinished(() => run(Effect.andThen(here.close!, there.close!)))
      const keys = Array.from({ length: 100 }, (_, i) => `k${i}`)
      for (const key of keys) await put(here, key, text(key))
      for (const key of keys) expect((await hitOf(there, key, "me")).value.bytes).toEqual(text(key).bytes)
      const counts = await Promise.all(
        [server, other].map(async ({ url }) => (await TextClient.namesOf(url, "several{")).length)
      )
      expect(counts[0]! + counts[1]!).toBe(100)
      expect(Math.min(...counts)).toBeGreaterThan(25)
    })

    it("are chosen by the client's own hashing where it has one", async () => {
      const other = await second()
      const own = clientOf(server.url, other.url)
      const asked: Array<string> = []
      own.getServer = (name: string) => {
        asked.push(name)
        return "1"
      }
      class Hashing extends Client {
        override getServer(): string {
          return "1"
        }
      }
      for (const client of [own, new Hashing(clientOf(server.url, other.url).servers)]) {
        const adapter = MemcachedAdapter.make({ client, prefix: "hashing" })
        for (const key of ["a", "b", "c"]) await put(adapter, key)
        await run(adapter.close!)
        expect(await TextClient.namesOf(server.url, "hashing")).toEqual([])
        expect(await TextClient.namesOf(other.url, "hashing")).toHaveLength(3)
        await TextClient.flushAll(other.url)
      }
      expect(asked).toEqual(["hashing{a}", "hashing{b}", "hashing{c}"])
    })

    it("that the client's own hashing does not know are a typed error", async () => {
      const client = clientOf(server.url, server.url)
      client.getServer = () => "5"
      const adapter = MemcachedAdapter.make({ client })
      const error = await failureOf(adapter.read("k"))
      expect(error).toBeInstanceOf(AdapterError)
      expect(error).toMatchObject({ reason: "Rejected", operation: "read" })
    })
  })

  describe("with leases elsewhere", () => {
    const memory = () => {
      const leases = MemoryAdapter.make()
      return { leases, adapter: MemcachedAdapter.make({ client: clientOf(server.url), prefix: "beside", leases }) }
    }

    it("values are here, leases there", async () => {
      const { adapter, leases } = memory()
      const bytes = new Uint8Array(adapter.limits.valueBytes).fill(3)
      await load(adapter, "k", { bytes })
      expectSame((await hitOf(adapter, "k")).value.bytes, bytes)
      expect((await run(leases.read("k"))).value?.bytes.byteLength).toBeLessThan(200)
      const [name] = await TextClient.namesOf(server.url, "beside")
      expect(await TextClient.expiresIn(server.url, name!)).toBeGreaterThanOrEqual(60)
      expect(await run(adapter.delete("k"))).toBe(true)
      expect(await TextClient.namesOf(server.url, "beside")).toEqual([])
      await run(adapter.close!)
    })

    it("a value that Memcached evicted is loaded again, by one, and a lease is not lost with it", async () => {
      const { adapter } = memory()
      await load(adapter, "evicted")
      const { token } = await lead(adapter, "leased")
      await TextClient.flushAll(server.url)
      expect(await tagOf(adapter, "evicted", "a")).toBe("Leader")
      expect(await tagOf(adapter, "evicted", "b")).toBe("Follower")
      expect(await tagOf(adapter, "leased", "b")).toBe("Follower")
      expect(await run(adapter.fill("leased", { token, value: value(1), lifetime: lifetime(minute) }))).toBe(true)
      await run(adapter.close!)
    })
  })
})
