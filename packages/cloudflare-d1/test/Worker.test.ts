/** The adapter where it is to run: inside a Worker, without anything that only Node has. */
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import type { Report } from "@cache-locking/conformance-kit"
import { WorkersBundle, WorkersRuntime } from "@cache-locking/test-servers"
import type { Miniflare } from "miniflare"
import { afterAll, beforeAll, describe, expect, it } from "vitest"

const compatibilityDate = "2026-07-01"

it("keeps the whole contract inside a Worker", { timeout: 600_000 }, async () => {
  const script = await WorkersBundle.bundle(new URL("./fixtures/ConformanceWorker.ts", import.meta.url))
  const miniflare = await WorkersRuntime.start({ modules: true, script, compatibilityDate, d1Databases: ["DB"] })
  try {
    const response = await miniflare.dispatchFetch("http://worker/")
    const cases = (await response.json()) as ReadonlyArray<Report.PlainJudged>
    // Histories need the times of replies, which are unknown inside a Worker: they are judged from outside.
    expect(cases.filter(({ outcome }) => outcome === "failed")).toEqual([])
    expect(cases.filter(({ outcome }) => outcome === "passed").length).toBeGreaterThan(225)
  } finally {
    await miniflare.dispose()
  }
})

describe("two Workers over one D1", () => {
  const loadTime = 300
  let miniflare: Miniflare
  let origin: Server
  /** By key, because a load that one test leaves behind may run in the next. */
  const loads = new Map<string, number>()

  beforeAll(async () => {
    origin = createServer((request, response) => {
      const { searchParams } = new URL(request.url!, "http://origin")
      const key = searchParams.get("key")!
      const count = (loads.get(key) ?? 0) + 1
      loads.set(key, count)
      setTimeout(() => response.end(`load ${count}`), Number(searchParams.get("wait")) || loadTime)
    })
    await new Promise<void>((resolve) => origin.listen(0, "127.0.0.1", resolve))
    const address = `http://127.0.0.1:${(origin.address() as AddressInfo).port}/`
    const script = await WorkersBundle.bundle(new URL("./fixtures/StampedeWorker.ts", import.meta.url))
    const isolate = (name: string) => ({
      name,
      modules: true as const,
      script,
      compatibilityDate,
      d1Databases: { DB: "shared" },
      bindings: { ORIGIN: address, NAME: name }
    })
    const router = `export default { fetch: (request, env) => env[new URL(request.url).hostname].fetch(request) }`
    miniflare = await WorkersRuntime.start({
      workers: [
        {
          name: "router",
          modules: true,
          script: router,
          compatibilityDate,
          serviceBindings: { one: "one", two: "two" }
        },
        isolate("one"),
        isolate("two")
      ]
    })
    await miniflare.ready
  })
  afterAll(async () => {
    await miniflare.dispose()
    origin.close()
  })

  const get = async (worker: string, path: string): Promise<string> =>
    (await miniflare.dispatchFetch(`http://${worker}${path}`)).text()

  const requests = async (worker: string): Promise<number> => {
    const { name, requests } = JSON.parse(await get(worker, "/counts"))
    expect(name).toBe(worker)
    return requests
  }

  it("load once for 100 requests, each with a few requests to D1", async () => {
    await get("one", "/?key=warm")
    await get("two", "/?key=warm")
    const before = [await requests("one"), await requests("two")] as const
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, at) => get(at % 2 === 0 ? "one" : "two", "/?key=cold"))
    )
    expect(loads.get("cold")).toBe(1)
    expect(answers).toEqual(Array(100).fill("load 1"))
    const asked = [(await requests("one")) - before[0], (await requests("two")) - before[1]]
    // Asked, and asked again with growing pauses while the load lasted.
    for (const count of asked) {
      expect(count).toBeGreaterThanOrEqual(1)
      console.info(`50 requests of a Worker: ${count} to D1`)
      expect(count).toBeLessThanOrEqual(10)
    }
    expect(await get("two", "/?key=cold")).toBe("load 1")
    expect(loads.get("cold")).toBe(1)
  })

  it("take over from a request that led and went away, once its lease has ended", async () => {
    expect(await get("one", "/crash?key=crashed")).toBe("gone")
    const began = performance.now()
    const answers = await Promise.all([
      get("one", "/?key=crashed"),
      get("two", "/?key=crashed"),
      get("one", "/?key=crashed")
    ])
    expect(answers).toEqual(Array(3).fill("load 1"))
    expect(loads.get("crashed")).toBe(1)
    expect(performance.now() - began).toBeLessThan(10_000)
  })

  it('serve a stale value at once, and refresh it behind the answer, which "waitUntil" keeps alive', async () => {
    const ask = async (worker: string) => JSON.parse(await get(worker, "/stale?key=stale"))
    expect(await ask("one")).toEqual({ value: "load 1", cache: "MISS-LEADER" })
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(await ask("one")).toEqual({ value: "load 1", cache: "STALE" })
    await expect.poll(async () => (await ask("two")).value, { interval: 100 }).not.toBe("load 1")
  })

  it("renew the lease of a refresh behind an answer that has left, for as long as it takes", async () => {
    const ask = async (worker: string) => JSON.parse(await get(worker, "/stale?key=long&wait=4000"))
    expect((await ask("one")).cache).toBe("MISS-LEADER")
    const answers = [await ask("one")]
    const end = performance.now() + 2_000
    while (performance.now() < end) {
      answers.push(await ask("two"))
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    // The lease is a second long: had it not been renewed, another would have led.
    expect(loads.get("long")).toBe(2)
    expect(new Set(answers.map(({ cache, value }) => `${cache} ${value}`))).toEqual(new Set(["STALE load 1"]))
    await expect.poll(async () => (await ask("two")).value, { interval: 100 }).toBe("load 2")
  })

  it('begin nothing after an answer without "waitUntil": the leader waits for its load', async () => {
    const ask = async () => JSON.parse(await get("one", "/stale?key=cut&cut=yes"))
    expect(await ask()).toEqual({ value: "load 1", cache: "MISS-LEADER" })
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(await ask()).toEqual({ value: "load 2", cache: "MISS-LEADER" })
    expect(loads.get("cut")).toBe(2)
  })
})
