/** What the package is for: many callers in several processes (here: clients), one cold key, one load. */
import { Cache } from "@cache-locking/core"
import * as Effect from "effect/Effect"
import { expect, it } from "vitest"
import { ask, open, overServer, proxyTo, run } from "./fixtures/Support.ts"

await overServer((server) => {
  const processes = 4
  const callers = 250
  const loadTime = 200

  it("loads once, and asks for each process as often, however many callers it has", async () => {
    const peers = await Promise.all(
      Array.from({ length: processes }, async () => {
        const proxy = await proxyTo(server)
        return { proxy, adapter: open(proxy.url(), { prefix: "stampede" }) }
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
    const options = { key: "cold", fetcher, cacheTtl: "1 minute" } as const
    const answers = await Promise.all(
      peers.flatMap(({ adapter }) =>
        Array.from({ length: callers }, () =>
          run(Effect.map(Cache.getOrSet({ adapter, ...options }), ({ value }) => value))
        )
      )
    )
    const late = performance.now() - loadedAt
    expect(loads).toBe(1)
    expect(answers).toEqual(Array(processes * callers).fill("value"))
    // Followers poll: nobody wakes them.
    expect(late).toBeLessThan(2_000)
    const sent = peers.map(({ proxy }) => proxy.commands().map(({ name }) => name))
    const leader = sent.find((names) => names.includes("REPLACE"))
    expect(leader).toEqual(["GET", "ADD", "REPLACE"])
    for (const names of sent) expect(names.length, names.join()).toBeLessThanOrEqual(12)
    expect((await run(peers[0]!.adapter.acquire("cold", ask("me"))))._tag).toBe("Hit")
  })
})
