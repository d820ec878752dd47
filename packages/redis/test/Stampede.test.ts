/** The purpose of the package: many callers in several processes (here: clients), one cold key, one load. */
import { recorded, stampede, tagOf } from "@cache-locking/conformance-kit/testing"
import { Redis as RedisServer } from "@cache-locking/test-servers"
import { proxyTo, serverOfFile } from "@cache-locking/test-servers/vitest"
import { expect, it } from "vitest"
import { RedisAdapter } from "../src/index.ts"
import { closing, ioredis } from "./fixtures/Support.ts"

const server = await serverOfFile(RedisServer.start({ own: true }))

it("loads once, with a handful of commands per process, and wakes the others at the fill", async () => {
  const peers = await Promise.all(
    Array.from({ length: 4 }, async () => {
      const proxy = await proxyTo(server)
      const client = ioredis(proxy.url())
      await client.ping()
      return { adapter: closing(RedisAdapter.make({ client, prefix: "stampede" })), sent: recorded(proxy).take }
    })
  )
  for (const key of ["first, scripts unknown", "second"]) {
    const { late, sent } = await stampede(peers, key)
    expect(late).toBeLessThan(150)
    for (const names of sent) expect(names.length, names.join()).toBeLessThanOrEqual(6)
  }
  expect(await tagOf(peers[0]!.adapter, "second", "me")).toBe("Hit")
})
