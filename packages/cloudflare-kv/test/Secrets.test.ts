/** What callers are told, of a KV and a D1 that answer and of ones that cannot be reached. */
import { D1Adapter } from "@cache-locking/cloudflare-d1"
import { keepsSecrets } from "@cache-locking/conformance-kit/testing"
import { WorkersBackend, WorkersBridge } from "@cache-locking/test-servers"
import { proxyTo, serverOfFile } from "@cache-locking/test-servers/vitest"
import { it } from "vitest"
import { KvAdapter } from "../src/index.ts"

const backend = await serverOfFile(WorkersBackend.start())

it("a cache over KV tells no secret, whether it reaches its stores or not", async () => {
  const network = await proxyTo(backend)
  const [namespace, database] = [WorkersBridge.kv(network.url()), WorkersBridge.d1(network.url())]
  const leases = D1Adapter.make({ database, setup: true, commandTimeout: 1_000 })
  const adapter = KvAdapter.make({ namespace, leases, prefix: "canary:", commandTimeout: 1_000 })
  await keepsSecrets(adapter, ["canary:"])
  network.refuse()
  await network.cut()
  await keepsSecrets(adapter, ["canary:"])
})
