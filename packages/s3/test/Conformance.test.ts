/** The whole contract, by the store's clock; by the clients' it is tried in `apps/conformance`. */
import { HeadObjectCommand, ListObjectsV2Command, type S3Client } from "@aws-sdk/client-s3"
import { check, type Records, type Setup } from "@cache-locking/conformance-kit"
import { stallOf } from "@cache-locking/conformance-kit/testing"
import { FaultProxy, httpCommands, S3Moto } from "@cache-locking/test-servers"
import { overServer } from "@cache-locking/test-servers/vitest"
import * as Effect from "effect/Effect"
import { afterAll, describe, it } from "vitest"
import { S3Adapter } from "../src/index.ts"
import { bucket, claims, clientOf, makeBucket } from "./fixtures/Support.ts"

const prefix = "conformance"

/** The stand-in carries out one request after the other, and in several parallel cases fifty callers ask at once. */
const commandTimeout = 10_000

/** A second is the store's tick, and cases wait for some of them: many laws at once, or it takes minutes. */
const concurrency = 12

/** Judges while tests are collected, and has a test for each case. */
const judge = async (setup: Setup): Promise<void> => {
  const report = await Effect.runPromise(check(setup, { concurrency }))
  describe(`${setup.name}: the adapter contract, seed ${report.seed}`, () => {
    for (const { law, name, verdict } of report.cases) {
      if (verdict.outcome === "skipped") it.skip(`${law}: ${name} (skipped: ${verdict.reason})`)
      else {
        it(`${law}: ${name}`, () => {
          if (verdict.outcome === "failed") throw verdict.error
        })
      }
    }
  })
}

/** The notes of an object say when a sweep may collect it, because a bucket's own expiry counts days. */
const recordsOf =
  (client: S3Client): Records =>
  (key) =>
    Effect.promise(async () => {
      const Prefix = `${prefix}/leases/${encodeURIComponent(key)}`
      const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix }))
      return Promise.all(
        Contents.map(async ({ Key }) => {
          const { Metadata } = await client.send(new HeadObjectCommand({ Bucket: bucket, Key }))
          return { name: Key!, expiresIn: Number(Metadata!["ends"]) - Date.now() }
        })
      )
    })

await overServer(S3Moto.start(), async (server) => {
  await makeBucket(server.url)
  const proxy = await FaultProxy.start({ target: server, reader: httpCommands })
  afterAll(() => proxy.stop())
  const clients = [clientOf(proxy.url()), clientOf(server.url), clientOf(server.url)] as const
  const [here, there, eye] = clients
  const peer = (client: S3Client) => S3Adapter.make({ client, bucket, prefix, commandTimeout })
  await judge({
    name: "S3, by its own clock",
    claims,
    peers: () => ({
      here: peer(here),
      there: peer(there),
      close: () => {
        for (const client of clients) client.destroy()
      }
    }),
    records: recordsOf(eye),
    stall: stallOf(() => proxy, commandTimeout + 1_000)
  })
})
