import { bootstrap } from "@cache-locking/cluster/promise"
import { createCache } from "@cache-locking/core/promise"
import { RedisAdapter } from "@cache-locking/redis"
import { orUnavailable, Redis as Server, Unavailable } from "@cache-locking/test-servers"
import { Redis } from "ioredis"
import { afterAll, describe, expect, it } from "vitest"
import { forgetChanges, openUsers } from "../src/InFrontOfRedis.ts"

const server = await orUnavailable(Server.start())
const url = server instanceof Unavailable ? undefined : server.url
const missing = server instanceof Unavailable ? ` (not run: ${server.reason})` : ""
afterAll(async () => {
  if (!(server instanceof Unavailable)) await server.stop()
})

describe.skipIf(url === undefined)(`before a real Redis${missing}`, () => {
  it("a copy goes when another host changes the key, long before its ttl", async () => {
    bootstrap()
    const end = await forgetChanges(url!)
    let names = "Ada"
    const users = openUsers(url!, async (id) => `${names} ${id}`)
    const client = new Redis(url!)
    const elsewhere = createCache<string>({ adapter: RedisAdapter.make({ client, prefix: "users" }) })
    const id = `${Date.now()}`
    try {
      expect(await users.get(id)).toBe(`Ada ${id}`)
      await elsewhere.set(id, "Ben")
      await expect.poll(() => users.get(id)).toBe("Ben")
      await elsewhere.delete(id)
      names = "Cleo"
      await expect.poll(() => users.get(id)).toBe(`Cleo ${id}`)
      names = "Dora"
      await users.changed(id)
      expect(await users.get(id)).toBe(`Dora ${id}`)
    } finally {
      await users.close()
      client.disconnect()
      await end()
      bootstrap().close()
    }
  })
})
