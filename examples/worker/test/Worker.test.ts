/** The Worker as it is deployed: bundled, in workerd, over a D1 database that its own migration created. */
import { readFileSync } from "node:fs"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { D1Adapter } from "@cache-locking/cloudflare-d1"
import { WorkersBundle } from "@cache-locking/test-servers"
import { Miniflare } from "miniflare"
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest"

const compatibilityDate = "2026-07-01"
const loadTime = 800

let miniflare: Miniflare
let origin: Server
let calls: Array<string> = []
let fails = false

const migration = readFileSync(new URL("../migrations/0001_cache.sql", import.meta.url), "utf8")

beforeAll(async () => {
  origin = createServer((request, response) => {
    calls.push(request.url!)
    setTimeout(() => {
      response.statusCode = fails ? 503 : request.url === "/missing" ? 404 : 200
      response.end(`${request.url} ${calls.length}`)
    }, loadTime)
  })
  await new Promise<void>((resolve) => origin.listen(0, "127.0.0.1", resolve))
  const script = await WorkersBundle.bundle(new URL("../src/Worker.ts", import.meta.url))
  const worker = (name: string) => ({
    name,
    modules: true as const,
    script,
    compatibilityDate,
    d1Databases: { DB: "cache" },
    bindings: { ORIGIN: `http://127.0.0.1:${(origin.address() as AddressInfo).port}` }
  })
  const router = "export default { fetch: (request, env) => env[new URL(request.url).hostname].fetch(request) }"
  miniflare = new Miniflare({
    workers: [
      { name: "router", modules: true, script: router, compatibilityDate, serviceBindings: { one: "one", two: "two" } },
      worker("one"),
      worker("two")
    ]
  })
  const database = await miniflare.getD1Database("DB", "one")
  await database.prepare(migration).run()
})

afterAll(async () => {
  await miniflare?.dispose()
  origin.close()
})

beforeEach(() => {
  calls = []
  fails = false
})

const get = async (worker: "one" | "two", path: string) => {
  const response = await miniflare.dispatchFetch(`http://${worker}${path}`)
  return { status: response.status, body: await response.text(), cache: response.headers.get("x-cache") }
}

/** Makes a page expire, as a minute would. */
const expire = async (name: string) => {
  const database = await miniflare.getD1Database("DB", "one")
  const now = "cast(unixepoch('subsec') * 1000 as integer)"
  const { meta } = await database
    .prepare(`UPDATE cache_locking SET fresh_until = ${now} - 1 WHERE key = ?`)
    .bind(name)
    .run()
  expect(meta.changes).toBe(1)
}

it("has the migration of its adapter", () => {
  expect(migration).toBe(D1Adapter.migration())
})

it("500 requests to two Workers make one call to the origin", async () => {
  const answers = await Promise.all(
    Array.from({ length: 500 }, (_, at) => get(at % 2 === 0 ? "one" : "two", "/pages/popular"))
  )
  expect(calls).toEqual(["/popular"])
  expect(new Set(answers.map(({ body }) => body))).toEqual(new Set(["/popular 1"]))
  expect(answers.filter(({ cache }) => cache === "MISS-LEADER")).toHaveLength(1)
})

it("an expired page is served at once, and refreshed behind the answer", async () => {
  await get("one", "/pages/old")
  await expire("old")
  const began = performance.now()
  expect(await get("two", "/pages/old")).toMatchObject({ body: "/old 1", cache: "STALE" })
  expect(performance.now() - began).toBeLessThan(loadTime)
  await expect.poll(async () => (await get("one", "/pages/old")).body).toBe("/old 2")
  expect(calls).toEqual(["/old", "/old"])
})

it("a failing origin is hidden by the old page, and reported where there is none", async () => {
  await get("one", "/pages/kept")
  await expire("kept")
  fails = true
  expect(await get("one", "/pages/kept")).toMatchObject({ body: "/kept 1", cache: "STALE" })
  expect((await get("one", "/pages/never")).status).toBe(500)
})

it("a page that the origin does not have is cached, too, for a shorter time", async () => {
  expect(await get("one", "/pages/missing")).toMatchObject({ status: 404, cache: "MISS-LEADER" })
  expect(await get("two", "/pages/missing")).toMatchObject({ status: 404, cache: "HIT" })
  expect(await get("two", "/elsewhere")).toMatchObject({ status: 404, cache: null })
  expect(calls).toEqual(["/missing"])
})
