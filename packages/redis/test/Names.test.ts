/** A cache's name is its keyspace, over one client and prefix, over several processes, and behind a near tier. */
import { namesApart, run } from "@cache-locking/conformance-kit/testing"
import { Tiered } from "@cache-locking/core"
import { createCache } from "@cache-locking/core/promise"
import { Redis as RedisServer } from "@cache-locking/test-servers"
import { serverOfFile } from "@cache-locking/test-servers/vitest"
import { expect, it } from "vitest"
import { RedisAdapter } from "../src/index.ts"
import { clients, ioredis } from "./fixtures/Support.ts"

const server = await serverOfFile(RedisServer.start({ own: true }))

for (const { kind, open } of clients) {
  const processes = async (prefix: string) => {
    const opened = [await open(server.url), await open(server.url)]
    return opened.map((client) => RedisAdapter.make({ client, prefix }))
  }

  it(`caches of several names have nothing in common, with ${kind}`, async () => {
    await namesApart(await processes(`names-${kind}`))
  })

  it(`nor behind a near tier, with ${kind}`, async () => {
    // A change is reported a moment after it was made, so one process writes and reads.
    const [here] = await processes(`tiered-${kind}`)
    await namesApart([Tiered.make([{}, here!])])
    await run(here!.close!)
  })
}

it("the name stands before the key in Redis, and a cache without one stores the key as it is", async () => {
  const client = ioredis(server.url)
  const adapter = RedisAdapter.make({ client, prefix: "stored" })
  const [users, plain] = [createCache<string>({ adapter, name: "users" }), createCache<string>({ adapter })]
  await users.set("42", "Ada")
  await plain.set("42", "as it was")
  expect((await client.keys("stored*")).sort()).toEqual(["stored{\u0001in:users\u000142}", "stored{42}"])
  await Promise.all([users.close(), plain.close()])
})
