/** The purpose of the package: many callers in several processes (here: clients), one cold key, one load. */
import { recorded, stampede, tagOf } from "@cache-locking/conformance-kit/testing"
import { Memcached } from "@cache-locking/test-servers"
import { overServer } from "@cache-locking/test-servers/vitest"
import { expect, it } from "vitest"
import { open, proxyOf } from "./fixtures/Support.ts"

await overServer(Memcached.start({ own: true }), (server) => {
  it("loads once, and asks for each process as often, however many callers it has", async () => {
    const peers = await Promise.all(
      Array.from({ length: 4 }, async () => {
        const proxy = await proxyOf(server)
        return { adapter: open(proxy.url(), { prefix: "stampede" }), sent: recorded(proxy).take }
      })
    )
    const { late, sent } = await stampede(peers, "cold")
    // Followers poll: nobody wakes them.
    expect(late).toBeLessThan(2_000)
    expect(sent.find((names) => names.includes("REPLACE"))).toEqual(["GET", "ADD", "REPLACE"])
    for (const names of sent) expect(names.length, names.join()).toBeLessThanOrEqual(12)
    expect(await tagOf(peers[0]!.adapter, "cold", "me")).toBe("Hit")
  })
})
