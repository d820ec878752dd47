import {
  ask,
  failureOf,
  hit,
  hitOf,
  lead,
  lifetime,
  listed,
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
import { metered } from "@cache-locking/test-servers/d1"
import { serverOfFile } from "@cache-locking/test-servers/vitest"
import * as Effect from "effect/Effect"
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { D1Adapter } from "../src/index.ts"
import { keysAtOnce } from "../src/Statements.ts"
import { causeBytes } from "../src/Verbs.ts"

const backend = await serverOfFile(WorkersBackend.start())

/** An adapter over a table of its own, and the cost of its calls. */
const open = async (table: string) => {
  const { database, spent } = metered(backend.database())
  await run(D1Adapter.setup({ database, table }))
  spent()
  return { adapter: D1Adapter.make({ database, table }), database, spent }
}

describe("over miniflare's own binding", () => {
  it("works as over a Worker's", async () => {
    const database = await backend.miniflare.getD1Database("DB")
    await run(D1Adapter.setup({ database, table: "direct" }))
    const adapter = D1Adapter.make({ database, table: "direct" })
    const { token } = await lead(adapter, "k")
    const bytes = Uint8Array.from({ length: 512 }, (_, at) => at)
    expect(await run(adapter.fill("k", { token, value: { bytes }, lifetime: lifetime(minute) }))).toBe(true)
    expect((await hitOf(adapter, "k")).value.bytes).toEqual(bytes)
    expect((await failureOf(D1Adapter.make({ database, table: "absent" }).read("k"))).reason).toBe("Rejected")
  })
})

describe("keys and values", () => {
  const keys = [
    ...["", " ", "'", '"', "''; --", "?1", "%", "_", "*", "$", "\\", "a", "A", "ä", "Ä", "\0", "a\0", "a\0b", "\ufeff"],
    ...["\r\n", "😀", "漢", "\u{10ffff}", "null", "__proto__", "x".repeat(10_240)]
  ]

  it("any text is a key, and keys are apart", async () => {
    const { adapter } = await open("keys")
    for (const key of keys) await put(adapter, key, text(`of ${key}`))
    for (const key of keys) {
      expect((await hitOf(adapter, key)).value).toEqual(text(`of ${key}`))
    }
    expect(await listed(adapter)).toEqual(keys.toSorted())
    expect(await listed(adapter, "a")).toEqual(["a", "a\0", "a\0b"])
    expect(await listed(adapter, "%")).toEqual(["%"])
    // As text begins in JavaScript: also with half an emoji.
    expect(await listed(adapter, "\ud83d")).toEqual(["😀"])
    expect(await listed(adapter, "\ud83da")).toEqual([])
    expect(await run(adapter.deleteMany!([...keys, "none"]))).toBe(keys.length)
    expect(await listed(adapter)).toEqual([])
  })

  it("half a surrogate pair is refused: UTF-8 has no such key", async () => {
    const { adapter } = await open("surrogates")
    expect((await failureOf(adapter.read("a\ud800"))).reason).toBe("Rejected")
    expect((await failureOf(adapter.acquireMany!(["a", "a\ud800"], ask("me")))).reason).toBe("Rejected")
    await put(adapter, "a")
    // More than one statement takes, and the bad one last: none is deleted.
    const many = ["a", ...Array.from({ length: 200 }, (_, at) => `b${at}`), "a\ud800"]
    expect((await failureOf(adapter.deleteMany!(many))).reason).toBe("Rejected")
    expect(await listed(adapter)).toEqual(["a"])
  })

  it("the largest value stands in one row with the longest key and the largest cause", async () => {
    const { adapter, spent } = await open("largest")
    const { keyBytes, valueBytes } = adapter.limits
    const key = "k".repeat(keyBytes)
    const largest = { bytes: new Uint8Array(valueBytes).fill(255) }
    await put(adapter, key, largest, lifetime(0, minute))
    const { token } = await lead(adapter, key, "o".repeat(64))
    const cause = { bytes: new Uint8Array(causeBytes).fill(7) }
    expect(await run(adapter.abandon(key, { token, cooldown: minute, cause }))).toBe(true)
    const found = await run(adapter.acquire(key, ask("you")))
    expect(found).toMatchObject({ _tag: "Cooling", cause })
    expect(Buffer.compare((found as { stale: { value: typeof largest } }).stale.value.bytes, largest.bytes)).toBe(0)
    spent()
    const more = { bytes: new Uint8Array(causeBytes + 1) }
    const refused = await failureOf(adapter.abandon(key, { token, cooldown: minute, cause: more }))
    expect(refused).toMatchObject({ reason: "Rejected", operation: "abandon" })
    expect((await failureOf(adapter.put(`${key}k`, { value: value(1), lifetime: lifetime(1) }))).reason).toBe(
      "Rejected"
    )
    const over = { bytes: new Uint8Array(valueBytes + 1) }
    expect((await failureOf(adapter.put("k", { value: over, lifetime: lifetime(1) }))).reason).toBe("Rejected")
    expect(spent().requests).toBe(0)
  })
})

describe("integers", () => {
  it("never exceed the integers of SQLite and JavaScript: the longest lifetimes do not end", async () => {
    const { adapter } = await open("endless")
    for (const [at, fresh] of [Infinity, 1e300, Number.MAX_SAFE_INTEGER, 2 ** 63].entries()) {
      for (const stale of [0, 5, Infinity, 1e300]) {
        const key = `${at}-${stale}`
        await run(adapter.put(key, { value: value(1), lifetime: { fresh, stale } }))
        expect((await hitOf(adapter, key)).freshFor).toBe(Infinity)
        const { token } = await lead(adapter, key, "me", { refreshWithin: Infinity, leaseFor: fresh })
        expect((await run(adapter.read(key))).lease!.endsIn).toBe(Infinity)
        expect(await run(adapter.renew(key, { token, leaseFor: fresh }))).toBe(true)
        expect(await run(adapter.touch(key, { freshFor: minute }))).toBe(true)
        const { freshFor, keptFor } = await run(adapter.read(key))
        expect(freshFor).toBeGreaterThan(minute / 2)
        expect(keptFor - freshFor).toBe(stale >= Number.MAX_SAFE_INTEGER ? Infinity : stale)
        expect(await run(adapter.abandon(key, { token, cooldown: fresh }))).toBe(true)
        expect((await run(adapter.read(key))).cooling!.retryIn).toBe(Infinity)
      }
    }
  })

  it("take parts of a millisecond, and no time at all", async () => {
    const { adapter } = await open("fractions")
    await run(adapter.put("k", { value: value(1), lifetime: { fresh: 0.9, stale: 0.9 } }))
    expect((await run(adapter.read("k"))).value).toBe(undefined)
    const { token } = await lead(adapter, "k", "me", { leaseFor: 999.5 })
    const { endsIn } = (await run(adapter.read("k"))).lease!
    expect(Number.isInteger(endsIn)).toBe(true)
    expect(await run(adapter.abandon("k", { token, cooldown: 0 }))).toBe(true)
    await lead(adapter, "k", "you")
  })
})

describe("a token", () => {
  it("is new for every grant, also when a request arrives twice", async () => {
    const { adapter } = await open("tokens")
    const first = await lead(adapter, "k")
    expect((await lead(adapter, "k")).token).toBe(first.token)
    await run(adapter.delete("k"))
    const again = await lead(adapter, "k")
    expect(again.token).not.toBe(first.token)
    expect(again.token).toMatch(/^[0-9a-f]{32}$/)
    const late = { token: first.token, value: value(1), lifetime: lifetime(minute) }
    expect(await run(adapter.fill("k", late))).toBe(false)
    const tokens = await run(adapter.acquireMany!(["a", "b", "c"], ask("me")))
    expect(new Set(tokens.map((found) => (found as { token: string }).token)).size).toBe(3)
  })
})

describe("the cost of calls", () => {
  // The first writes of an isolate carry no page of the sweep along, where it begins to count at 0.
  beforeEach(() => void vi.spyOn(Math, "random").mockReturnValue(0))
  afterEach(() => void vi.restoreAllMocks())

  const one = { requests: 1, statements: 1 }
  const lives = lifetime(minute)

  it("a load: one request to lead, one to fill, each one row written", async () => {
    const { adapter, spent } = await open("load")
    const { token } = await lead(adapter, "k")
    expect(spent()).toEqual({ requests: 1, statements: 2, read: 1, written: 1 })
    await run(adapter.renew("k", { token, leaseFor: 1000 }))
    expect(spent()).toEqual({ ...one, read: 2, written: 1 })
    await run(adapter.fill("k", { token, value: value(1), lifetime: lives }))
    expect(spent()).toEqual({ ...one, read: 2, written: 1 })
  })

  it("a hit writes nothing; one that was expected only reads, and reads one row", async () => {
    const { adapter, spent } = await open("hits")
    await put(adapter, "k", value(1), lives)
    spent()
    await hitOf(adapter, "k")
    expect(spent()).toEqual({ requests: 1, statements: 2, read: 1, written: 0 })
    for (let at = 0; at < 3; at++) {
      await hitOf(adapter, "k")
      expect(spent()).toEqual({ ...one, read: 1, written: 0 })
    }
  })

  it("a hit that was expected in vain costs one request more, once", async () => {
    const { adapter, database, spent } = await open("vain")
    // Another isolate: nothing is shared with it but the database.
    const other = D1Adapter.make({ database: { ...database }, table: "vain" })
    await put(adapter, "k", value(1), lives)
    await hitOf(adapter, "k")
    await run(other.delete("k"))
    spent()
    await lead(adapter, "k")
    expect(spent()).toMatchObject({ requests: 2, statements: 3, written: 1 })
    expect(await tagOf(adapter, "k")).toBe("Follower")
    expect(spent()).toMatchObject({ requests: 1, statements: 2, written: 0 })
  })

  it("a caller that expects a hit and finds another's lease or a cooldown gets it by the same request", async () => {
    const { adapter, database, spent } = await open("told")
    const other = D1Adapter.make({ database: { ...database }, table: "told" })
    for (const key of ["led", "cooling"]) {
      await put(adapter, key, value(1), lives)
      await hitOf(adapter, key)
      await run(other.delete(key))
    }
    await lead(other, "led")
    const { token } = await lead(other, "cooling")
    await run(other.abandon("cooling", { token, cooldown: minute, cause: text("why") }))
    spent()
    expect(await tagOf(adapter, "led")).toBe("Follower")
    expect(await run(adapter.acquire("cooling", ask("you")))).toMatchObject({ _tag: "Cooling", cause: text("why") })
    expect(spent()).toEqual({ requests: 2, statements: 2, read: 2, written: 0 })
  })

  it("a follower, or a caller in a cooldown, writes nothing", async () => {
    const { adapter, spent } = await open("follows")
    const { token } = await lead(adapter, "k")
    spent()
    expect(await tagOf(adapter, "k")).toBe("Follower")
    expect(spent()).toMatchObject({ requests: 1, read: 1, written: 0 })
    await run(adapter.abandon("k", { token, cooldown: minute }))
    expect(spent()).toMatchObject({ ...one, read: 2, written: 1 })
    expect(await tagOf(adapter, "k")).toBe("Cooling")
    expect(spent()).toMatchObject({ requests: 1, read: 1, written: 0 })
  })

  it("every other verb is one statement, and writes one row or none", async () => {
    const { adapter, spent } = await open("verbs")
    await put(adapter, "k", value(1), lives)
    expect(spent()).toMatchObject({ ...one, read: 0, written: 1 })
    await run(adapter.read("k"))
    expect(spent()).toEqual({ ...one, read: 1, written: 0 })
    await run(adapter.read("none"))
    expect(spent()).toEqual({ ...one, read: 0, written: 0 })
    await run(adapter.touch("k", { freshFor: 1000 }))
    expect(spent()).toMatchObject({ ...one, read: 2, written: 1 })
    await run(adapter.touch("none", { freshFor: 1000 }))
    expect(spent()).toMatchObject({ ...one, written: 0 })
    const { token } = await lead(adapter, "k", "me", { force: true })
    spent()
    await run(adapter.fill("k", { token, lifetime: lives }))
    expect(spent()).toMatchObject({ ...one, read: 2, written: 1 })
    await run(adapter.fill("k", { token, value: value(2), lifetime: lives }))
    expect(spent()).toMatchObject({ ...one, written: 0 })
    await run(adapter.delete("k"))
    expect(spent()).toMatchObject({ ...one, read: 2, written: 1 })
    await run(adapter.delete("k"))
    expect(spent()).toMatchObject({ ...one, written: 0 })
  })

  it("many keys: one request for each 96, and hits among them write nothing", async () => {
    const { adapter, spent } = await open("many")
    expect(keysAtOnce).toBe(96)
    const keys = Array.from({ length: 200 }, (_, at) => `k${at}`)
    const led = await run(adapter.acquireMany!(keys, ask("me")))
    expect(new Set(led.map(({ _tag }) => _tag))).toEqual(new Set(["Leader"]))
    expect(spent()).toMatchObject({ requests: 3, statements: 6, read: 400, written: 200 })
    await run(
      Effect.forEach(
        led,
        (found, at) =>
          adapter.fill(keys[at]!, { token: (found as any).token, value: text(keys[at]!), lifetime: lives }),
        { concurrency: 10 }
      )
    )
    spent()
    const found = await run(adapter.acquireMany!([...keys, "k0"], ask("you")))
    expect(found.map((one) => hit(one).value)).toEqual([...keys, "k0"].map(text))
    expect(spent()).toMatchObject({ requests: 3, statements: 6, written: 0 })
    expect(await run(adapter.deleteMany!(keys))).toBe(200)
    expect(spent()).toMatchObject({ requests: 3, statements: 3, read: 800, written: 200 })
  })

  it("a listing: one request for each 500 keys", async () => {
    const { adapter, spent } = await open("listing")
    const keys = Array.from({ length: 1001 }, (_, at) => `k${String(at).padStart(4, "0")}`)
    await run(adapter.acquireMany!(keys, ask("me")))
    await put(adapter, "other", value(1), lives)
    spent()
    expect(await listed(adapter, "k")).toEqual(keys)
    const { read, requests, written } = spent()
    expect([requests, written]).toEqual([3, 0])
    // The row after the last one, too.
    expect(read).toBeLessThanOrEqual(1002)
  })

  it("a listing reads the rows with its prefix, and not the rest of the table", async () => {
    const { adapter, spent } = await open("prefixes")
    await run(adapter.acquireMany!(["a1", "a2", ...Array.from({ length: 300 }, (_, at) => `b${at}`)], ask("me")))
    spent()
    expect(await listed(adapter, "a")).toEqual(["a1", "a2"])
    expect(spent().read).toBeLessThanOrEqual(3)
    expect(await listed(adapter, "\u{10ffff}")).toEqual([])
    expect(spent().read).toBeLessThanOrEqual(1)
  })
})

describe("time", () => {
  it("is the database's: it passes between requests", async () => {
    const { adapter } = await open("time")
    await put(adapter, "k", value(1), lifetime(400, minute))
    await hitOf(adapter, "k")
    await sleep(405)
    expect(await run(adapter.acquire("k", ask("you")))).toMatchObject({ _tag: "Leader", stale: { value: value(1) } })
  })

  it("bounds every request, and no timer stays", async () => {
    const before = timers()
    const silent: D1Adapter.Database = {
      prepare: () => ({ bind: () => silent.prepare(""), all: () => new Promise(() => {}) }),
      batch: () => new Promise(() => {})
    }
    const adapter = D1Adapter.make({ database: silent, commandTimeout: 20 })
    const error = await failureOf(adapter.acquire("k", ask("me")))
    expect(error).toMatchObject({ reason: "Unavailable", message: "no answer within 20 ms", operation: "acquire" })
    const prompt: D1Adapter.Database = {
      prepare: () => ({ bind: () => prompt.prepare(""), all: async () => ({ results: [] }) }),
      batch: async () => []
    }
    expect(await run(D1Adapter.make({ database: prompt }).touch("k", { freshFor: 1 }))).toBe(false)
    expect(timers()).toBeLessThanOrEqual(before)
    const asked = Effect.runFork(D1Adapter.make({ database: silent }).read("k"))
    await sleep(1)
    await run(Effect.asVoid(Effect.sync(() => asked.interruptUnsafe())))
    await sleep(1)
    expect(timers()).toBeLessThanOrEqual(before)
  })
})
