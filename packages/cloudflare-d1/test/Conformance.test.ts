/** The whole contract: from Node over HTTP, with a proxy in the way of one peer. */
import type { Claims, Records } from "@cache-locking/conformance-kit"
import { suite } from "@cache-locking/conformance-kit/vitest"
import { FaultProxy, WorkersBridge } from "@cache-locking/test-servers"
import * as Effect from "effect/Effect"
import { D1Adapter } from "../src/index.ts"
import * as Backend from "./fixtures/Backend.ts"

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
const backend = await Backend.start()
const proxy = await FaultProxy.start({ target: { host: "127.0.0.1", port: backend.port, url: backend.url } })
const eye = backend.database()
await Effect.runPromise(D1Adapter.setup({ database: eye, table }))

/** D1 expires nothing by itself: what expires is what a sweep may remove. */
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

suite(
  {
    name: "D1",
    claims,
    records,
    stall: {
      begin: Effect.acquireRelease(
        Effect.sync(() => proxy.blackhole()),
        () => Effect.promise(() => proxy.heal())
      ),
      within: 12_000
    },
    peers: () => ({
      here: D1Adapter.make({ database: WorkersBridge.d1(proxy.url()), table, commandTimeout: "4 seconds" }),
      there: D1Adapter.make({ database: backend.database(), table }),
      close: async () => {
        await proxy.stop()
        await backend[Symbol.asyncDispose]()
      }
    })
  },
  { concurrent: true }
)
