/** What the package is for: many callers in several processes (here: clients), one cold key, one load. */
import { Cache } from "@cache-locking/core"
import { Redis as RedisServer, type Server } from "@cache-locking/test-servers"
import * as Effect from "effect/Effect"
import { afterAll, beforeAll, expect, it } from "vitest"
import { RedisAdapter } from "../src/index.ts"
import { ask, closing, ioredis, proxyTo, run } from "./fixtures/Support.ts"

let server: Server
beforeAll(async () => {
  server = await RedisServer.start({ own: true })
})
afterAll(() => server?.stop())

const processes = 4
const callers = 250
const loadTime = 200

it("loads once, with a handful of commands per process, and wakes the others at the fill", async () => {
  const peers = await Promise.all(
    Array.from({ length: processes }, async () => {
      const proxy = await proxyTo(server)
      const client = ioredis(proxy.url())
      await client.ping()
      return { proxy, adapter: closing(RedisAdapter.make({ client, prefix: "stampede" })) }
    })
  )
  let loads = 0
  let loadedAt = 0
  const fetcher = () =>
    Effect.promise(async () => {
      loads++
      await new Promise((resolve) => setTimeout(resolve, loadTime))
      loadedAt = performance.now()
      return "value"
    })
  for (const key of ["first, scripts unknown", "second"]) {
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
    expect(late).toBeLessThan(150)
    await new Promise((resolve) => setTimeout(resolve, 20))
    for (const { proxy } of peers) {
      const sent = proxy.commands().map(({ name }) => name)
      expect(sent.length, sent.join()).toBeLessThanOrEqual(6)
    }
  }
  expect((await run(peers[0]!.adapter.acquire("second", ask("me"))))._tag).toBe("Hit")
})
