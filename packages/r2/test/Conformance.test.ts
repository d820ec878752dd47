/** The whole contract, on the vendor's own runtime. */
import { stallOf } from "@cache-locking/conformance-kit/testing"
import { suite } from "@cache-locking/conformance-kit/vitest"
import { FaultProxy, httpCommands, R2Bridge } from "@cache-locking/test-servers"
import { serverOfFile } from "@cache-locking/test-servers/vitest"
import * as Effect from "effect/Effect"
import { afterAll } from "vitest"
import { R2Adapter } from "../src/index.ts"
import { claims } from "./fixtures/Claims.ts"
import { startR2 } from "./fixtures/Support.ts"

const prefix = "conformance"
const commandTimeout = 5_000

const r2 = await serverOfFile(startR2())
const proxy = await FaultProxy.start({ target: r2.target, reader: httpCommands })
afterAll(() => proxy.stop())

suite(
  {
    name: "R2",
    claims,
    peers: () => ({
      here: R2Adapter.make({ bucket: R2Bridge.binding(proxy.url()), prefix, commandTimeout }),
      there: R2Adapter.make({ bucket: r2.bucket, prefix, commandTimeout })
    }),
    // The notes of an object say when a sweep may collect it, because a bucket's own expiry counts days.
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
    stall: stallOf(() => proxy, commandTimeout + 1_000)
  },
  { concurrent: true }
)
