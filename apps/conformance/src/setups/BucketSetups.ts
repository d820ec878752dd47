/** The setups on buckets of S3 and R2. `here` reaches the store through a proxy that is slow, and can fall silent. */
import { CreateBucketCommand, HeadObjectCommand, ListObjectsV2Command, S3Client } from "@aws-sdk/client-s3"
import type { Claims, Records, Setup } from "@cache-locking/conformance-kit"
import { R2Adapter } from "@cache-locking/r2"
import { S3Adapter } from "@cache-locking/s3"
import { httpCommands, R2Bridge, S3Moto } from "@cache-locking/test-servers"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type AdapterSetups, factsOf, noClaims, proxied, scoped, serving } from "./AdapterSetup.ts"
import { runtimeFacts, workerd } from "./Workerd.ts"

/**
 * By the clients' clocks, to the millisecond. By the store's clock a tick is a second; the tests of the package do that.
 */
const claims: Claims = { ...noClaims, keys: true, deleteMany: true, clock: "client" }

/** Keeps the objects apart from other data in a store that was given. */
const prefix = `conformance-${process.pid}`

const commandTimeout = 5_000

const proxyTo = (url: string) => {
  const { hostname: host, port } = new URL(url)
  return proxied({ host, port: Number(port || 80), url }, { delay: 1, reader: httpCommands, within: 15_000 })
}

const leasesOf = (key: string): string => `${prefix}/leases/${encodeURIComponent(key)}`

/** The metadata says when a sweep may collect an object: a bucket's own expiry counts days. */
const expiresIn = (metadata: Readonly<Record<string, string>> | undefined): number =>
  Number(metadata?.["ends"]) - Date.now()

interface Place {
  /** With credentials, if need be. */
  readonly url: string
  /** The path of the API. */
  readonly path?: string
  readonly region: string
  readonly bucket: string
}

const clientOf = (origin: string, { path = "", region, url }: Place) => {
  const { password, username } = new URL(url)
  const credentials = {
    accessKeyId: decodeURIComponent(username) || "test",
    secretAccessKey: decodeURIComponent(password) || "test"
  }
  const endpoint = `${new URL(origin).origin}${path}`
  return scoped(
    () => new S3Client({ endpoint, region, forcePathStyle: true, maxAttempts: 1, credentials }),
    (client) => client.destroy()
  )
}

const recordsOf =
  (client: S3Client, bucket: string): Records =>
  (key) =>
    Effect.promise(async () => {
      const list = new ListObjectsV2Command({ Bucket: bucket, Prefix: leasesOf(key) })
      const { Contents = [] } = await client.send(list)
      return Promise.all(
        Contents.map(async ({ Key }) => {
          const { Metadata } = await client.send(new HeadObjectCommand({ Bucket: bucket, Key }))
          return { name: Key!, expiresIn: expiresIn(Metadata) }
        })
      )
    })

/** A store that speaks S3, for as long as the scope. */
const overS3 = (name: string, place: Place): Effect.Effect<Setup, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { bucket, url } = place
    const { stall, url: proxy } = yield* proxyTo(url)
    const [here, there] = [yield* clientOf(proxy, place), yield* clientOf(url, place)]
    const observer = yield* clientOf(url, place)
    // The bucket may exist.
    yield* Effect.ignore(Effect.tryPromise(() => observer.send(new CreateBucketCommand({ Bucket: bucket }))))
    yield* Effect.orDie(S3Adapter.setup({ client: observer, bucket, prefix, clock: "client" }))
    const peer = (client: S3Client) => S3Adapter.make({ client, bucket, prefix, clock: "client", commandTimeout })
    const peers = () => ({ here: peer(here), there: peer(there) })
    return { name, claims, peers, records: recordsOf(observer, bucket), stall }
  })

export const bucketSetups: AdapterSetups = {
  s3: {
    title: "S3",
    package: "@cache-locking/s3",
    open: Effect.gen(function* () {
      const server = yield* serving(() => S3Moto.start())
      const place = { url: server.url, region: "us-east-1", bucket: "cache-locking-conformance" }
      return { server: factsOf(server, "S3 (moto)"), setup: yield* overS3("S3", place) }
    })
  },

  // R2 speaks the API of S3, except for the condition on a delete.
  "r2-s3": {
    title: "R2, by its S3 API",
    package: "@cache-locking/s3",
    open: Effect.gen(function* () {
      const s3Credentials = { accessKeyId: "test", secretAccessKey: "test" }
      const script = "export default {}"
      const { origin: url } = yield* workerd({ script, r2Buckets: { R2: { id: "cache", s3Credentials } } })
      const place = { url, path: "/cdn-cgi/local/r2/s3", region: "auto", bucket: "cache" }
      return { server: runtimeFacts(), setup: yield* overS3("R2, by its S3 API", place) }
    })
  },

  r2: {
    title: "R2",
    package: "@cache-locking/r2",
    open: Effect.gen(function* () {
      const { href } = yield* workerd({ script: R2Bridge.script, r2Buckets: ["R2"] })
      const { stall, url } = yield* proxyTo(href)
      const observer = R2Bridge.binding(href)
      const peer = (url: string) => R2Adapter.make({ bucket: R2Bridge.binding(url), prefix, commandTimeout })
      const records: Records = (key) =>
        Effect.promise(async () => {
          const { objects } = await observer.list({ prefix: leasesOf(key), include: ["customMetadata"] })
          return objects.map(({ customMetadata, key }) => ({ name: key, expiresIn: expiresIn(customMetadata) }))
        })
      return {
        server: runtimeFacts(),
        setup: { name: "R2", claims, peers: () => ({ here: peer(url), there: peer(href) }), records, stall }
      }
    })
  }
}
