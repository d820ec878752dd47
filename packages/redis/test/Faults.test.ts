import {
  ask,
  expectUnavailable,
  failureOf,
  hitOf,
  put,
  recorded,
  run,
  sleep
} from "@cache-locking/conformance-kit/testing"
import { failOnUnhandled, suiteUnderFaults } from "@cache-locking/conformance-kit/vitest"
import { Redis as RedisServer } from "@cache-locking/test-servers"
import { proxyTo, serverOfFile, serverOfTest } from "@cache-locking/test-servers/vitest"
import { describe, expect, it } from "vitest"
import { RedisAdapter } from "../src/index.ts"
import { clients, ioredis, nodeRedis } from "./fixtures/Support.ts"

const commandTimeout = 250
const within = 2 * commandTimeout + 250

const server = await serverOfFile(RedisServer.start({ own: true }))
failOnUnhandled()

describe.each(clients)("over $kind", ({ kind, open }) => {
  suiteUnderFaults({
    name: "Redis",
    within,
    server,
    granting: "EVALSHA",
    open: async () => {
      const proxy = await proxyTo(server)
      const client = await open(proxy.url())
      const emitter = client as unknown as NodeJS.EventEmitter & { destroy?(): void; disconnect?(): void }
      const prefix = `canary-${kind}`
      const requests = recorded(proxy, ({ name }) => (name.startsWith("EVAL") || name === "GET" ? name : undefined))
      return {
        adapter: RedisAdapter.make({ client, prefix, commandTimeout }),
        network: proxy,
        secrets: [prefix],
        sent: requests.take,
        listeners: () => emitter.eventNames().reduce((sum, name) => sum + emitter.listenerCount(name), 0),
        close: () => (kind === "ioredis" ? emitter.disconnect!() : emitter.destroy!())
      }
    },
    emptied: async () => {
      const own = await serverOfTest(RedisServer.start({ own: true }))
      const client = await open(own.url)
      const adapter = RedisAdapter.make({ client, prefix: "empty", commandTimeout: 2_000 })
      return { adapter, restart: () => own.restart() }
    }
  })

  it("bounds a hit by GET too", async () => {
    const adapter = RedisAdapter.make({ client: await open(server.url), prefix: `get-${kind}`, commandTimeout })
    await put(adapter, "hot")
    for (let i = 0; i < 2; i++) await hitOf(adapter, "hot")
    await server.pause()
    try {
      expect(await failureOf(adapter.acquire("hot", ask("you")))).toMatchObject({ reason: "Unavailable" })
    } finally {
      await server.resume()
    }
  })
})

it("does not say that nothing was there when ioredis repeats a delete whose reply was lost", async () => {
  const proxy = await proxyTo(server)
  const adapter = RedisAdapter.make({ client: ioredis(proxy.url()), prefix: "repeats", commandTimeout: 10_000 })
  for (const key of ["once", "many"]) await put(adapter, key)
  // The script is known to the server from here on.
  expect(await run(adapter.delete("nothing"))).toBe(false)
  proxy.dropReplies(1, { after: "EVALSHA" })
  expect(await run(adapter.delete("once"))).toBe(true)
  proxy.dropReplies(1, { after: "EVALSHA" })
  expect(await run(adapter.deleteMany!(["many"]))).toBe(1)
  expect(await run(adapter.deleteMany!(["once", "many"]))).toBe(0)
})

it("sends nothing to a client that is closed, and says so", async () => {
  const client = ioredis(server.url)
  const adapter = RedisAdapter.make({ client, prefix: "closed" })
  await put(adapter, "k")
  const other = await nodeRedis(server.url)
  const overNodeRedis = RedisAdapter.make({ client: other, prefix: "closed" })
  client.disconnect()
  other.destroy()
  await sleep(20)
  await expectUnavailable(adapter, within)
  await expectUnavailable(overNodeRedis, within)
})

it("connects a lazy client", async () => {
  const client = ioredis(server.url, { lazyConnect: true })
  const adapter = RedisAdapter.make({ client, prefix: "lazy" })
  expect(client.status).toBe("wait")
  await put(adapter, "k")
})
