/** The cache by itself, over a link and in the primary. */
import { setTimeout as sleep } from "node:timers/promises"
import { gunzipSync, gzipSync } from "node:zlib"
import type { Codec } from "@cache-locking/core"
import { afterEach, describe, expect, it } from "vitest"
import { Cluster } from "../src/index.ts"
import { ClusterError, type CreateOptions, createClusterCache, getInstance, memoize, wrap } from "../src/promise.ts"
import { pair } from "./fixtures/Pair.ts"

afterEach(() => Cluster.bootstrap().close())

/** Two workers and the primary. */
const made = <A = any>(options: CreateOptions<A> = {}, serialization: "advanced" | "json" = "advanced") => {
  const primary = Cluster.bootstrap()
  const over = () => {
    const ends = pair(serialization)
    primary.serve(ends.primary)
    return { ends, cache: createClusterCache<A>({ ...options, port: ends.worker }) }
  }
  const [one, two] = [over(), over()]
  return { one: one.cache, two: two.cache, ends: one.ends, direct: createClusterCache<A>(options) }
}

const collected = async <A>(all: AsyncIterable<A>): Promise<Array<A>> => {
  const found: Array<A> = []
  for await (const each of all) found.push(each)
  return found
}

describe.each(["advanced", "json"] as const)("values over %s", (serialization) => {
  it("structured values arrive as they were", async () => {
    const { one, two } = made({}, serialization)
    const value = {
      map: new Map([["a", 1n]]),
      date: new Date(5),
      set: new Set([1]),
      bytes: new Uint8Array([1, 2]),
      nothing: null,
      missing: undefined
    }
    await one.set("k", value)
    expect(await two.get("k")).toEqual(value)
    for (const each of [null, undefined, "", 0, false]) {
      await one.set("k", each)
      expect(await two.has("k")).toBe(true)
      expect(await two.get("k")).toBe(each)
    }
    expect(await two.has("absent")).toBe(false)
    expect(await two.get("absent")).toBeUndefined()
  })
})

it("in the primary, too, nobody changes what is kept by changing a value", async () => {
  const { direct } = made<Uint8Array>()
  const loaded = await direct.fetch("k", () => new Uint8Array([1, 2]))
  loaded[0] = 9
  const got = (await direct.get("k"))!
  got[1] = 9
  expect([...(await direct.get("k"))!]).toEqual([1, 2])
})

describe("the verbs", () => {
  it("setIfAbsent is kept by one of many", async () => {
    const { direct, one, two } = made<number>()
    const caches = [one, two, direct]
    const answers = await Promise.all(Array.from({ length: 60 }, (_, i) => caches[i % 3]!.setIfAbsent("k", i)))
    expect(answers.filter(Boolean)).toHaveLength(1)
    expect(await one.get("k")).toBe(answers.indexOf(true))
  })

  it("delete, clear, mGet, mSet, mDelete, size", async () => {
    const { ends, one, two } = made<number>()
    await one.mSet([
      ["a", 1],
      ["b", 2],
      ["c", 3]
    ])
    const before = ends.sent.worker.length
    expect(await one.mGet(["a", "c", "x"])).toEqual(
      new Map([
        ["a", 1],
        ["c", 3]
      ])
    )
    expect(ends.sent.worker.length - before).toBe(1)
    expect(await two.delete("a")).toBe(true)
    expect(await two.delete("a")).toBe(false)
    expect(await two.mDelete(["b", "x"])).toBe(1)
    expect(await one.size()).toBe(1)
    expect(await two.clear()).toBe(1)
    expect(await one.size()).toBe(0)
  })

  it("keys, values and entries come in pages, and what was there from the beginning is listed", async () => {
    const { ends, one, two } = made<number>()
    await one.mSet(Array.from({ length: 2_500 }, (_, i) => [`k${i}`, i] as const))
    await one.set("other", 1)
    const before = ends.sent.worker.length
    expect(await collected(one.keys("k"))).toHaveLength(2_500)
    expect(ends.sent.worker.length - before).toBe(3)
    const found = new Map<string, number>()
    for await (const [key, value] of one) {
      found.set(key, value)
      if (found.size === 1) await two.mDelete(["k7", "k8"])
    }
    expect(found.size).toBeGreaterThanOrEqual(2_499)
    for (const [key, value] of found) if (key !== "other") expect(key).toBe(`k${value}`)
    let sum = 0
    for await (const value of one.values("k1000")) sum += value
    expect(sum).toBe(1_000)
    for await (const _ of two.keys()) break
  })

  it("counters are atomic, keep the first ttl, and refuse what is no number", async () => {
    const { direct, one, two } = made<any>()
    await Promise.all(Array.from({ length: 300 }, (_, i) => [one, two, direct][i % 3]!.incr("n")))
    expect(await one.get("n")).toBe(300)
    expect(await two.decr("n", 50)).toBe(250)
    expect(await one.incr("t", 2, { ttl: 80 })).toBe(2)
    await sleep(30)
    expect(await one.incr("t", 2, { ttl: "1 hour" })).toBe(4)
    expect(await one.getRemainingTTL("t")).toBeLessThan(60)
    await expect.poll(() => one.get("t")).toBeUndefined()
    await one.set("s", "text")
    const failure = await one.incr("s").catch((error) => error)
    expect(failure).toBeInstanceOf(ClusterError)
    expect(failure).toMatchObject({ reason: "NotANumber", key: "s" })
    expect(await one.get("s")).toBe("text")
    // What a load brought is a number as well, however long it took.
    await one.fetch("loaded", async () => {
      await sleep(150)
      return 41
    })
    expect(await two.incr("loaded")).toBe(42)
  })

  it("dump and load keep values, times and order", async () => {
    const { one } = made<number>()
    await one.set("a", 1, { ttl: "1 hour" })
    await one.set("b", 2)
    await one.set("c", 3)
    await one.get("a")
    const dumped = await one.dump()
    expect(dumped.map(({ key }) => key)).toEqual(["b", "c", "a"])
    const copy = createClusterCache<number>({ namespace: "copy", space: { max: 2 } })
    await copy.load(dumped)
    expect(await collected(copy.keys())).toEqual(["a", "c"])
    expect(await copy.get("a")).toBe(1)
    expect(await copy.getRemainingTTL("a")).toBeGreaterThan(3_590_000)
    expect(await copy.getRemainingTTL("c")).toBe(Number.POSITIVE_INFINITY)
  })
})

describe("bounds", () => {
  it("the least recently used goes; peek and has are no use; figures are exact", async () => {
    const { one, two } = made<number>({ space: { max: 2 } })
    await one.set("a", 1)
    await two.set("b", 2)
    expect(await two.get("a")).toBe(1)
    expect(await one.peek("b")).toBe(2)
    expect(await one.has("b")).toBe(true)
    await two.set("c", 3)
    expect(await one.has("b")).toBe(false)
    await one.get("b")
    await one.delete("a")
    expect(await two.stats()).toEqual({ hits: 1, misses: 1, sets: 3, deletes: 1, evictions: 1, size: 1 })
  })

  it("maxSize counts bytes or what size says; what is too large is refused and changes nothing", async () => {
    const { one } = made<string>({ space: { maxSize: 1_000, maxEntrySize: 500 } })
    await one.set("a", "x", { size: 500 })
    await one.set("b", "x", { size: 400 })
    await one.set("c", "x", { size: 101 })
    expect(await collected(one.keys())).toEqual(["c", "b"])
    const failure = await one.set("b", "y".repeat(600)).catch((error) => error)
    expect(failure).toMatchObject({ reason: "TooLarge", key: "b" })
    expect(await one.get("b")).toBe("x")
    // A load that is too large is the caller's answer all the same.
    expect(await one.fetch("d", () => "z".repeat(600))).toHaveLength(600)
    expect(await one.has("d")).toBe(false)
    await one.fetch("e", () => "z", { size: 500 })
    expect(await collected(one.keys())).toEqual(["e", "b"])
  })

  it("ttl, updateAgeOnGet, updateAgeOnHas", async () => {
    const { one } = made<number>({ space: { ttl: 60, updateAgeOnGet: true } })
    await one.set("a", 1)
    await one.set("b", 1, { ttl: Number.POSITIVE_INFINITY })
    await sleep(40)
    expect(await one.get("a")).toBe(1)
    await sleep(40)
    expect(await one.has("a")).toBe(true)
    await sleep(40)
    expect(await one.has("a")).toBe(false)
    expect(await one.get("b")).toBe(1)
    expect(await one.getRemainingTTL("absent")).toBeUndefined()
    const { one: other } = made<number>({ namespace: "has", space: { ttl: 60, updateAgeOnHas: true } })
    await other.set("a", 1)
    for (let i = 0; i < 3; i++) {
      await sleep(30)
      expect(await other.has("a")).toBe(true)
    }
  })

  it("allowStale gives an expired value once; noDeleteOnStaleGet again and again", async () => {
    const { one } = made<number>({ space: { ttl: 20, allowStale: true } })
    await one.set("a", 1)
    await sleep(30)
    expect(await one.has("a")).toBe(false)
    expect([await one.get("a"), await one.get("a")]).toEqual([1, undefined])
    const { one: other } = made<number>({
      namespace: "kept",
      space: { ttl: 20, allowStale: true, noDeleteOnStaleGet: true }
    })
    await other.set("a", 1)
    await sleep(30)
    expect([await other.get("a"), await other.get("a")]).toEqual([1, 1])
    expect(await other.purgeStale()).toBe(1)
    expect(await other.get("a")).toBeUndefined()
  })

  it("ttlAutopurge removes what nobody meets", async () => {
    const { one } = made<number>({ space: { ttl: 20, ttlAutopurge: true } })
    await one.set("a", 1)
    await one.set("b", 1, { ttl: "1 hour" })
    await sleep(60)
    expect(await one.purgeStale()).toBe(0)
    expect(await one.size()).toBe(1)
  })

  it("setters keep entries, order and remaining times", async () => {
    const { one, two } = made<number>({ space: { max: 5 } })
    await one.mSet(
      [
        ["a", 1],
        ["b", 2],
        ["c", 3]
      ],
      { ttl: "1 hour" }
    )
    await one.get("a")
    expect(await two.max(2)).toBe(2)
    expect(await one.max()).toBe(2)
    expect(await collected(one.keys())).toEqual(["a", "c"])
    expect(await one.getRemainingTTL("a")).toBeGreaterThan(3_590_000)
    expect(await one.ttl()).toBe(Number.POSITIVE_INFINITY)
    expect(await two.ttl("5 seconds")).toBe(5_000)
    await one.set("d", 4)
    expect(await one.getRemainingTTL("d")).toBeLessThanOrEqual(5_000)
    expect(await one.allowStale(true)).toBe(true)
    // Those that open it later are compared with what it was opened with.
    expect(await createClusterCache<number>({ space: { max: 5 } }).size()).toBe(2)
  })
})

describe("fetch", () => {
  it("is one load for two workers, and its error is everybody's", async () => {
    const { direct, one, two } = made<string>()
    let loads = 0
    const slow = async () => {
      loads++
      await sleep(30)
      return "value"
    }
    const all = Array.from({ length: 90 }, (_, i) => [one, two, direct][i % 3]!.fetch("k", slow, { ttl: "1 minute" }))
    expect(new Set(await Promise.all(all))).toEqual(new Set(["value"]))
    expect(loads).toBe(1)
    expect(await one.getRemainingTTL("k")).toBeLessThanOrEqual(60_000)
    const down = new Error("down")
    await expect(one.fetch("bad", () => Promise.reject(down))).rejects.toBe(down)
  })

  it("forceRefresh begins a load that later ones join, and an older result never overwrites it", async () => {
    const { one, two } = made<string>()
    const old = one.fetch("k", () => sleep(150, "old"))
    await sleep(20)
    let loads = 0
    const load = () => {
      loads++
      return sleep(40, "new")
    }
    const refreshes = [one, two, one].map((cache) => cache.fetch("k", load, { forceRefresh: cache === one }))
    expect(await Promise.all(refreshes)).toEqual(["new", "new", "new"])
    expect(loads).toBe(1)
    await old
    expect(await two.get("k")).toBe("new")
  })

  it("what is set or deleted meanwhile is not undone", async () => {
    const { one, two } = made<string>()
    const first = one.fetch("set", () => sleep(60, "loaded"))
    const second = one.fetch("deleted", () => sleep(60, "loaded"))
    await sleep(20)
    await two.set("set", "newer")
    await two.delete("deleted")
    expect(await Promise.all([first, second])).toEqual(["loaded", "loaded"])
    expect(await one.get("set")).toBe("newer")
    expect(await one.has("deleted")).toBe(false)
  })

  it("memoize keeps a function's answers", async () => {
    const { one, two } = made<number>()
    let calls = 0
    const square = (n: number) => {
      calls++
      return n * n
    }
    const [here, there] = [one, two].map((cache) => memoize(cache, square, (n) => `square ${n}`))
    expect([await here!(4), await there!(4), await here!(5)]).toEqual([16, 16, 25])
    expect(calls).toBe(2)
  })
})

describe("near copies", () => {
  it("a hot read sends nothing, and another's write is seen", async () => {
    const { ends, one, two } = made<number>({ near: { maxEntries: 10 } })
    await two.set("k", 1)
    await expect
      .poll(async () => {
        const before = ends.sent.worker.length
        const value = await one.get("k")
        return [value, ends.sent.worker.length - before]
      })
      .toEqual([1, 0])
    await two.set("k", 2)
    await expect.poll(() => one.get("k")).toBe(2)
    await two.delete("k")
    await expect.poll(() => one.get("k")).toBeUndefined()
  })
})

describe("wrap, start-up, failures", () => {
  const gzip = (asynchronous: boolean): Codec.Codec<string> => {
    const [encode, decode] = [
      (value: string) => gzipSync(value) as Uint8Array,
      (bytes: Uint8Array) => gunzipSync(bytes).toString()
    ]
    return asynchronous
      ? { name: "gzip", async: true, encode: async (value) => encode(value), decode: async (bytes) => decode(bytes) }
      : { name: "gzip", encode, decode }
  }

  it.each([true, false])("wrap writes values in another way (async: %s)", async (asynchronous) => {
    const { one, two } = made<string>()
    const [here, there] = [wrap(one, gzip(asynchronous)), wrap(two, gzip(asynchronous))]
    await here.set("k", "x".repeat(10_000))
    expect(await there.get("k")).toBe("x".repeat(10_000))
    expect((await here.dump())[0]!.bytes.byteLength).toBeLessThan(200)
    expect(await there.incr("k").catch((error) => error.reason)).toBe("NotANumber")
  })

  it("a value that cannot be written is a typed error that does not quote it", async () => {
    const { one } = made<any>()
    const failure = await one.set("k", { secret: () => 1 }).catch((error) => error)
    expect(failure).toMatchObject({ reason: "Codec" })
    expect(failure.message).not.toContain("=> 1")
  })

  it("getInstance fails at once where there is no primary; failsafe resolves", async () => {
    const silent = { send: () => true, on: () => {}, off: () => {} }
    await expect(getInstance({ port: silent, timeout: 30 })).rejects.toMatchObject({ reason: "Timeout" })
    const safe = createClusterCache({ port: { ...silent }, timeout: 30, failsafe: "resolve" })
    expect(await safe.get("k")).toBeUndefined()
    expect(await safe.set("k", 1)).toBeUndefined()
    const strict = createClusterCache({ port: { ...silent }, timeout: 30 })
    await expect(strict.get("k")).rejects.toMatchObject({ _tag: "CLUSTER_ERROR", reason: "Timeout", key: "k" })
    expect(() => createClusterCache({ failsafe: "perhaps" as never })).toThrow("failsafe")
    const { one } = made()
    expect(await one.healthCheck()).toBeGreaterThanOrEqual(0)
    await expect(one.set("k", 1, { tll: 5 } as never)).rejects.toThrow("tll")
    await one.destroy()
  })
})
