import { type BatchGetItemCommand, GetItemCommand, PutItemCommand } from "@aws-sdk/client-dynamodb"
import { DynamoDBDocumentClient } from "@aws-sdk/lib-dynamodb"
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
  skewedBy,
  sleep,
  tagOf,
  text,
  value
} from "@cache-locking/conformance-kit/testing"
import { type Adapter, AdapterError, MemoryAdapter, Token } from "@cache-locking/core"
import { createCache } from "@cache-locking/core/promise"
import type * as Effect from "effect/Effect"
import { beforeEach, describe, expect, it } from "vitest"
import { DynamoDbAdapter } from "../src/index.ts"
import { clientOf, connect, overTable, proxyOf } from "./fixtures/Support.ts"

const table = "adapter"
const commandTimeout = "10 seconds"
const idle = connect("http://127.0.0.1:1")

describe("options", () => {
  const bad = (options: object) => refusalOf(() => DynamoDbAdapter.make(options as DynamoDbAdapter.Options))

  it("are refused by name, before anything is done", () => {
    expect(bad({ client: idle, prefix: "a#b" })).toMatchObject({ option: "prefix" })
    expect(bad({ client: idle, prefix: "" })).toMatchObject({ option: "prefix" })
    expect(bad({ client: idle, prefix: "é".repeat(257) })).toMatchObject({ option: "prefix" })
    expect(bad({ client: idle, prefix: "\ud800" })).toMatchObject({ option: "prefix" })
    expect(bad({ client: idle, table: "a b" })).toMatchObject({ option: "table" })
    expect(bad({ client: idle, table: "no" })).toMatchObject({ option: "table" })
    expect(bad({ client: idle, commandTimeout: 0 })).toMatchObject({ option: "commandTimeout" })
    expect(bad({ client: idle, commandTimeout: "forever" })).toMatchObject({ option: "commandTimeout" })
    expect(bad({ client: idle, tabel: "x" })).toMatchObject({ option: "tabel" })
    expect(bad({ client: idle, leases: {} })).toMatchObject({ option: "leases" })
  })

  it("require a client, and do not show the given value", () => {
    const config = { credentials: { secretAccessKey: "a secret" } }
    for (const client of [undefined, null, "a secret", config, { send: () => {}, config: { serviceId: "S3" } }]) {
      expect(bad({ client })).toMatchObject({ option: "client" })
    }
  })

  it("accept a table's ARN, and a prefix of any other text", () => {
    const arn = "arn:aws:dynamodb:eu-west-1:123456789012:table/app-cache"
    expect(DynamoDbAdapter.make({ client: idle, table: arn, prefix: "a:b {x} 漢" }).name).toBe("dynamodb")
  })
})

describe("identity and limits", () => {
  it("the same client, table and prefix are one, a document client over it too", () => {
    const one = DynamoDbAdapter.make({ client: idle, table, prefix: "p" })
    const document = DynamoDBDocumentClient.from(idle)
    expect(DynamoDbAdapter.make({ client: idle, table, prefix: "p" }).identity).toBe(one.identity)
    expect(DynamoDbAdapter.make({ client: document, table, prefix: "p" }).identity).toBe(one.identity)
    expect(DynamoDbAdapter.make({ client: idle, table, prefix: "q" }).identity).not.toBe(one.identity)
    expect(DynamoDbAdapter.make({ client: idle, table: "other", prefix: "p" }).identity).not.toBe(one.identity)
    expect(DynamoDbAdapter.make({ client: connect("http://127.0.0.1:1"), table, prefix: "p" }).identity).not.toBe(
      one.identity
    )
  })

  it("with the same leases, too", () => {
    const leases = MemoryAdapter.make()
    const make = () => DynamoDbAdapter.make({ client: idle, table, prefix: "v", leases })
    expect(make().identity).toBe(make().identity)
    expect(make().name).toBe("dynamodb+memory")
  })

  it("the prefix is taken from the length of keys", () => {
    expect(DynamoDbAdapter.make({ client: idle, prefix: "1234" }).limits).toEqual({
      keyBytes: 2_043,
      valueBytes: 401_408,
      tick: 1,
      clock: "client",
      shortestLease: 4_000
    })
  })

  it("a lease that hosts may not agree on is refused, before anything is sent", () => {
    const adapter = DynamoDbAdapter.make({ client: idle, prefix: "short" })
    const refused = refusalOf(() => createCache({ adapter, leaseTtl: "3 seconds" }))
    expect(refused).toMatchObject({ option: "leaseTtl", accepted: expect.stringContaining("4000 ms") })
    createCache({ adapter, leaseTtl: "4 seconds" })
    // The leases in an adapter with a clock of its own may be as short as that allows.
    const leases = MemoryAdapter.make()
    createCache({ adapter: DynamoDbAdapter.make({ client: idle, prefix: "short", leases }), leaseTtl: 10 })
  })
})

await overTable(table, (server) => {
  let adapter: Adapter
  let prefix: string
  const url = () => server.url

  beforeEach(() => {
    prefix = crypto.randomUUID()
    // Patient: it is not time that is tested here.
    adapter = DynamoDbAdapter.make({ client: clientOf(url()), table, prefix, commandTimeout })
  })

  const itemOf = async (key: string) => {
    const client = clientOf(url())
    const got = await client.send(
      new GetItemCommand({ TableName: table, Key: { cacheKey: { S: `${prefix}#${key}` } }, ConsistentRead: true })
    )
    return got.Item
  }

  it("keeps keys apart, whatever their characters", async () => {
    const keys = [
      "'\"`",
      "a\u0000b",
      "\u0000",
      "$x #y :now %41",
      "🙂漢",
      "é",
      "e\u0301",
      "",
      "#",
      "##",
      "a#b",
      "__proto__",
      "{}",
      "\n\r\t",
      " a",
      "a ",
      "k".repeat(2048 - 37)
    ]
    for (const [index, key] of keys.entries()) {
      await put(adapter, key, value(index))
    }
    for (const [index, key] of keys.entries()) {
      expect((await hitOf(adapter, key)).value.bytes).toEqual(value(index).bytes)
    }
    expect(await listed(adapter)).toEqual([...keys].sort())
    expect(await listed(adapter, "#")).toEqual(["#", "##"])
    expect(await run(adapter.deleteMany!(keys))).toBe(keys.length)
  })

  it("refuses keys and values that are too long, before anything is sent", async () => {
    const nowhere = DynamoDbAdapter.make({ client: idle, prefix })
    for (const key of ["k".repeat(2048 - 36), "漢".repeat(671), "🙂\ud800"]) {
      expect(await failureOf(nowhere.acquire(key, ask("me")))).toMatchObject({ reason: "Rejected", key })
      expect(await failureOf(nowhere.acquireMany!(["a", key], ask("me")))).toMatchObject({ reason: "Rejected", key })
      expect(await failureOf(nowhere.deleteMany!(["a", key]))).toMatchObject({
        reason: "Rejected",
        operation: "deleteMany",
        key
      })
    }
    const over = { bytes: new Uint8Array(401_409) }
    expect(await failureOf(nowhere.put("k", { value: over, lifetime: lifetime(1) }))).toMatchObject({
      reason: "Rejected",
      message: expect.stringContaining("401409 bytes")
    })
  })

  it("keeps the largest value beside the longest key, a lease, a cooldown and its cause", async () => {
    const key = "k".repeat(adapter.limits.keyBytes)
    const bytes = new Uint8Array(401_408).fill(200)
    await put(adapter, key, { bytes }, lifetime(minute, minute))
    const { token, stale } = await lead(adapter, key, "o".repeat(500), { force: true })
    expect(stale?.value.bytes).toEqual(bytes)
    expect(await run(adapter.renew(key, { token, leaseFor: minute }))).toBe(true)
    const cause = { bytes: new Uint8Array(4_096).fill(1) }
    expect(await run(adapter.abandon(key, { token, cooldown: minute, cause }))).toBe(true)
    const found = await run(adapter.read(key))
    expect(found.cooling?.cause?.bytes).toEqual(cause.bytes)
    expect(found.value?.bytes).toEqual(bytes)
  })

  it("leaves a large cause out beside a value, and keeps it where there is none", async () => {
    const cause = { bytes: new Uint8Array(4_097).fill(1) }
    await put(adapter, "both")
    const both = await lead(adapter, "both", "me", { force: true })
    expect(await run(adapter.abandon("both", { token: both.token, cooldown: minute, cause }))).toBe(true)
    expect((await run(adapter.read("both"))).cooling).toMatchObject({ cause: undefined })
    const alone = await lead(adapter, "alone")
    const most = { bytes: new Uint8Array(401_408).fill(1) }
    expect(await run(adapter.abandon("alone", { token: alone.token, cooldown: minute, cause: most }))).toBe(true)
    expect((await run(adapter.read("alone"))).cooling?.cause?.bytes).toEqual(most.bytes)
  })

  it.each([0, 1, 401_408])("keeps %i bytes as they are", async (size) => {
    const bytes = new Uint8Array(size).fill(255)
    await load(adapter, "k", { bytes })
    expect((await hitOf(adapter, "k")).value.bytes).toEqual(bytes)
    const [many] = await run(adapter.acquireMany!(["k"], ask("you")))
    expect(hit(many!).value.bytes).toEqual(bytes)
  })

  it("treats an expired value as gone, although the item is there", async () => {
    await put(adapter, "k", value(1), lifetime(1))
    await sleep(5)
    expect(await itemOf("k")).toBeDefined()
    expect((await run(adapter.read("k"))).value).toBeUndefined()
    expect(await listed(adapter)).toEqual([])
    expect(await run(adapter.touch("k", { freshFor: minute }))).toBe(false)
    const [found] = await run(adapter.acquireMany!(["k"], ask("me")))
    expect(found).toMatchObject({ _tag: "Leader", stale: undefined })
    // A value that is gone is not kept beside the lease.
    expect(Object.keys((await itemOf("k"))!).sort()).toEqual([
      "cacheKey",
      "expiresAt",
      "leaseOwner",
      "leaseSince",
      "leaseToken",
      "leaseUntil",
      "rev"
    ])
    expect(await run(adapter.delete("k"))).toBe(false)
    expect(await itemOf("k")).toBeUndefined()
  })

  it("gives DynamoDB the time to collect, to the second after, and none when there is no end", async () => {
    const expires = async (key: string) => Number((await itemOf(key))!["expiresAt"]!.N) * 1000 - Date.now()
    await put(adapter, "k", value(1), lifetime(minute, minute))
    expect(await expires("k")).toBeGreaterThan(2 * minute - 1_000)
    expect(await expires("k")).toBeLessThan(2 * minute + 1_000)
    const { token } = await lead(adapter, "k", "me", { force: true, leaseFor: 5 * minute })
    expect(await expires("k")).toBeGreaterThan(5 * minute - 1_000)
    await run(adapter.touch("k", { freshFor: 10_000 }))
    expect(await expires("k")).toBeGreaterThan(5 * minute - 1_000)
    await run(adapter.renew("k", { token, leaseFor: 1_000 }))
    expect(await expires("k")).toBeGreaterThan(minute + 10_000 - 1_000)
    expect(await expires("k")).toBeLessThan(minute + 10_000 + 2_000)
    await run(adapter.abandon("k", { token }))
    expect(await expires("k")).toBeLessThan(minute + 10_000 + 2_000)
    await run(adapter.touch("k", { freshFor: Number.POSITIVE_INFINITY }))
    expect(await expires("k")).toBeGreaterThan(1e15)
    expect(await hitOf(adapter, "k")).toMatchObject({ freshFor: Number.POSITIVE_INFINITY })
    await run(adapter.touch("k", { freshFor: 1_000 }))
    expect(await expires("k")).toBeLessThan(minute + 3_000)
  })

  it("touches beside a lease that ended, and takes it away", async () => {
    await put(adapter, "k")
    await lead(adapter, "k", "me", { force: true, leaseFor: 1 })
    await sleep(5)
    expect(await run(adapter.touch("k", { freshFor: 2 * minute }))).toBe(true)
    expect(await itemOf("k")).not.toHaveProperty("leaseToken")
    expect((await hitOf(adapter, "k")).freshFor).toBeGreaterThan(minute)
  })

  it("leaves nothing where a load was given up that had nothing", async () => {
    const { token } = await lead(adapter, "k")
    expect(await run(adapter.abandon("k", { token }))).toBe(true)
    expect(await itemOf("k")).toBeUndefined()
  })

  it("treats a foreign item as absent, and replaces it", async () => {
    const client = clientOf(url())
    for (const [key, item] of Object.entries({
      foreign: { data: { S: "x" } },
      old: { rev: { N: "1" }, v: { B: new Uint8Array(1) } },
      broken: { rev: { S: "1" }, v: { S: "text" }, leaseToken: { N: "1" }, coolUntil: { S: "x" } }
    })) {
      await client.send(
        new PutItemCommand({ TableName: table, Item: { cacheKey: { S: `${prefix}#${key}` }, ...item } })
      )
      expect(await run(adapter.read(key))).toMatchObject({ value: undefined, lease: undefined, cooling: undefined })
      const { token } = await lead(adapter, key)
      expect(await run(adapter.fill(key, { token, value: value(1), lifetime: lifetime(minute) }))).toBe(true)
      expect(await tagOf(adapter, key)).toBe("Hit")
    }
  })

  it("knows no token but its own, whatever it looks like", async () => {
    const { token } = await lead(adapter, "k")
    const others = [
      "",
      "x",
      `${token}0`,
      token.slice(0, -1),
      "a.b.c",
      ":token",
      "0.zzzzzzzzzzz",
      "t.\u0000",
      "9".repeat(99)
    ]
    for (const other of others.map(Token)) {
      expect(await run(adapter.renew("k", { token: other, leaseFor: minute }))).toBe(false)
      expect(await run(adapter.abandon("k", { token: other, cooldown: minute }))).toBe(false)
      expect(await run(adapter.abandon("missing", { token: other }))).toBe(false)
      expect(await run(adapter.fill("k", { token: other, value: value(1), lifetime: lifetime(minute) }))).toBe(false)
    }
    expect(await run(adapter.renew("k", { token, leaseFor: minute }))).toBe(true)
  })

  it("keeps prefixes apart, and values of others' leases from the list", async () => {
    const client = clientOf(url())
    const other = DynamoDbAdapter.make({ client, table, prefix: `${prefix}.` })
    const values = DynamoDbAdapter.make({ client, table, prefix, leases: MemoryAdapter.make() })
    await put(other, "k", value(2))
    await put(values, "k", value(3))
    expect((await run(adapter.read("k"))).value).toBeUndefined()
    expect(await listed(adapter)).toEqual([])
    expect(await listed(values)).toEqual(["k"])
    await put(adapter, "k")
    expect((await hitOf(values, "k", "me")).value.bytes).toEqual(value(3).bytes)
    expect(await run(other.delete("k"))).toBe(true)
    expect(await tagOf(adapter, "k", "me")).toBe("Hit")
  })

  it("asks again for items that a batch left unread", async () => {
    const client = clientOf(url())
    let sent = 0
    client.middlewareStack.add(
      (next, context) => async (args) => {
        if (context.commandName !== "BatchGetItemCommand") return next(args)
        sent++
        const { RequestItems } = args.input as BatchGetItemCommand["input"]
        const [name, asked] = Object.entries(RequestItems!)[0]!
        const [first, ...rest] = asked.Keys!
        const result = await next({
          ...args,
          input: { RequestItems: { [name]: { ...asked, Keys: [first!] } } }
        } as never)
        const left = rest.length === 0 ? {} : { [name]: { Keys: rest } }
        return { ...result, output: { ...result.output, UnprocessedKeys: left } } as never
      },
      { step: "initialize" }
    )
    const sparing = DynamoDbAdapter.make({ client, table, prefix })
    const keys = ["a", "b", "c", "d"]
    for (const key of keys) await put(adapter, key, text(key))
    const found = await run(sparing.acquireMany!(keys, ask("me")))
    expect(found.map((one) => new TextDecoder().decode(hit(one).value.bytes))).toEqual(keys)
    expect(sent).toBe(4)
  })

  it("fails where a batch is never read, in time", async () => {
    const client = clientOf(url())
    client.middlewareStack.add(
      (next, context) => async (args) => {
        if (context.commandName !== "BatchGetItemCommand") return next(args)
        const { RequestItems } = args.input as BatchGetItemCommand["input"]
        return { response: {}, output: { $metadata: {}, UnprocessedKeys: RequestItems } } as never
      },
      { step: "initialize" }
    )
    const starved = DynamoDbAdapter.make({ client, table, prefix, commandTimeout: 100 })
    const error = await failureOf(starved.acquireMany!(["a"], ask("me")))
    expect(error).toMatchObject({ reason: "Unavailable", operation: "acquireMany" })
  })

  it("answers true when a fill whose reply was lost is repeated by the SDK", async () => {
    const proxy = await proxyOf(server)
    const shaky = DynamoDbAdapter.make({ client: clientOf(proxy.url()), table, prefix, commandTimeout })
    for (let round = 0; round < 5; round++) {
      const key = `k${round}`
      proxy.dropReplies(1, { after: "UPDATEITEM" })
      const { token } = await lead(shaky, key)
      proxy.dropReplies(1, { after: "UPDATEITEM" })
      expect(await run(shaky.renew(key, { token, leaseFor: minute }))).toBe(true)
      proxy.dropReplies(1, { after: "UPDATEITEM" })
      expect(await run(shaky.fill(key, { token, value: value(round), lifetime: lifetime(minute) }))).toBe(true)
      expect((await hitOf(adapter, key)).value.bytes).toEqual(value(round).bytes)
    }
  })

  it("names the remedy for a missing table, and shows no secret", async () => {
    const client = clientOf(url())
    const lost = DynamoDbAdapter.make({ client, table: "nowhere", prefix })
    for (const verb of [
      lost.acquire("k", ask("me")),
      lost.put("k", { value: text("a secret"), lifetime: lifetime(1) })
    ]) {
      const error = await failureOf(verb)
      expect(error).toBeInstanceOf(AdapterError)
      expect(error).toMatchObject({ reason: "Rejected", message: expect.stringContaining("DynamoDbAdapter.setup") })
      expect(JSON.stringify(error) + String(error.cause)).not.toContain("secret")
    }
  })

  it.each([10 * minute, -10 * minute])(
    "writes by the service's clock even if it is the first thing a host does whose own is %d ms off",
    async (skew) => {
      const fresh = () => DynamoDbAdapter.make({ client: clientOf(url()), table, prefix, commandTimeout })
      const skewed = <A>(effect: Effect.Effect<A, AdapterError>) => run(skewedBy(skew, effect))
      const leftOf = async (key: string) => (await run(adapter.read(key))).freshFor
      await skewed(fresh().put("put", { value: value(1), lifetime: lifetime(minute) }))
      expect(await leftOf("put")).toBeGreaterThan(minute - 5_000)
      expect(await leftOf("put")).toBeLessThan(minute + 5_000)
      expect(await skewed(fresh().touch("put", { freshFor: 2 * minute }))).toBe(true)
      expect(await leftOf("put")).toBeGreaterThan(2 * minute - 5_000)
      expect(await leftOf("put")).toBeLessThan(2 * minute + 5_000)
      // As an owner with a token of another process.
      const { token } = await lead(adapter, "led", "me", { leaseFor: minute })
      expect(await skewed(fresh().renew("led", { token, leaseFor: minute }))).toBe(true)
      expect((await run(adapter.read("led"))).lease?.endsIn).toBeLessThan(minute + 5_000)
      expect(await skewed(fresh().fill("led", { token, value: value(1), lifetime: lifetime(minute) }))).toBe(true)
      expect(await leftOf("led")).toBeGreaterThan(minute - 5_000)
      expect(await leftOf("led")).toBeLessThan(minute + 5_000)
      const other = await lead(adapter, "cooled", "me", { leaseFor: minute })
      expect(await skewed(fresh().abandon("cooled", { token: other.token, cooldown: minute }))).toBe(true)
      const { cooling } = await run(adapter.read("cooled"))
      expect(cooling?.retryIn).toBeGreaterThan(minute - 5_000)
      expect(cooling?.retryIn).toBeLessThan(minute + 5_000)
    }
  )

  it.each([
    [-5 * minute, 1_900],
    [-1_900, 1_900],
    [-900, 900]
  ])(
    "hosts whose clocks are %d and %d ms off agree within two seconds, from their first replies on",
    async (...skews) => {
      /** The slowest request so far, by which a reply may be older than it seems. */
      let slowest = 0
      const timed = async <A>(skew: number, effect: Effect.Effect<A, AdapterError>) => {
        const began = performance.now()
        const answer = await run(skewedBy(skew, effect))
        slowest = Math.max(slowest, performance.now() - began)
        return answer
      }
      for (let round = 0; round < 8; round++) {
        const prefix = crypto.randomUUID()
        const hosts = skews.map((skew) => {
          const adapter = DynamoDbAdapter.make({ client: clientOf(url()), table, prefix, commandTimeout })
          return { adapter, skew }
        })
        const differences: Array<number> = []
        for (let times = 0; times < 10; times++) {
          for (const [index, { adapter, skew }] of hosts.entries()) {
            const key = `k${times}.${index}`
            const leaseFor = minute
            const began = performance.now()
            expect((await timed(skew, adapter.acquire(key, ask("me", { leaseFor }))))._tag).toBe("Leader")
            const { adapter: there, skew: other } = hosts[1 - index]!
            const found = await timed(other, there.acquire(key, ask("you", { leaseFor })))
            const passed = performance.now() - began
            const { leaseEndsIn } = found as { readonly leaseEndsIn: number }
            differences.push(Math.max(0, leaseEndsIn - leaseFor, leaseFor - passed - leaseEndsIn))
          }
          await sleep(120)
        }
        expect(Math.max(...differences)).toBeLessThanOrEqual(2_000 + 3 * slowest)
        // More than a second of replies narrows it.
        expect(differences.at(-1)).toBeLessThanOrEqual(500 + 3 * slowest)
      }
    }
  )

  it("loads by a clock of the service's where the host's own is far off", async () => {
    const other = DynamoDbAdapter.make({ client: clientOf(url()), table, prefix, commandTimeout })
    for (const [index, skew] of [10 * minute, -10 * minute].entries()) {
      const key = `k${index}`
      const skewed = <A>(effect: Effect.Effect<A, AdapterError>) => run(skewedBy(skew, effect))
      const { token } = await lead(adapter, key, "me", { leaseFor: minute })
      const follower = await skewed(other.acquire(key, ask("you")))
      expect(follower._tag).toBe("Follower")
      expect((follower as { leaseEndsIn: number }).leaseEndsIn).toBeGreaterThan(minute - 5_000)
      expect((follower as { leaseEndsIn: number }).leaseEndsIn).toBeLessThan(minute + 5_000)
      expect(await skewed(other.renew(key, { token, leaseFor: minute }))).toBe(true)
      expect(await skewed(other.fill(key, { token, value: value(1), lifetime: lifetime(minute) }))).toBe(true)
      const found = await hitOf(adapter, key, "me")
      expect(found.freshFor).toBeGreaterThan(minute - 5_000)
      expect(found.freshFor).toBeLessThan(minute + 5_000)
      expect((await skewed(other.acquire(key, ask("you"))))._tag).toBe("Hit")
      await put(adapter, key, value(1), lifetime(1))
      await sleep(10)
      // Long ago, or long from now, by that clock; at most two seconds by the service's.
      await expect.poll(async () => (await skewed(other.acquire(key, ask("you"))))._tag).toBe("Leader")
    }
  })
})
