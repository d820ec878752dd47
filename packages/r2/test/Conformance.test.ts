/** The whole contract, on the vendor's own runtime. */
import { suite } from "@cache-locking/conformance-kit/vitest"
import { R2Bridge } from "@cache-locking/test-servers"
import * as Effect from "effect/Effect"
import { afterAll } from "vitest"
import { R2Adapter } from "../src/index.ts"
import { startR2 } from "./fixtures/Support.ts"

const prefix = "conformance"
const commandTimeout = 5_000

const r2 = await startR2()
const proxy = await r2.proxy()
afterAll(async () => {
  await proxy.stop()
  await r2.stop()
})

suite(
  {
    name: "R2",
    claims: {
      watch: false,
      keys: true,
      changes: false,
      acquireMany: false,
      deleteMany: true,
      hitUnsafe: false,
      close: false,
      clock: "client"
    },
    peers: () => ({
      here: R2Adapter.make({ bucket: R2Bridge.binding(proxy.url()), prefix, commandTimeout }),
      there: R2Adapter.make({ bucket: r2.bucket, prefix, commandTimeout })
    }),
    // Objects tell when a sweep may collect them: a bucket's own expiry knows days alone.
    records: (key) =>
      Effect.promise(async () => {
        const { objects } = await r2.bucket.list({
          prefix: `${prefix}/leases/${encodeURIComponent(key)}`,
          include: ["customMetadata"]
        })
        return objects.map(({ customMetadata, key }) => ({
          name: key,
          expiresIn: Number(customMetadata["ends"]) - Date.now()
        }))
      }),
    stall: {
      begin: Effect.acquireRelease(
        Effect.sync(() => proxy.blackhole()),
        () => Effect.promise(() => proxy.heal())
      ),
      within: commandTimeout + 1_000
    }
  },
  { concurrent: true }
)
