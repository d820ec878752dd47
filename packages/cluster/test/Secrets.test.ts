/** What workers are told, of a primary that answers and of one that is gone. */
import { keepsSecrets } from "@cache-locking/conformance-kit/testing"
import { afterEach, it } from "vitest"
import { Cluster, ClusterAdapter } from "../src/index.ts"
import { pair } from "./fixtures/Pair.ts"

afterEach(() => Cluster.bootstrap().close())

it.each(["advanced", "json"] as const)("a cache over the primary tells no secret, over %s", async (serialization) => {
  const { cut, primary, worker } = pair(serialization)
  Cluster.bootstrap().serve(primary)
  const adapter = ClusterAdapter.make({ port: worker, namespace: "canary" })
  await keepsSecrets(adapter)
  cut()
  await keepsSecrets(adapter)
})
