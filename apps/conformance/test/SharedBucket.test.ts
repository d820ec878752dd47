/** Workers through R2's binding and hosts through its S3 API keep the same objects: one cache. */
import { S3Client } from "@aws-sdk/client-s3"
import { R2Adapter } from "@cache-locking/r2"
import { S3Adapter } from "@cache-locking/s3"
import { R2Bridge, WorkersRuntime } from "@cache-locking/test-servers"
import * as Effect from "effect/Effect"
import type { Miniflare } from "miniflare"
import { afterAll, beforeAll, expect, it } from "vitest"

const credentials = { accessKeyId: "test", secretAccessKey: "test" }
const run = Effect.runPromise
const lifetime = { fresh: 60_000, stale: 0 }

let miniflare: Miniflare
let client: S3Client
let origin: string
beforeAll(async () => {
  const r2Buckets = { R2: { id: "cache", s3Credentials: credentials } }
  miniflare = await WorkersRuntime.start({ modules: true, script: R2Bridge.script, r2Buckets })
  origin = (await miniflare.ready).origin
  const endpoint = `${origin}/cdn-cgi/local/r2/s3`
  client = new S3Client({ endpoint, region: "auto", forcePathStyle: true, credentials })
})
afterAll(async () => {
  client?.destroy()
  await miniflare?.dispose()
})

it("a lease that one of them holds is one to the other, and so is a value, small or large", async () => {
  const inlineBytes = 4
  const s3 = S3Adapter.make({ client, bucket: "cache", clock: "client", inlineBytes })
  const r2 = R2Adapter.make({ bucket: R2Bridge.binding(origin), inlineBytes })
  for (const [here, there] of [
    [s3, r2],
    [r2, s3]
  ] as const) {
    for (const size of [2, 20]) {
      const key = `${size} bytes by ${here.name}`
      const bytes = new Uint8Array(size).fill(7)
      const found = await run(here.acquire(key, { owner: "here", leaseFor: 10_000 }))
      if (found._tag !== "Leader") throw new Error(`expected to lead, not ${found._tag}`)
      expect(await run(there.acquire(key, { owner: "there", leaseFor: 10_000 }))).toMatchObject({ _tag: "Follower" })
      expect(await run(there.renew(key, { token: found.token, leaseFor: 10_000 }))).toBe(true)
      expect(await run(here.fill(key, { token: found.token, value: { bytes }, lifetime }))).toBe(true)
      const hit = await run(there.acquire(key, { owner: "there", leaseFor: 10_000 }))
      expect(hit).toMatchObject({ _tag: "Hit", value: { bytes } })
      expect(await run(there.delete(key))).toBe(true)
    }
  }
})
