/** The whole contract: values in KV, leases in D1, from Node over HTTP, with a proxy in the way of one peer. */
import { D1Adapter } from "@cache-locking/cloudflare-d1"
import type { Claims, Records } from "@cache-locking/conformance-kit"
import { closelyWhileStalled } from "@cache-locking/conformance-kit/testing"
import { suite } from "@cache-locking/conformance-kit/vitest"
import { FaultProxy, WorkersBackend, WorkersBridge } from "@cache-locking/test-servers"
import { serverOfFile } from "@cache-locking/test-servers/vitest"
import * as Effect from "effect/Effect"
import { KvAdapter } from "../src/index.ts"

const claims: Claims = {
  watch: false,
  keys: true,
  changes: false,
  acquireMany: true,
  deleteMany: true,
  hitUnsafe: false,
  close: false,
  clock: "store"
}

const table = "conformance"
const prefix = "conformance:"
const backend = await serverOfFile(WorkersBackend.start())
const proxy = await FaultProxy.start({ target: backend })
const eye = backend.database()
await Effect.runPromise(D1Adapter.setup({ database: eye, table }))

/** Those of the lease store. `KvStore.test.ts` tests the lifetimes of versions in KV. */
const records: Records = (key) =>
  Effect.promise(async () => {
    const sql = `SELECT expires_at, CAST(unixepoch('subsec') * 1000 AS INTEGER) AS now FROM ${table} WHERE key = ?1`
    const { results } = await eye.prepare(sql).bind(key).all()
    return (results as Array<{ expires_at: number; now: number }>).map(({ expires_at, now }) => ({
      name: key,
      expiresIn: expires_at >= Number.MAX_SAFE_INTEGER ? Number.POSITIVE_INFINITY : expires_at - now
    }))
  })

const { peer, stall } = closelyWhileStalled(() => proxy, 4_000)

const peerAt = (url: string) => {
  const [namespace, database] = [WorkersBridge.kv(url), WorkersBridge.d1(url)]
  return peer((commandTimeout) =>
    KvAdapter.make({
      namespace,
      prefix,
      commandTimeout,
      leases: D1Adapter.make({ database, table, commandTimeout })
    })
  )
}

suite(
  {
    name: "KV with leases in D1",
    claims,
    records,
    stall,
    peers: () => ({
      here: peerAt(proxy.url()),
      there: peerAt(backend.url),
      close: () => proxy.stop()
    })
  },
  { concurrent: true }
)
