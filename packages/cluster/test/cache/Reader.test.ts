/** Reads without core, and reads that need it. */
import { createCache } from "@cache-locking/core/promise"
import { afterEach, describe, expect, it } from "vitest"
import { Cluster, ClusterAdapter } from "../../src/index.ts"
import { cachesOver } from "../fixtures/Caches.ts"

afterEach(() => Cluster.bootstrap().close())

describe.each(["advanced", "json"] as const)("over %s", (serialization) => {
  it("many keys are one call for each 1,000, in their order, without missing ones", async () => {
    const { ends, one } = cachesOver<number>({}, serialization)
    await one.mSet(Array.from({ length: 2_500 }, (_, i) => [`k${i}`, i] as const))
    const before = ends.sent.worker.length
    const keys = ["k2499", "absent", ...Array.from({ length: 2_499 }, (_, i) => `k${i}`), "k0"]
    const found = await one.mGet(keys)
    expect([...found.keys()]).toEqual(keys.slice(0, -1).filter((key) => key !== "absent"))
    expect(found.get("k17")).toBe(17)
    const asked = ends.sent.worker.slice(before).flatMap(({ items }) => items.map((item: any) => item[3]))
    expect(asked).toEqual(["getMany", "getMany", "getMany"])
  })

  it("hits and misses are counted once, for one key and for many", async () => {
    const { direct, one } = cachesOver<string>({}, serialization)
    await one.set("k", "value")
    for (const cache of [one, direct]) {
      const { hits, misses } = await one.stats()
      expect(await cache.get("k")).toBe("value")
      expect(await cache.get("absent")).toBeUndefined()
      expect(await cache.mGet(["k", "absent"])).toEqual(new Map([["k", "value"]]))
      expect(await cache.peek("k")).toBe("value")
      expect(await one.stats()).toMatchObject({ hits: hits + 2, misses: misses + 2 })
    }
  })

  it("core judges a value with tags, which is counted once all the same", async () => {
    const { direct, ends, one } = cachesOver<string>({ namespace: "tagged" }, serialization)
    const adapter = ClusterAdapter.make({ namespace: "tagged", port: ends.worker })
    const tagging = createCache<string>({ adapter, cacheTtl: "1 minute", tags: ["users"] })
    await tagging.getOrSet("k", () => "tagged")
    await one.set("plain", "plain")
    for (const cache of [one, direct]) {
      const { hits } = await one.stats()
      expect(await cache.get("k")).toBe("tagged")
      expect([...(await cache.mGet(["plain", "k"]))]).toEqual([
        ["plain", "plain"],
        ["k", "tagged"]
      ])
      expect((await one.stats()).hits).toBe(hits + 3)
    }
    await tagging.invalidateTag("users")
    for (const cache of [one, direct]) {
      expect(await cache.get("k")).toBeUndefined()
      expect([...(await cache.mGet(["plain", "k"])).keys()]).toEqual(["plain"])
    }
  })

  it("invalid keys are refused, and so is every read after `destroy`", async () => {
    const { direct, one } = cachesOver<string>({}, serialization)
    for (const cache of [one, direct]) {
      for (const key of ["", 1 as never, "x".repeat(65_537)]) {
        await expect(cache.get(key)).rejects.toThrow()
        await expect(cache.peek(key)).rejects.toThrow()
        await expect(cache.mGet(["fine", key])).rejects.toThrow()
      }
      await cache.destroy()
      await expect(cache.get("k")).rejects.toThrow("closed")
      await expect(cache.mGet(["k"])).rejects.toThrow("closed")
    }
  })
})

it("the primary reads at once, and never by reference", async () => {
  const { direct, ends } = cachesOver<any>()
  await direct.set("k", { list: [1] })
  await direct.set("bytes", new Uint8Array([1, 2, 3]))
  const first = await direct.get("k")
  first.list.push(2)
  ;(await direct.get("bytes")).fill(9)
  expect(await direct.get("k")).toEqual({ list: [1] })
  expect(await direct.get("bytes")).toEqual(new Uint8Array([1, 2, 3]))
  expect(ends.sent.worker).toEqual([])
})

it("a closed primary is not read", async () => {
  const { direct } = cachesOver<string>()
  await direct.set("k", "value")
  Cluster.bootstrap().close()
  await expect(direct.get("k")).rejects.toThrow("closed")
})
