/** What the package is for, with core on top: one load for many callers, near tiers that hear of changes. */
import { Cache, Tiered } from "@cache-locking/core"
import { createCache } from "@cache-locking/core/promise"
import { Unavailable } from "@cache-locking/test-servers"
import * as Effect from "effect/Effect"
import { afterAll, describe, expect, it } from "vitest"
import { adapterOf, missing, proxyTo, run, sentThrough, serverOf } from "./fixtures/Support.ts"

const server = await serverOf()
const there = !(server instanceof Unavailable)
afterAll(async () => {
  if (there) await server.stop()
})

const processes = 4
const callers = 250
const loadTime = 200

describe.skipIf(!there)(`a cache${missing(server)}`, () => {
  const peersOf = async (prefix: string) => {
    if (!there) throw new Error("no server")
    return Promise.all(
      Array.from({ length: processes }, async () => {
        const proxy = await proxyTo(server)
        const { adapter } = await adapterOf(proxy.url(), { prefix }, { max: 2, fetch_types: false })
        return { proxy, adapter }
      })
    )
  }

  it("loads once, with a handful of statements per process, and wakes the others at the fill", async () => {
    const peers = await peersOf("stampede")
    let loads = 0
    let loadedAt = 0
    const fetcher = () =>
      Effect.promise(async () => {
        loads++
        await new Promise((resolve) => setTimeout(resolve, loadTime))
        loadedAt = performance.now()
        return "value"
      })
    for (const key of ["first, nothing prepared", "second"]) {
      loads = 0
      for (const { proxy } of peers) proxy.resetCommands()
      const answers = await Promise.all(
        peers.flatMap(({ adapter }) =>
          Array.from({ length: callers }, () =>
            run(Effect.map(Cache.getOrSet({ adapter, key, fetcher, cacheTtl: "1 minute" }), ({ value }) => value))
          )
        )
      )
      const late = performance.now() - loadedAt
      expect(loads).toBe(1)
      expect(answers).toEqual(Array(processes * callers).fill("value"))
      // Woken, not by the pace of the wait strategy.
      expect(late).toBeLessThan(250)
      for (const { proxy } of peers) {
        const sent = sentThrough(proxy)
        expect(sent.length, sent.join()).toBeLessThanOrEqual(7)
      }
    }
  })

  it("with near tiers costs no statement while it is warm, and hears of changes, also of deletes", async () => {
    const [writer, reader] = await peersOf("near")
    const near = Tiered.make([{ maxEntries: 100, ttl: "1 minute" }, reader!.adapter])
    const cache = createCache<string>({ adapter: near, cacheTtl: "1 minute" })
    const far = createCache<string>({ adapter: writer!.adapter, cacheTtl: "1 minute" })
    let loads = 0
    const get = () => cache.getOrSet("k", async () => `load ${++loads}`)
    const warm = async () => {
      for (;;) {
        const before = sentThrough(reader!.proxy).length
        for (let i = 0; i < 10; i++) await get()
        await new Promise((resolve) => setTimeout(resolve, 20))
        if (sentThrough(reader!.proxy).length === before) return
      }
    }
    await far.set("k", "set")
    await expect.poll(get).toBe("set")
    await warm()
    await far.set("k", "set again")
    await expect.poll(get).toBe("set again")
    await warm()
    await far.delete("k")
    await expect.poll(get).toBe("load 1")
    await cache.close()
    await far.close()
  })
})
