/** Buckets and stores that are set up in another way, and say so in their own words. */
import type { IncomingMessage } from "node:http"
import { CreateBucketCommand, PutBucketVersioningCommand } from "@aws-sdk/client-s3"
import { ask, failureOf, hitOf, lead, put, recorded, run, tagOf } from "@cache-locking/conformance-kit/testing"
import { Adapter } from "@cache-locking/core"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { describe, expect, it } from "vitest"
import { S3Adapter } from "../src/index.ts"
import { type GatewayOptions, gatewayTo } from "./fixtures/Gateway.ts"
import { bucket, clientFor, ownServer, proxyOf } from "./fixtures/Support.ts"

const server = await ownServer()

const behind = async (options: GatewayOptions, prefix: string) => {
  const client = clientFor(await gatewayTo(server.url, options))
  return { client, bucket, prefix }
}

describe("a bucket that keeps old versions", () => {
  const versioned = async (Status: "Enabled" | "Suspended") => {
    const Bucket = `versions-${Status.toLowerCase()}`
    const client = clientFor(server.url)
    await client.send(new CreateBucketCommand({ Bucket }))
    await client.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status } }))
    return { client, bucket: Bucket }
  }

  it("is refused by setup, unless the options accept it", async () => {
    const options = await versioned("Enabled")
    const refused = await failureOf(S3Adapter.setup(options))
    expect(refused).toMatchObject({
      reason: "Rejected",
      message: expect.stringMatching(/old versions.*versioned: true/)
    })
    await run(S3Adapter.setup({ ...options, versioned: true }))
  })

  it("is no such bucket where versioning is suspended", async () => {
    await run(S3Adapter.setup(await versioned("Suspended")))
  })

  it("and a word that is none is refused", () => {
    const options = { client: clientFor(server.url), bucket, versioned: "yes" } as never
    expect(() => S3Adapter.setup(options)).toThrow(/versioned/)
  })
})

describe("without the permission to list", () => {
  const judge = ({ method }: IncomingMessage) =>
    method === "GET" || method === "HEAD" ? ({ status: 403, code: "AccessDenied" } as const) : "pass"

  it("S3 forbids what is not there, and setup and every verb name the permission", async () => {
    const options = await behind({ judge }, "forbidden")
    for (const call of [S3Adapter.setup(options), S3Adapter.make(options).acquire("k", ask("me"))]) {
      const failure = await failureOf(
        call as Effect.Effect<unknown, { readonly reason: string; readonly message: string }>
      )
      expect(failure).toMatchObject({ reason: "Rejected", message: expect.stringContaining("s3:ListBucket") })
    }
  })
})

it("a bucket in another region is named", async () => {
  const judge = () => ({ status: 301, code: "PermanentRedirect" }) as const
  const adapter = S3Adapter.make(await behind({ judge }, "elsewhere"))
  const failure = await failureOf(adapter.acquire("k", ask("me")))
  expect(failure).toMatchObject({ reason: "Rejected", message: expect.stringContaining("another region") })
})

it("a proxy that weakens ETags is named, in place of writers that are overtaken for ever", async () => {
  const changes: GatewayOptions["changes"] = (headers) =>
    typeof headers["etag"] === "string" ? { ...headers, etag: `W/${headers["etag"]}` } : headers
  const options = await behind({ changes }, "weak")
  expect(await failureOf(S3Adapter.setup(options))).toMatchObject({
    reason: "Rejected",
    message: expect.stringContaining("weak ETag")
  })
  const adapter = S3Adapter.make(options)
  await lead(adapter, "k")
  expect(await failureOf(adapter.acquire("k", ask("you")))).toMatchObject({
    reason: "Rejected",
    message: expect.stringContaining("weak ETag")
  })
})

it.each([3_600_000, -3_600_000])("an odd first Date, %s ms off, decides nothing", async (off) => {
  let odd = 0
  const changes: GatewayOptions["changes"] = (headers) =>
    odd-- > 0 ? { ...headers, date: new Date(Date.now() + off).toUTCString() } : headers
  const prefix = `odd${off < 0 ? "-early" : "-late"}`
  await put(S3Adapter.make({ client: clientFor(server.url), bucket, prefix }), "live")
  odd = 1
  const adapter = S3Adapter.make(await behind({ changes }, prefix))
  await hitOf(adapter, "live")
  expect(odd).toBeLessThan(1)
  // Nor does one that comes later.
  for (let i = 0; i < 6; i++) {
    odd = i % 2
    expect(await tagOf(adapter, "live")).toBe("Hit")
  }
})

describe("a store that refuses the SDK's checksums", () => {
  const judge = ({ headers }: IncomingMessage) =>
    Object.keys(headers).some((name) => /^x-amz-(sdk-checksum|checksum|trailer)/.test(name))
      ? ({ status: 400, code: "InvalidArgument: Unsupported header 'x-amz-checksum-crc32' received" } as const)
      : "pass"

  it("is told what to write, by setup", async () => {
    const refused = await failureOf(S3Adapter.setup(await behind({ judge }, "refusing")))
    expect(refused).toMatchObject({
      reason: "Rejected",
      message: expect.stringContaining('requestChecksumCalculation: "WHEN_REQUIRED"')
    })
  })

  it("works with a client that was told so, and with layerConfig's own", async () => {
    const url = await gatewayTo(server.url, { judge })
    const asRequired = "WHEN_REQUIRED" as const
    const client = clientFor(url, {
      requestChecksumCalculation: asRequired,
      responseChecksumValidation: asRequired
    })
    await run(S3Adapter.setup({ client, bucket, prefix: "plain" }))
    const config = {
      bucket: Config.succeed(bucket),
      prefix: Config.succeed("plain"),
      endpoint: Config.succeed(url),
      region: Config.succeed("us-east-1"),
      accessKeyId: Config.succeed("test"),
      secretAccessKey: Config.succeed(Redacted.make("test"))
    }
    const use = Effect.flatMap(Adapter, (adapter) => Effect.promise(() => put(adapter, "k")))
    await run(Effect.provide(use, S3Adapter.layerConfig(config)))
    const supported = { ...config, requestChecksumCalculation: Config.succeed("WHEN_SUPPORTED" as const) }
    await expect(run(Effect.provide(use, S3Adapter.layerConfig(supported)))).rejects.toThrow(/WHEN_REQUIRED/)
    const wrong = { ...config, requestChecksumCalculation: Config.succeed("NEVER" as never) }
    const refused = await failureOf(Effect.provide(use, S3Adapter.layerConfig(wrong)))
    expect(refused).toMatchObject({ _tag: "INVALID_OPTION", option: "requestChecksumCalculation" })
  })
})

it("asks no more often where the answers agree", async () => {
  const proxy = await proxyOf(server)
  const adapter = S3Adapter.make({ client: clientFor(proxy.url()), bucket, prefix: "agreeing" })
  expect(await recorded(proxy).of(adapter.read("k"))).toEqual(["GET"])
})
