/** Several connections at once, often: one winner, and nothing between. */
import { run } from "@cache-locking/conformance-kit/testing"
import { races } from "@cache-locking/conformance-kit/vitest"
import { WorkersBackend, WorkersBundle, WorkersRuntime } from "@cache-locking/test-servers"
import { serverOfFile } from "@cache-locking/test-servers/vitest"
import { expect, it } from "vitest"
import { D1Adapter } from "../src/index.ts"
import { claims } from "./fixtures/Support.ts"

const rounds = 200
const backend = await serverOfFile(WorkersBackend.start())

races(
  {
    name: "D1",
    claims,
    peers: async () => {
      await run(D1Adapter.setup({ database: backend.database() }))
      const peer = () => D1Adapter.make({ database: backend.database(), commandTimeout: "20 seconds" })
      return { here: peer(), there: peer(), more: [peer(), peer()] }
    }
  },
  { atOnce: 4 }
)

it("fifty ask for a missing key inside a Worker: one leads", async () => {
  const script = await WorkersBundle.bundle(new URL("./fixtures/RacesWorker.ts", import.meta.url))
  const miniflare = await WorkersRuntime.start({
    modules: true,
    script,
    compatibilityDate: "2026-07-01",
    d1Databases: ["DB"]
  })
  try {
    const found = await (await miniflare.dispatchFetch(`http://worker/?rounds=${rounds}&callers=50`)).json()
    expect(found).toEqual({ rounds, leaders: rounds, followers: rounds * 49, winners: Array(rounds).fill(1) })
  } finally {
    await miniflare.dispose()
  }
})
