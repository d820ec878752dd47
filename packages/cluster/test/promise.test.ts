/** The cache by itself with promises, over a link and in the primary. */
import { setTimeout as sleep } from "node:timers/promises"
import { gunzipSync, gzipSync } from "node:zlib"
import type { Codec } from "@cache-locking/core"
import { afterEach, describe, expect, it, vi } from "vitest"
import { Cluster } from "../src/index.ts"
import { ClusterError, createClusterCache, getInstance, memoize, type RejectingOptions, wrap } from "../src/promise.ts"
import { type Caches, cachesOver, collected } from "./fixtures/Caches.ts"

afterEach(() => {
  Cluster.bootstrap().close()
  vi.useRealTimers()
})

/** Moves the primary's time on, which `stopClock` has stopped. */
const elapse = (ms: number): void => {
  if (!vi.isFakeTimers()) throw new Error("the clock is not stopped")
  vi.advanceTimersByTime(ms)
}

const stopClock = () => vi.useFakeTimers({ toFake: ["performance"] })

describe.each(["advanced", "json"] as const)("over %s", (serialization) => {
  const openCaches = <A = any>(options: RejectingOptions<A> = {}) => cachesOver<A>(options, serialization)

  describe("values", () => {
    it("keep their structure", async () => {
      const { one, two } = openCaches()
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
      await one.mSet([
        ["null", null],
        ["undefined", undefined]
      ])
      expect(await two.setIfAbsent("undefined", 1)).toBe(false)
      expect(await two.mGet(["null", "undefined", "absent"])).toEqual(
        new Map([
          ["null", null],
          ["undefined", undefined]
        ])
      )
      for (const nothing of [null, undefined]) {
        const key = `fetched ${nothing}`
        expect(await one.fetch(key, () => nothing)).toBe(nothing)
        expect(await two.fetch(key, () => 1)).toBe(nothing)
      }
    })
  })

  it("the primary, too, keeps its own copy: changing a value does not change what is kept", async () => {
    const { direct } = openCaches<Uint8Array>()
    const loaded = await direct.fetch("k", () => new Uint8Array([1, 2]))
    loaded[0] = 9
    const got = (await direct.get("k"))!
    got[1] = 9
    expect([...(await direct.get("k"))!]).toEqual([1, 2])
  })

  describe("the verbs", () => {
    it("one of many setIfAbsent writes", async () => {
      const { direct, one, two } = openCaches<number>()
      const caches = [one, two, direct]
      const answers = await Promise.all(Array.from({ length: 60 }, (_, i) => caches[i % 3]!.setIfAbsent("k", i)))
      expect(answers.filter(Boolean)).toHaveLength(1)
      expect(await one.get("k")).toBe(answers.indexOf(true))
    })

    it("delete, clear, mGet, mSet, mDelete, size", async () => {
      const { ends, one, two } = openCaches<number>()
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

    it("keys, values and entries come in pages, and list all keys that existed from the beginning", async () => {
      const { ends, one, two } = openCaches<number>()
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

    it("counters are atomic, keep the first ttl, and refuse values that are not numbers", async () => {
      stopClock()
      const { direct, one, two } = openCaches<any>()
      await Promise.all(Array.from({ length: 300 }, (_, i) => [one, two, direct][i % 3]!.incr("n")))
      expect(await one.get("n")).toBe(300)
      expect(await two.decr("n", 50)).toBe(250)
      expect(await one.incr("t", 2, { ttl: 80 })).toBe(2)
      elapse(30)
      expect(await one.incr("t", 2, { ttl: "1 hour" })).toBe(4)
      expect(await one.getRemainingTTL("t")).toBe(50)
      elapse(50)
      expect(await one.get("t")).toBeUndefined()
      expect(await one.incr("t")).toBe(1)
      await one.set("s", "text")
      const failure = await one.incr("s").catch((error) => error)
      expect(failure).toBeInstanceOf(ClusterError)
      expect(failure).toMatchObject({ reason: "NotANumber", key: "s" })
      expect(await one.get("s")).toBe("text")
      // A loaded number counts as well, however long its load took.
      await one.fetch("loaded", async () => {
        await sleep(150)
        return 41
      })
      expect(await two.incr("loaded")).toBe(42)
    })

    it("dump and load keep values, times and order", async () => {
      const { one } = openCaches<number>()
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
    it("the least recently used goes; peek and has do not count as a use; figures are exact", async () => {
      const { one, two } = openCaches<number>({ space: { max: 2 } })
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

    it("maxSize counts bytes or the given size; a value that is too large is refused and changes nothing", async () => {
      const { one } = openCaches<string>({ space: { maxSize: 1_000, maxEntrySize: 500 } })
      await one.set("a", "x", { size: 500 })
      await one.set("b", "x", { size: 400 })
      await one.set("c", "x", { size: 101 })
      expect(await collected(one.keys())).toEqual(["c", "b"])
      const failure = await one.set("b", "y".repeat(600)).catch((error) => error)
      expect(failure).toMatchObject({ reason: "TooLarge", key: "b" })
      expect(await one.get("b")).toBe("x")
      // A loaded value that is too large still reaches its caller.
      expect(await one.fetch("d", () => "z".repeat(600))).toHaveLength(600)
      expect(await one.has("d")).toBe(false)
      await one.fetch("e", () => "z", { size: 500 })
      expect(await collected(one.keys())).toEqual(["e", "b"])
    })

    it("ttl, updateAgeOnGet, updateAgeOnHas", async () => {
      stopClock()
      const { one } = openCaches<number>({ space: { ttl: 60, updateAgeOnGet: true } })
      await one.set("a", 1)
      await one.set("b", 1, { ttl: Number.POSITIVE_INFINITY })
      elapse(40)
      expect(await one.get("a")).toBe(1)
      elapse(40)
      expect(await one.has("a")).toBe(true)
      elapse(40)
      expect(await one.has("a")).toBe(false)
      expect(await one.get("b")).toBe(1)
      expect(await one.getRemainingTTL("absent")).toBeUndefined()
      const { one: other } = openCaches<number>({ namespace: "has", space: { ttl: 60, updateAgeOnHas: true } })
      await other.set("a", 1)
      for (let i = 0; i < 3; i++) {
        elapse(30)
        expect(await other.has("a")).toBe(true)
      }
    })

    it("allowStale returns an expired value once, and with noDeleteOnStaleGet again and again", async () => {
      stopClock()
      const { one } = openCaches<number>({ space: { ttl: 20, allowStale: true } })
      await one.set("a", 1)
      elapse(30)
      expect(await one.has("a")).toBe(false)
      expect([await one.get("a"), await one.get("a")]).toEqual([1, undefined])
      const { one: other } = openCaches<number>({
        namespace: "kept",
        space: { ttl: 20, allowStale: true, noDeleteOnStaleGet: true }
      })
      await other.set("a", 1)
      elapse(30)
      expect([await other.get("a"), await other.get("a")]).toEqual([1, 1])
      expect(await other.purgeStale()).toBe(1)
      expect(await other.get("a")).toBeUndefined()
    })

    it("ttlAutopurge removes expired values that no call meets", async () => {
      const { one } = openCaches<number>({ space: { ttl: 20, ttlAutopurge: true } })
      await one.set("a", 1)
      await one.set("b", 1, { ttl: "1 hour" })
      await sleep(60)
      expect(await one.purgeStale()).toBe(0)
      expect(await one.size()).toBe(1)
    })

    it("a new ttl or allowStale holds for later values only", async () => {
      const { one, two } = openCaches<number>({ space: { ttl: "1 hour" } })
      await one.mSet([
        ["a", 1],
        ["b", 2]
      ])
      const order = await collected(one.keys())
      expect(await two.ttl(20)).toBe(20)
      expect(await two.allowStale(true)).toBe(true)
      expect([await one.ttl(), await one.allowStale(), await one.max()]).toEqual([20, true, 10_000])
      expect(await collected(one.keys())).toEqual(order)
      expect(await one.getRemainingTTL("a")).toBeGreaterThan(3_590_000)
      await one.set("c", 3)
      await expect.poll(() => two.getRemainingTTL("c")).toBe(0)
      expect([await one.peek("c"), await two.get("c"), await two.get("c")]).toEqual([3, 3, undefined])
      expect(await one.get("a")).toBe(1)
      await one.set("d", 4)
      expect(await two.allowStale(false)).toBe(false)
      await expect.poll(() => one.get("d")).toBeUndefined()
    })

    it("noDeleteOnStaleGet alone keeps expired values and returns them to no caller", async () => {
      const { one } = openCaches<number>({ space: { ttl: 20, noDeleteOnStaleGet: true } })
      await one.set("a", 1)
      await expect.poll(() => one.has("a")).toBe(false)
      expect([await one.get("a"), await one.peek("a")]).toEqual([undefined, undefined])
      expect(await one.purgeStale()).toBe(1)
      const { one: other } = openCaches<number>({ namespace: "deleting", space: { ttl: 20 } })
      await other.set("a", 1)
      await expect.poll(() => other.get("a")).toBeUndefined()
    })

    it("destroyNamespace ends values, figures and options, for all workers", async () => {
      const { direct, one, two } = openCaches<number>({ namespace: "tenant", space: { max: 5 } })
      await one.set("k", 1)
      await two.max(3)
      expect(await two.destroyNamespace()).toBe(1)
      expect([await one.get("k"), await direct.size(), await one.max()]).toEqual([undefined, 0, 5])
      expect(await direct.destroyNamespace()).toBe(0)
      const other = createClusterCache<number>({ namespace: "tenant", space: { max: 50_000 } })
      await other.set("k", 2)
      expect((await other.stats()).sets).toBe(1)
      await expect(one.get("k")).rejects.toMatchObject({ reason: "Namespace" })
      // A cache whose options differ may end it all the same.
      expect(await one.destroyNamespace()).toBe(1)
      expect(await one.get("k")).toBeUndefined()
      await expect(one.max(1e9)).rejects.toMatchObject({ _tag: "INVALID_OPTION", option: "max" })
    })

    it("setters keep entries, order and remaining times", async () => {
      const { one, two } = openCaches<number>({ space: { max: 5 } })
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
      // Later clients are compared with the options that it was opened with.
      expect(await createClusterCache<number>({ space: { max: 5 } }).size()).toBe(2)
    })
  })

  describe("fetch", () => {
    it("is one load for two workers, and all callers get its error", async () => {
      const { direct, one, two } = openCaches<string>()
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

    it("a load keeps its own ttl and size, whatever is loaded or set meanwhile", async () => {
      const { one } = openCaches<string>({ space: { maxSize: 1_000 } })
      const inner = () => one.fetch("inner", () => "value", { ttl: "1 hour", size: 20 })
      await one.fetch("outer", inner, { ttl: "1 minute", size: 10 })
      await one.fetch("plain", () => "value")
      const sizes = new Map((await one.dump()).map(({ key, size }) => [key, size]))
      expect([sizes.get("outer"), sizes.get("inner")]).toEqual([10, 20])
      expect(await one.getRemainingTTL("outer")).toBeLessThanOrEqual(60_000)
      expect(await one.getRemainingTTL("inner")).toBeGreaterThan(3_590_000)
      expect(await one.getRemainingTTL("plain")).toBe(Number.POSITIVE_INFINITY)
    })

    it("forceRefresh begins a load that later callers join, and an older result never overwrites it", async () => {
      const { one, two } = openCaches<string>()
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

    it("a load never undoes a write or a removal meanwhile, by any call", async () => {
      const { one, two } = openCaches<any>()
      const ways: Record<string, (key: string) => Promise<unknown>> = {
        set: (key) => two.set(key, "newer"),
        setIfAbsent: (key) => two.setIfAbsent(key, "newer"),
        mSet: (key) => two.mSet([[key, "newer"]]),
        incr: (key) => two.incr(key),
        load: (key) => two.load([{ key, bytes: new Uint8Array([1]), ttl: 60_000, size: 1 }]),
        delete: (key) => two.delete(key),
        mDelete: (key) => two.mDelete([key]),
        clear: () => two.clear()
      }
      const left: Record<string, unknown> = {}
      for (const [way, overtake] of Object.entries(ways)) {
        const [begun, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
        const load = one.fetch(way, async () => {
          begun.resolve()
          await gate.promise
          return "loaded"
        })
        await begun.promise
        await overtake(way)
        gate.resolve()
        expect(await load, way).toBe("loaded")
        left[way] = await two.get(way)
      }
      const newer = { set: "newer", setIfAbsent: "newer", mSet: "newer", incr: 1 }
      expect(left).toEqual({ ...newer, load: undefined, delete: undefined, mDelete: undefined, clear: undefined })
    })

    it("memoize keeps a function's results", async () => {
      const { one, two } = openCaches<number>()
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
    /** Waits until a read has this value and sends nothing. */
    const hot = ({ ends, one }: Caches<number>, value: number) =>
      expect
        .poll(async () => {
          const before = ends.sent.worker.length
          return [await one.get("k"), ends.sent.worker.length - before]
        })
        .toEqual([value, 0])

    it("a hot read sends nothing, and the writes of others are seen", async () => {
      const all = openCaches<number>({ near: { maxEntries: 10 } })
      const { one, two } = all
      await two.set("k", 1)
      await hot(all, 1)
      await two.set("k", 2)
      await expect.poll(() => one.get("k")).toBe(2)
      await two.delete("k")
      await expect.poll(() => one.get("k")).toBeUndefined()
    })

    it("a busy primary: copies are served, but no copy outlives a write of its own worker, not even one that timed out", async () => {
      const { ends, one, two } = openCaches<number>({ near: { maxEntries: 10 }, commandTimeout: 100 })
      await two.set("k", 1)
      await two.set("own", 1)
      const warm = async () => {
        const before = ends.sent.worker.length
        const values = [await one.get("k"), await one.get("own")]
        return [...values, ends.sent.worker.length - before]
      }
      await expect.poll(warm).toEqual([1, 1, 0])
      const release = ends.hold("primary")
      expect(await one.get("k")).toBe(1)
      const failure = await one.set("own", 2).catch((error) => error)
      expect(failure).toMatchObject({ _tag: "CLUSTER_ERROR", reason: "Timeout" })
      // The write may have been carried out, so the older copy is not served.
      expect((await one.get("own").catch((error) => error)).reason).toBe("Timeout")
      await two.set("k", 2)
      release()
      await expect.poll(() => one.get("k")).toBe(2)
      expect(await one.get("own")).toBe(2)
    })

    it("a setIfAbsent that is refused leaves no copy of its value", async () => {
      const all = openCaches<number>({ near: { maxEntries: 10 } })
      const { one, two } = all
      await two.set("k", 1)
      await hot(all, 1)
      expect([await one.setIfAbsent("k", 2), await one.get("k")]).toEqual([false, 1])
    })

    it("no copy outlives its namespace", async () => {
      const all = openCaches<number>({ near: { maxEntries: 10 } })
      const { one, two } = all
      await two.set("k", 1)
      await hot(all, 1)
      expect(await two.destroyNamespace()).toBe(1)
      await expect.poll(() => one.get("k")).toBeUndefined()
      await two.set("k", 2)
      await hot(all, 2)
    })

    it("without the primary no copy is served", async () => {
      const { ends, one, two } = openCaches<number>({ near: { maxEntries: 10 }, commandTimeout: 100 })
      await two.set("k", 1)
      await expect.poll(() => one.get("k")).toBe(1)
      ends.cut()
      expect((await one.get("k").catch((error) => error)).reason).toBe("Disconnected")
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

    it.each([true, false])("wrap writes values with another codec (async: %s)", async (asynchronous) => {
      const { one, two } = openCaches<string>()
      const [here, there] = [wrap(one, gzip(asynchronous)), wrap(two, gzip(asynchronous))]
      await here.set("k", "x".repeat(10_000))
      expect(await there.get("k")).toBe("x".repeat(10_000))
      expect((await here.dump())[0]!.bytes.byteLength).toBeLessThan(200)
      expect(await there.incr("k").catch((error) => error.reason)).toBe("NotANumber")
    })

    it("a value that cannot be encoded is a typed error that does not quote it", async () => {
      const { one } = openCaches<any>()
      const failure = await one.set("k", { secret: () => 1 }).catch((error) => error)
      expect(failure).toMatchObject({ reason: "Codec" })
      expect(failure.message).not.toContain("=> 1")
    })

    it("getInstance fails at once without a primary, or with other options", async () => {
      const silent = { send: () => true, on: () => {}, off: () => {} }
      await expect(getInstance({ port: silent, commandTimeout: 30 })).rejects.toMatchObject({ reason: "Timeout" })
      const strict = createClusterCache({ port: { ...silent }, commandTimeout: 30 })
      await expect(strict.get("k")).rejects.toMatchObject({ _tag: "CLUSTER_ERROR", reason: "Timeout", key: "k" })
      expect(() => createClusterCache({ failsafe: "perhaps" as never })).toThrow("failsafe")
      const { ends, one } = openCaches()
      expect(await one.healthCheck()).toBeGreaterThanOrEqual(0)
      const space = { max: 7 }
      for (const place of [{}, { port: ends.worker }]) {
        await expect(getInstance({ ...place, space })).rejects.toMatchObject({ reason: "Namespace" })
        await expect(createClusterCache({ ...place, space }).get("k")).rejects.toMatchObject({ reason: "Namespace" })
      }
      await expect(one.set("k", 1, { tll: 5 } as never)).rejects.toThrow("tll")
      await one.destroy()
    })

    it("failsafe resolves every call that gets no answer, and its types say so", async () => {
      const silent = () => ({ send: () => true, on: () => {}, off: () => {} })
      const safe = createClusterCache<number>({ port: silent(), commandTimeout: 20, failsafe: "resolve" })
      const answers = [
        safe.get("k"),
        safe.peek("k"),
        safe.has("k") satisfies Promise<boolean | undefined>,
        safe.set("k", 1),
        safe.setIfAbsent("k", 1),
        safe.delete("k"),
        safe.clear(),
        safe.mGet(["k"]) satisfies Promise<ReadonlyMap<string, number> | undefined>,
        safe.mSet([["k", 1]]),
        safe.mDelete(["k"]),
        safe.incr("k"),
        safe.decr("k"),
        safe.dump(),
        safe.load([{ key: "k", bytes: new Uint8Array(1), ttl: 1, size: 1 }]),
        safe.size(),
        safe.stats(),
        safe.getRemainingTTL("k"),
        safe.purgeStale(),
        safe.max(),
        safe.ttl(),
        safe.allowStale(),
        safe.wrap(gzip(false)).get("k")
      ]
      for (const [i, answer] of (await Promise.all(answers)).entries()) expect(answer, String(i)).toBeUndefined()
      expect([await collected(safe.keys()), await collected(safe.values()), await collected(safe)]).toEqual([
        [],
        [],
        []
      ])
      await expect(safe.healthCheck()).rejects.toMatchObject({ reason: "Timeout" })
      await expect(getInstance({ port: silent(), commandTimeout: 20, failsafe: "resolve" })).rejects.toMatchObject({
        reason: "Timeout"
      })
      // Errors other than silence reject.
      await expect(safe.set("k", (() => 1) as never)).rejects.toMatchObject({ reason: "Codec" })
      const { ends } = openCaches<number>()
      const gone = createClusterCache<number>({ port: ends.worker, failsafe: "resolve" })
      ends.cut()
      expect(await gone.get("k")).toBeUndefined()
      const strict = createClusterCache<number>()
      strict.has("k") satisfies Promise<boolean>
    })
  })
})
