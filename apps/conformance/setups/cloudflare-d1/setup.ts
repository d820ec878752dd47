import { D1Adapter } from "@cache-locking/cloudflare-d1"
import { WorkersBridge } from "@cache-locking/test-servers"
import * as Effect from "effect/Effect"
import type { AdapterSetup } from "../../src/AdapterSetup.ts"
import { recordsOf, runtime, stallOf, worker } from "../../src/CloudflareSetup.ts"

const table = "conformance"

export const setup: AdapterSetup = {
  title: "Cloudflare D1",
  package: "@cache-locking/cloudflare-d1",
  open: Effect.gen(function* () {
    const { proxy, url } = yield* worker
    const eye = WorkersBridge.d1(url)
    yield* Effect.orDie(D1Adapter.setup({ database: eye, table }))
    return {
      server: runtime(),
      setup: {
        name: "Cloudflare D1",
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
        peers: () => ({
          here: D1Adapter.make({ database: WorkersBridge.d1(proxy.url()), table, commandTimeout: "5 seconds" }),
          there: D1Adapter.make({ database: WorkersBridge.d1(url), table })
        }),
        records: recordsOf(eye, table),
        stall: stallOf(proxy, 15_000)
      }
    }
  })
}
