/** A cache's name is its keyspace within a namespace of the primary, for its workers, and for the primary itself. */
import { namesApart } from "@cache-locking/conformance-kit/testing"
import { afterEach, it } from "vitest"
import { Cluster, ClusterAdapter } from "../src/index.ts"
import { pair } from "./fixtures/Pair.ts"

afterEach(() => Cluster.bootstrap().close())

it("caches of several names have nothing in common, over two channels and in the primary", async () => {
  const ends = [pair(), pair("json")]
  for (const { primary } of ends) Cluster.bootstrap().serve(primary)
  await namesApart([...ends.map(({ worker }) => ClusterAdapter.make({ port: worker })), ClusterAdapter.make()])
})
