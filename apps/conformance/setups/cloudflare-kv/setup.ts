import { D1Adapter } from "@cache-locking/cloudflare-d1"
import { KvAdapter } from "@cache-locking/cloudflare-kv"
import { WorkersBridge } from "@cache-locking/test-servers"
import * as Effect from "effect/Effect"
import type { AdapterSetup } from "../../src/AdapterSetup.ts"
import { recordsOf, runtime, stallOf, worker } from "../../src/CloudflareSetup.ts"

const table = "conformance"

/** The largest value is 25 MiB, which takes a busy machine a while to carry. */
const largestTakes = 8_000

const peer = (url: string) =>
  KvAdapter.make({
    namespace: WorkersBridge.kv(url),
    commandTimeout: largestTakes,
    leases: D1Adapter.make({ database: WorkersBridge.d1(url), table, commandTimeout: "3 seconds" })
  })

export const setup: AdapterSetup = {
  title: "Cloudflare KV, with leases in D1",
  package: "@cache-locking/cloudflare-kv",
  open: Effect.gen(function* () {
    const { proxy, url } = yield* worker
    const eye = WorkersBridge.d1(url)
    yield* Effect.orDie(D1Adapter.setup({ database: eye, table }))
    return {
      server: runtime(),
      setup: {
        name: "Cloudflare KV, with leases in D1",
        claims: {
          watch: false,
          keys: true,
          changes: false,
          acquireMany: true,
          deleteMany: true,
          hitUnsafe: false,
          close: false,
          clock: "store" as const
        },
        peers: () => ({ here: peer(proxy.url()), there: peer(url) }),
        // How long versions live in KV is what that package's tests look at.
        records: recordsOf(eye, table),
        stall: stallOf(proxy, 2 * largestTakes)
      }
    }
  })
}
