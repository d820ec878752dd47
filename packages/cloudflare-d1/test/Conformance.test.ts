/** The whole contract: from Node over HTTP, with a proxy in the way of one peer. */
import type { Records } from "@cache-locking/conformance-kit"
import { closelyWhileStalled } from "@cache-locking/conformance-kit/testing"
import { suite } from "@cache-locking/conformance-kit/vitest"
import { FaultProxy, WorkersBackend, WorkersBridge } from "@cache-locking/test-servers"
import { serverOfFile } from "@cache-locking/test-servers/vitest"
import * as Effect from "effect/Effect"
import { D1Adapter } from "../src/index.ts"
import { claims } from "./fixtures/Support.ts"

const table = "conformance"
const backend = await serverOfFile(WorkersBackend.start())
const proxy = await FaultProxy.start({ target: backend })
const eye = backend.database()
await Effect.runPromise(D1Adapter.setup({ database: eye, table }))

/** D1 expires nothing by itself: a record expires when a sweep may remove it. */
const records: Records = (key) =>
  Effect.promise(async () => {
    const { results } = await eye
      .prepare(`SELECT expires_at, CAST(unixepoch('subsec') * 1000 AS INTEGER) AS now FROM ${table} WHERE key = ?1`)
      .bind(key)
      .all()
    return (results as Array<{ expires_at: number; now: number }>).map(({ expires_at, now }) => ({
      name: key,
      expiresIn: expires_at >= Number.MAX_SAFE_INTEGER ? Number.POSITIVE_INFINITY : expires_at - now
    }))
  })

// A verb is up to three requests.
const { peer, stall } = closelyWhileStalled(() => proxy, 4_000, 12_000)
const throughProxy = WorkersBridge.d1(proxy.url())

suite(
  {
    name: "D1",
    claims,
    records,
    stall,
    peers: () => ({
      here: peer((commandTimeout) => D1Adapter.make({ database: throughProxy, table, commandTimeout })),
      there: D1Adapter.make({ database: backend.database(), table, commandTimeout: "1 minute" }),
      close: () => proxy.stop()
    })
  },
  { concurrent: true }
)
