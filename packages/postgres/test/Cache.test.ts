/** The purpose of the package, with core on top: one load for many callers, and near tiers that learn of changes. */
import { sleep, stampede } from "@cache-locking/conformance-kit/testing"
import { Tiered } from "@cache-locking/core"
import { createCache } from "@cache-locking/core/promise"
import { Postgres } from "@cache-locking/test-servers"
import { serverOfFile } from "@cache-locking/test-servers/vitest"
import { describe, expect, it } from "vitest"
import { proxied, sentThrough } from "./fixtures/Support.ts"

const server = await serverOfFile(Postgres.start({ own: true }))

describe("a cache", () => {
  const peersOf = (prefix: string) =>
    Promise.all(
      Array.from({ length: 4 }, async () => {
        const { adapter, proxy, sent } = await proxied(server, { prefix }, { max: 2, fetch_types: false })
        return { adapter, proxy, sent: sent.take }
      })
    )

  it("loads once, with a handful of statements per process, and wakes the others at the fill", async () => {
    const peers = await peersOf("stampede")
    for (const key of ["first, nothing prepared", "second"]) {
      const { late, sent } = await stampede(peers, key)
      // Woken, not by the pace of the wait strategy.
      expect(late).toBeLessThan(250)
      for (const names of sent) expect(names.length, names.join()).toBeLessThanOrEqual(7)
    }
  })

  it("with near tiers costs no statement while it is warm, and learns of changes, also of deletes", async () => {
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
        await sleep(20)
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
