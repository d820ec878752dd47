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
  recorded,
  refusalOf,
  run,
  sleep,
  tagOf,
  text,
  until,
  value,
  watching
} from "@cache-locking/conformance-kit/testing"
import type { Token } from "@cache-locking/core"
import { Redis as RedisServer } from "@cache-locking/test-servers"
import { proxyTo, serverOfFile } from "@cache-locking/test-servers/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { createClientPool, createSentinel } from "redis"
import { beforeEach, describe, expect, it, vi } from "vitest"
import { RedisAdapter } from "../src/index.ts"
import { ioredis } from "./fixtures/Support.ts"

const server = await serverOfFile(RedisServer.start({ own: true }))

const open = (prefix?: string) => {
  const client = ioredis(server.url)
  return { client, adapter: RedisAdapter.make({ client, prefix }) }
}

describe("keys and values", () => {
  it("keeps every byte, by fill and by put, through the script and through GET", async () => {
    const { adapter } = open("bytes")
    const all = Uint8Array.from({ length: 512 }, (_, i) => i)
    await load(adapter, "all", { bytes: all })
    for (let i = 0; i < 3; i++) expect((await hitOf(adapter, "all")).value.bytes).toEqual(all)
    await put(adapter, "empty", value())
    for (let i = 0; i < 3; i++) {
      expect((await hitOf(adapter, "empty")).value.bytes).toEqual(new Uint8Array())
    }
    expect((await run(adapter.read("empty"))).value?.bytes).toEqual(new Uint8Array())
  })

  it("keeps only the bytes of a view of a larger buffer", async () => {
    const { adapter } = open("views")
    const view = new Uint8Array(new ArrayBuffer(64), 8, 3)
    view.set([1, 2, 3])
    await load(adapter, "view", { bytes: view })
    expect((await hitOf(adapter, "view")).value.bytes).toEqual(Uint8Array.of(1, 2, 3))
  })

  const keys = [
    ...[
      "",
      "{",
      "}",
      "{}",
      "a}b",
      "{a}b",
      "a{b}c{d}",
      "}{",
      "%7D",
      "%",
      "\"'`",
      "*?[a-z]\\",
      "lease:x",
      "x:lease",
      "x"
    ],
    ...["\u0000", "a\r\nb", "é", "😀", "日本", " ", "x".repeat(10_240)]
  ]

  it("takes any text as a key, and keeps keys apart", async () => {
    const { adapter, client } = open("keys")
    for (const key of keys) await put(adapter, key, text(key))
    for (const key of keys) {
      expect((await hitOf(adapter, key)).value.bytes).toEqual(text(key).bytes)
    }
    expect((await client.keys("keys{*")).length).toBe(keys.length)
    expect(await listed(adapter)).toEqual([...keys].sort())
    expect(await listed(adapter, "*")).toEqual(["*?[a-z]\\"])
    expect(await listed(adapter, "{a")).toEqual(["{a}b"])
    expect(await run(adapter.deleteMany!([...keys, "none"]))).toBe(keys.length)
    expect(await client.keys("keys{*")).toEqual([])
  })

  it("lists the keys that have a value or a lease, page by page, and no others", async () => {
    const { adapter } = open("pages")
    const many = Array.from({ length: 2_500 }, (_, i) => `k${i}`)
    await Promise.all(many.map((key) => put(adapter, key)))
    await lead(adapter, "k-led")
    const cooling = await lead(adapter, "k-cooling")
    await run(adapter.abandon("k-cooling", { token: cooling.token, cooldown: minute }))
    const abandoned = await lead(adapter, "k-abandoned")
    await run(adapter.abandon("k-abandoned", { token: abandoned.token }))
    expect([...new Set(await listed(adapter, "k"))]).toEqual([...many, "k-led"].sort())
    expect(await run(adapter.deleteMany!(many))).toBe(2_500)
  })

  describe("a listing of many pages meets every key that always has a value or a lease", () => {
    const ballast = Array.from({ length: 5_000 }, (_, i) => `ballast${i}`)
    const keys = Array.from({ length: 100 }, (_, i) => `key${i}`)
    const forAll = (f: (key: string) => Promise<unknown>) => Promise.all(keys.map(f))

    /** Lists all, and does something when the first page has come in which there is such a key. */
    const listing = async (
      prefix: string,
      first: (key: string) => boolean,
      then: () => Promise<unknown>,
      before: () => Promise<unknown> = async () => {}
    ) => {
      const { adapter } = open(prefix)
      const put = (key: string) => adapter.put(key, { value: value(1), lifetime: lifetime(minute) })
      await run(Effect.forEach(ballast, put, { concurrency: 500, discard: true }))
      await before()
      const listed = new Set<string>()
      let met = false
      await run(
        Stream.runForEachArray(adapter.keys!(""), (page) =>
          Effect.promise(async () => {
            for (const key of page) listed.add(key)
            if (met || !page.some(first)) return
            met = true
            await then()
          })
        )
      )
      expect(met).toBe(true)
      expect(keys.filter((key) => !listed.has(key))).toEqual([])
    }

    it("that is filled meanwhile", async () => {
      const { adapter } = open("filled")
      const tokens = new Map<string, Token>()
      await forAll(async (key) => tokens.set(key, (await lead(adapter, key)).token))
      await listing(
        "filled",
        () => true,
        () =>
          forAll((key) =>
            run(adapter.fill(key, { token: tokens.get(key)!, value: value(1), lifetime: lifetime(minute) }))
          )
      )
    })

    it("whose value ends meanwhile, beside a lease", async () => {
      const { adapter } = open("ended")
      await listing(
        "ended",
        (key) => key.startsWith("ballast"),
        async () => {
          await forAll((key) => lead(adapter, key))
          await sleep(1_550)
        },
        // Last of all: each value has to last until its key is leased.
        () => forAll((key) => put(adapter, key, value(1), lifetime(0, 1_500)))
      )
    })
  })

  it("refuses values that are too large and keys that are not text, and changes nothing", async () => {
    const { adapter, client } = open("limits")
    const key = "é".repeat(32_769)
    for (const effect of [
      adapter.acquire(key, ask("me")),
      adapter.put(key, { value: value(1), lifetime: lifetime(minute) }),
      adapter.delete(key),
      adapter.acquire("\ud800", ask("me")),
      Effect.scoped(adapter.watch!(key))
    ]) {
      expect(await failureOf(effect as Effect.Effect<unknown, any>)).toMatchObject({
        reason: "Rejected",
        adapter: "redis"
      })
    }
    await put(adapter, "there")
    expect(await failureOf(adapter.deleteMany!(["there", key]))).toMatchObject({ reason: "Rejected" })
    expect(await run(adapter.delete("there"))).toBe(true)
    const huge = { bytes: new Uint8Array(adapter.limits.valueBytes + 1) }
    expect(await failureOf(adapter.put("k", { value: huge, lifetime: lifetime(minute) }))).toMatchObject({
      operation: "put",
      reason: "Rejected"
    })
    expect(await client.keys("limits{*")).toEqual([])
    await run(adapter.put("é".repeat(32_768), { value: value(1), lifetime: lifetime(minute) }))
  })

  it("treats another program's record under its name as absent, and replaces it", async () => {
    const { adapter, client } = open("foreign")
    await client.set("foreign{k}", "something else, and longer than a header")
    expect((await run(adapter.read("k"))).value).toBeUndefined()
    expect(await run(adapter.delete("k"))).toBe(false)
    await client.set("foreign{k}", "x")
    await load(adapter, "k")
    expect((await hitOf(adapter, "k")).value.bytes).toEqual(Uint8Array.of(1))
  })

  it("says that a permission is missing, without showing values", async () => {
    const { client } = open("wrong")
    await client.acl("SETUSER", "reader", "on", ">pw", "~*", "+@all", "-set")
    const reader = ioredis(server.url.replace("redis://", "redis://reader:pw@"))
    const refusing = RedisAdapter.make({ client: reader, prefix: "wrong" })
    const failure = await failureOf(refusing.put("p", { value: text("do not show me"), lifetime: lifetime(1) }))
    expect(failure).toMatchObject({ operation: "put", reason: "Rejected" })
    const shown = JSON.stringify([failure, failure.cause, Object.entries(failure.cause as object)])
    expect(failure.cause).not.toHaveProperty("command")
    expect(shown).not.toContain("do not show me")
  })
})

describe("prefixes", () => {
  it("keep two caches on one client apart", async () => {
    const client = ioredis(server.url)
    const [a, ab] = [RedisAdapter.make({ client, prefix: "a" }), RedisAdapter.make({ client, prefix: "ab" })]
    await load(a, "bk")
    expect(await tagOf(ab, "k", "me")).toBe("Leader")
    expect(await listed(ab)).toEqual(["k"])
    expect(await listed(a)).toEqual(["bk"])
  })

  it("go with the client's own, in every verb", async () => {
    const client = ioredis(server.url, { keyPrefix: "mine:" })
    const adapter = RedisAdapter.make({ client, prefix: "p" })
    const there = open("p").adapter
    const { token } = await lead(adapter, "k")
    const { leave, woken } = await watching(adapter, "k")
    await run(adapter.fill("k", { token, value: value(1), lifetime: lifetime(minute) }))
    await woken
    await leave()
    for (let i = 0; i < 2; i++) expect(await tagOf(adapter, "k")).toBe("Hit")
    expect((await run(adapter.acquireMany!(["k"], ask("you"))))[0]?._tag).toBe("Hit")
    expect(await listed(adapter)).toEqual(["k"])
    expect(await ioredis(server.url).keys("mine:*")).toEqual(["mine:p{k}"])
    expect((await run(there.read("k"))).value).toBeUndefined()
  })

  it("make the identity, with the client", () => {
    const [client, other] = [ioredis(server.url), ioredis(server.url)]
    const identity = (client: RedisAdapter.Client, prefix?: string) => RedisAdapter.make({ client, prefix }).identity
    expect(identity(client, "a")).toBe(identity(client, "a"))
    expect(identity(client)).toBe(identity(client, "cache"))
    expect(identity(client, "a")).not.toBe(identity(client, "b"))
    expect(identity(client, "a")).not.toBe(identity(other, "a"))
  })
})

describe("records left behind", () => {
  it("is nothing: every record expires, unless it was to live for ever", async () => {
    const { adapter, client } = open("expiry")
    const ttl = async () =>
      Object.fromEntries(
        await Promise.all((await client.keys("expiry{*")).map(async (name) => [name, await client.pttl(name)] as const))
      )
    const near = (ms: number) => expect.toSatisfy((left: number) => left > ms - 1_000 && left <= ms, `about ${ms}`)
    const { token } = await lead(adapter, "k")
    expect(await ttl()).toEqual({ "expiry{k}:lease": near(10_000) })
    await run(adapter.renew("k", { token, leaseFor: 30_000 }))
    expect(await ttl()).toEqual({ "expiry{k}:lease": near(30_000) })
    await run(adapter.fill("k", { token, value: value(1), lifetime: lifetime(5_000, 15_000) }))
    expect(await ttl()).toEqual({ "expiry{k}": near(20_000) })
    // A value stays as long as a lease beside it, for listings; it is not returned after its lifetime.
    const again = await lead(adapter, "k", "me", { refreshWithin: minute, leaseFor: 30_000 })
    expect(await ttl()).toEqual({ "expiry{k}": near(30_000), "expiry{k}:lease": near(30_000) })
    expect((await run(adapter.read("k"))).keptFor).toBeLessThanOrEqual(20_000)
    expect(await run(adapter.renew("k", { token: again.token, leaseFor: 40_000 }))).toBe(true)
    expect(await ttl()).toEqual({ "expiry{k}": near(40_000), "expiry{k}:lease": near(40_000) })
    expect(await run(adapter.touch("k", { freshFor: 4_000 }))).toBe(true)
    expect(await ttl()).toEqual({ "expiry{k}": near(40_000), "expiry{k}:lease": near(40_000) })
    expect(await run(adapter.touch("k", { freshFor: 5_000 }))).toBe(true)
    await run(adapter.abandon("k", { token: again.token, cooldown: 3_000, cause: value(1) }))
    expect(await ttl()).toEqual({ "expiry{k}": near(20_000), "expiry{k}:lease": near(3_000) })
    await put(adapter, "k", value(1), lifetime(minute, Number.POSITIVE_INFINITY))
    expect(await ttl()).toEqual({ "expiry{k}": -1 })
    await put(adapter, "k", value(1), lifetime(0))
    expect(await ttl()).toEqual({})
  })
})

describe("scripts", () => {
  it("are loaded again by the call that finds them gone", async () => {
    const { adapter, client } = open("noscript")
    const verbs = async (key: string) => {
      const { token } = await lead(adapter, key)
      expect(await run(adapter.renew(key, { token, leaseFor: 1_000 }))).toBe(true)
      expect(await run(adapter.abandon(key, { token }))).toBe(true)
      await load(adapter, key)
      await put(adapter, key, value(2))
      expect((await run(adapter.read(key))).value?.bytes).toEqual(Uint8Array.of(2))
      expect(await run(adapter.delete(key))).toBe(true)
    }
    await verbs("a")
    await client.script("FLUSH")
    await verbs("a")
    await Promise.all(["b", "c", "d"].map(verbs))
  })

  it("are sent by digest, and once in full", async () => {
    const proxy = await proxyTo(server)
    const adapter = RedisAdapter.make({ client: ioredis(proxy.url()), prefix: "digest" })
    for (const key of ["a", "b", "c"]) await lead(adapter, key)
    const sent = proxy.commands().map(({ name }) => name)
    expect(sent.filter((name) => name.startsWith("EVAL"))).toEqual(["EVAL", "EVALSHA", "EVALSHA"])
  })
})

it("works beneath enableAutoPipelining", async () => {
  const client = ioredis(server.url, { enableAutoPipelining: true })
  const adapter = RedisAdapter.make({ client, prefix: "pipelined" })
  const keys = Array.from({ length: 20 }, (_, i) => `k${i}`)
  await Promise.all(keys.map((key) => load(adapter, key, text(key))))
  for (let i = 0; i < 2; i++) {
    const hits = await Promise.all(keys.map((key) => run(adapter.acquire(key, ask("you")))))
    expect(hits.map((found) => hit(found).value)).toEqual(keys.map(text))
    const together = await run(adapter.acquireMany!(keys, ask("you")))
    expect(together.map((found) => hit(found).value)).toEqual(keys.map(text))
  }
  expect((await listed(adapter)).length).toBe(20)
  expect(await run(adapter.deleteMany!(keys))).toBe(20)
})

describe("commands", () => {
  const counting = async () => {
    const proxy = await proxyTo(server)
    const client = ioredis(proxy.url())
    const adapter = RedisAdapter.make({ client, prefix: "count" })
    // Connected, and every script known.
    await run(adapter.delete("warm"))
    await run(adapter.delete("cold"))
    await load(adapter, "warm")
    proxy.resetCommands()
    return { adapter, sent: recorded(proxy).take, sentBy: recorded(proxy).of }
  }

  it("are one for a hit, and a plain one once the key was seen", async () => {
    const { adapter, sent } = await counting()
    for (let i = 0; i < 4; i++) await hitOf(adapter, "warm")
    expect(sent()).toEqual(["EVALSHA", "GET", "GET", "GET"])
  })

  it("are two for a leader's miss", async () => {
    const { adapter, sent } = await counting()
    await load(adapter, "cold")
    expect(sent()).toEqual(["EVALSHA", "EVALSHA"])
  })

  it("are one for every other verb", async () => {
    const { adapter, sentBy } = await counting()
    const { token } = await lead(adapter, "k")
    const verbs = {
      renew: adapter.renew("k", { token, leaseFor: 1_000 }),
      read: adapter.read("k"),
      touch: adapter.touch("k", { freshFor: 1_000 }),
      abandon: adapter.abandon("k", { token }),
      put: adapter.put("k", { value: value(1), lifetime: lifetime(minute) }),
      delete: adapter.delete("k")
    }
    for (const verb of Object.values(verbs)) await run<unknown, unknown>(verb)
    for (const [name, verb] of Object.entries(verbs)) expect([name, (await sentBy(verb)).length]).toEqual([name, 1])
  })

  it("are one for many keys at once, whatever the answers, and each key is then remembered", async () => {
    const { adapter, sent } = await counting()
    const keys = ["warm", ...Array.from({ length: 99 }, (_, i) => `many${i}`)]
    await lead(adapter, "many0", "another")
    await run(adapter.acquireMany!(keys, ask("me")))
    const { token } = await lead(adapter, "many1", "me")
    await run(adapter.fill("many1", { token, value: value(2), lifetime: lifetime(minute) }))
    sent()
    const found = await run(adapter.acquireMany!(keys, ask("me")))
    // One value was seen before, and is read beside.
    expect(sent().toSorted()).toEqual(["EVALSHA", "MGET"])
    const tags = ["Hit", "Follower", "Hit", ...Array<string>(97).fill("Leader")]
    expect(found.map(({ _tag }) => _tag)).toEqual(tags)
    expect(new Set(found.flatMap((each) => (each._tag === "Leader" ? [each.token] : []))).size).toBe(97)
    await hitOf(adapter, "many1")
    expect(sent()).toEqual(["GET"])
    expect(await run(adapter.acquireMany!([], ask("me")))).toEqual([])
    expect(sent()).toEqual([])
    await run(
      adapter.acquireMany!(
        Array.from({ length: 300 }, (_, i) => `more${i}`),
        ask("me")
      )
    )
    expect(sent()).toEqual(["EVALSHA", "EVALSHA", "EVALSHA"])
  })

  it("are one plain read for many keys that were just seen, and one script for those that are there no more", async () => {
    const { adapter, sent } = await counting()
    const keys = Array.from({ length: 200 }, (_, i) => `seen${i}`)
    for (const [i, key] of keys.entries()) await put(adapter, key, value(i % 250))
    await run(adapter.acquireMany!(keys, ask("me")))
    sent()
    const found = await run(adapter.acquireMany!(keys, ask("me")))
    expect(sent()).toEqual(["MGET"])
    expect(found.map((each) => hit(each).value.bytes[0])).toEqual(keys.map((_, i) => i % 250))
    await run(open("count").adapter.delete("seen7"))
    await put(open("count").adapter, "seen9", value(99))
    sent()
    const then = await run(adapter.acquireMany!(keys, ask("me")))
    expect(sent()).toEqual(["MGET", "EVALSHA"])
    expect(then.flatMap(({ _tag }, i) => (_tag === "Leader" ? [i] : []))).toEqual([7])
    expect(hit(then[9]!).value.bytes[0]).toBe(99)
    sent()
    await run(adapter.acquireMany!(keys.slice(10, 20), { ...ask("me"), force: true }))
    expect(sent()).toEqual(["EVALSHA"])
  })

  it("are one more when somebody else removed a key that was just seen", async () => {
    const { adapter, sent } = await counting()
    for (let i = 0; i < 2; i++) await hitOf(adapter, "warm")
    await run(open("count").adapter.delete("warm"))
    sent()
    await lead(adapter, "warm")
    expect(sent()).toEqual(["GET", "EVALSHA"])
  })
})

describe("a value that is unchanged", () => {
  it("begins its lifetime anew without travelling", async () => {
    const proxy = await proxyTo(server)
    const adapter = RedisAdapter.make({ client: ioredis(proxy.url()), prefix: "unchanged" })
    const large = new Uint8Array(100_000).fill(7)
    const first = await lead(adapter, "k")
    await sleep(30)
    await run(adapter.fill("k", { token: first.token, value: { bytes: large }, lifetime: lifetime(50, minute) }))
    const found = await hitOf(adapter, "k")
    expect(found.took).toBeGreaterThanOrEqual(29)
    expect(found.took).toBeLessThan(1_000)
    await sleep(60)
    const { stale, token } = await lead(adapter, "k")
    expect(stale?.took).toBe(found.took)
    const before = proxy.stats.bytesUp
    expect(await run(adapter.fill("k", { token, lifetime: lifetime(minute) }))).toBe(true)
    expect(await run(adapter.touch("k", { freshFor: minute }))).toBe(true)
    expect(proxy.stats.bytesUp - before).toBeLessThan(5_000)
    const again = await hitOf(adapter, "k")
    expect(again.value.bytes).toEqual(large)
    expect(again.age).toBeLessThan(1_000)
    expect(again.took).not.toBe(found.took)
  })

  it("is not there any more when it was deleted, and the lease goes on without a value", async () => {
    const { adapter } = open("gone")
    const { token } = await lead(adapter, "k")
    expect(await run(adapter.fill("k", { token, lifetime: lifetime(minute) }))).toBe(false)
    expect(await run(adapter.fill("k", { token, value: value(1), lifetime: lifetime(minute) }))).toBe(true)
  })
})

describe("a hit by GET", () => {
  it("reports the freshness and the age by the store's clock", async () => {
    const { adapter } = open("truth")
    let slowest = 0
    const timed = async <A>(answer: Promise<A>) => {
      const asked = performance.now()
      await answer
      slowest = Math.max(slowest, performance.now() - asked)
      return answer
    }
    await timed(load(adapter, "k", { bytes: Uint8Array.of(1) }, lifetime(3_000)))
    await sleep(300)
    const first = await timed(hitOf(adapter, "k"))
    for (let i = 0; i < 20; i++) {
      await sleep(10)
      const both = [run(adapter.acquire("k", ask("you"))).then(hit), run(adapter.read("k"))] as const
      const [{ age, freshFor }, truth] = await timed(Promise.all(both))
      expect(age).toBeGreaterThanOrEqual(truth.age)
      expect(freshFor).toBeLessThanOrEqual(truth.freshFor)
      // The two differ by the round trips, this one and the one that gave the store's clock, and by the rounding.
      expect(age - truth.age).toBeLessThan(2 * slowest + 20)
      expect(age + freshFor).toBeCloseTo(first.age + first.freshFor, 3)
    }
  })

  it("goes by a touch, by whomever", async () => {
    const { adapter } = open("touched")
    const other = open("touched").adapter
    await put(adapter, "k", value(1), lifetime(1_000, minute))
    for (let i = 0; i < 2; i++) await hitOf(adapter, "k")
    expect(await run(other.touch("k", { freshFor: 300 }))).toBe(true)
    expect((await hitOf(adapter, "k")).freshFor).toBeLessThanOrEqual(300)
    expect(await run(other.touch("k", { freshFor: minute }))).toBe(true)
    expect((await hitOf(adapter, "k")).freshFor).toBeGreaterThan(minute - 1_000)
    expect(await run(other.touch("k", { freshFor: 100 }))).toBe(true)
    await sleep(110)
    const found = await lead(adapter, "k")
    expect(found.stale?.staleFor).toBeGreaterThanOrEqual(0)
    expect((await run(adapter.read("k"))).keptFor).toBeGreaterThan(minute - 1_000)
    expect(await run(other.touch("k", { freshFor: minute }))).toBe(false)
  })

  it("is none when the value is stale, refreshed early, replaced or deleted", async () => {
    const { adapter } = open("honest")
    const { token } = await lead(adapter, "k")
    await run(adapter.fill("k", { token, value: value(1), lifetime: lifetime(400, minute) }))
    for (let i = 0; i < 2; i++) await hitOf(adapter, "k")
    expect((await run(adapter.acquire("k", ask("early", { refreshWithin: minute }))))._tag).toBe("Leader")
    const other = open("honest").adapter
    await put(other, "k", value(2), lifetime(400, minute))
    expect((await hitOf(adapter, "k")).value.bytes).toEqual(Uint8Array.of(2))
    expect((await run(adapter.acquire("k", ask("forced", { force: true }))))._tag).toBe("Leader")
    await sleep(420)
    expect(await run(adapter.acquire("k", ask("you")))).toMatchObject({ _tag: "Follower", stale: { value: value(2) } })
    await put(other, "k", value(3))
    for (let i = 0; i < 2; i++) await hitOf(adapter, "k")
    await run(other.delete("k"))
    expect(await tagOf(adapter, "k")).toBe("Leader")
  })

  it("does not depend on the client's clock", async () => {
    const [fast, slow] = [open("skew").adapter, open("skew").adapter]
    const now = Date.now
    const spy = vi.spyOn(Date, "now")
    const at = async <A>(skew: number, f: () => Promise<A>): Promise<A> => {
      spy.mockImplementation(() => now() + skew)
      return f()
    }
    try {
      await at(10 * minute, () => load(fast, "k", { bytes: Uint8Array.of(1) }, lifetime(1_000)))
      for (let i = 0; i < 3; i++) {
        const [ahead, behind] = [
          hit(await at(10 * minute, () => run(fast.acquire("k", ask("a"))))),
          hit(await at(-10 * minute, () => run(slow.acquire("k", ask("b")))))
        ]
        expect(Math.abs(ahead.freshFor - behind.freshFor)).toBeLessThan(100)
        expect(ahead.age).toBeLessThan(500)
      }
      await sleep(1_000)
      const { token } = await at(10 * minute, () => lead(fast, "k", "a"))
      expect((await at(-10 * minute, () => run(slow.acquire("k", ask("b")))))._tag).toBe("Follower")
      expect(await run(fast.renew("k", { token, leaseFor: 50 }))).toBe(true)
      await sleep(60)
      expect((await at(-10 * minute, () => run(slow.acquire("k", ask("b")))))._tag).toBe("Leader")
    } finally {
      spy.mockRestore()
    }
  })
})

describe("options", () => {
  it("are checked at once, by name", () => {
    const client = ioredis(server.url)
    for (const [options, option] of [
      [{}, "client"],
      [{ client: "redis://user:secret@localhost" }, "client"],
      [{ client: { url: "redis://user:secret@localhost" } }, "client"],
      [{ client: createClientPool({ url: server.url }) }, "client"],
      [{ client: createSentinel({ name: "m", sentinelRootNodes: [{ host: "localhost", port: 1 }] }) }, "client"],
      [{ client, prefix: "a{b}" }, "prefix"],
      [{ client, prefix: 1 }, "prefix"],
      [{ client, watch: "no" }, "watch"],
      [{ client, commandTimeout: 0 }, "commandTimeout"],
      [{ client, commandTimeout: Number.POSITIVE_INFINITY }, "commandTimeout"],
      [{ client, commandTimout: 1 }, "commandTimout"],
      [{ client: ioredis(server.url, { keyPrefix: "{}" }) }, "client"]
    ] as const) {
      expect(refusalOf(() => RedisAdapter.make(options as never)).option).toBe(option)
    }
  })

  it("may leave out watching", () => {
    const adapter = RedisAdapter.make({ client: ioredis(server.url), watch: false })
    expect([adapter.watch, adapter.changes]).toEqual([undefined, undefined])
  })

  it("and then publishes nothing", async () => {
    const listener = ioredis(server.url)
    const heard: Array<string> = []
    listener.on("pmessage", (_, channel) => heard.push(channel))
    await listener.psubscribe("told*", "untold*")
    const client = ioredis(server.url)
    for (const [prefix, watch] of [
      ["untold", false],
      ["told", true]
    ] as const) {
      const adapter = RedisAdapter.make({ client, prefix, watch })
      await load(adapter, "filled")
      await put(adapter, "put")
      const { token } = await lead(adapter, "given back")
      await run(adapter.abandon("given back", { token }))
      await run(adapter.delete("put"))
    }
    // Messages arrive in order.
    await until("the last message", () => heard.filter((channel) => channel === "told{put}").length === 2)
    expect(heard.filter((channel) => channel.startsWith("untold"))).toEqual([])
  })
})

beforeEach(() => vi.restoreAllMocks())
