/** What the setups over buckets share: `here` speaks to the store through a proxy whose replies are slow. */
import { CreateBucketCommand, HeadObjectCommand, ListObjectsV2Command, S3Client } from "@aws-sdk/client-s3"
import type { Claims, Records, Setup } from "@cache-locking/conformance-kit"
import { S3Adapter } from "@cache-locking/s3"
import { FaultProxy, httpCommands } from "@cache-locking/test-servers"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/** By the clients' clocks, to the millisecond: by the store's, a second is a tick, which the package's own tests take. */
export const claims: Claims = {
  watch: false,
  keys: true,
  changes: false,
  acquireMany: false,
  deleteMany: true,
  hitUnsafe: false,
  close: false,
  clock: "client"
}

/** Apart from whatever else is in a store that was given. */
export const prefix = `conformance-${process.pid}`

/** Milliseconds by which replies are late. */
export const replyDelay = 1

/** Milliseconds, of the adapter. */
export const commandTimeout = 5_000

/** Well beyond it. */
const settlesWithin = 15_000

/** A proxy before the store, for as long as the scope. */
export const proxyTo = (url: string): Effect.Effect<FaultProxy, never, Scope.Scope> => {
  const { hostname, port } = new URL(url)
  return Effect.acquireRelease(
    Effect.promise(async () => {
      const target = { host: hostname, port: Number(port || 80), url }
      const proxy = await FaultProxy.start({ target, reader: httpCommands })
      proxy.delay(replyDelay)
      return proxy
    }),
    (proxy) => Effect.promise(() => proxy.stop())
  )
}

/** Nothing comes through the proxy while the scope lasts. */
export const stallOf = (proxy: FaultProxy) => ({
  begin: Effect.acquireRelease(
    Effect.sync(() => proxy.blackhole()),
    () =>
      Effect.promise(async () => {
        await proxy.heal()
        proxy.delay(replyDelay)
      })
  ),
  within: settlesWithin
})

/** What is noted beside an object is when a sweep may collect it: a bucket's own expiry knows days alone. */
export const expiresIn = (notes: Readonly<Record<string, string>> | undefined): number =>
  Number(notes?.["ends"]) - Date.now()

interface Place {
  /** With credentials, if need be. */
  readonly url: string
  /** Where in it the API is. */
  readonly path?: string
  readonly region: string
  readonly bucket: string
}

const clientOf = (origin: string, { path = "", region, url }: Place) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const { password, username } = new URL(url)
      return new S3Client({
        endpoint: `${new URL(origin).origin}${path}`,
        region,
        forcePathStyle: true,
        maxAttempts: 1,
        credentials: {
          accessKeyId: decodeURIComponent(username) || "test",
          secretAccessKey: decodeURIComponent(password) || "test"
        }
      })
    }),
    (client) => Effect.sync(() => client.destroy())
  )

const recordsOf =
  (client: S3Client, bucket: string): Records =>
  (key) =>
    Effect.promise(async () => {
      const Prefix = `${prefix}/leases/${encodeURIComponent(key)}`
      const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix }))
      return Promise.all(
        Contents.map(async ({ Key }) => {
          const { Metadata } = await client.send(new HeadObjectCommand({ Bucket: bucket, Key }))
          return { name: Key!, expiresIn: expiresIn(Metadata) }
        })
      )
    })

/** A store that speaks S3, for as long as the scope. */
export const setupOf = (name: string, place: Place): Effect.Effect<Setup, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { bucket, url } = place
    const proxy = yield* proxyTo(url)
    const [here, there, eye] = [
      yield* clientOf(proxy.url(), place),
      yield* clientOf(url, place),
      yield* clientOf(url, place)
    ]
    // It may be there.
    yield* Effect.ignore(Effect.tryPromise(() => eye.send(new CreateBucketCommand({ Bucket: bucket }))))
    yield* Effect.orDie(S3Adapter.setup({ client: eye, bucket, prefix, clock: "client" }))
    const peer = (client: S3Client) => S3Adapter.make({ client, bucket, prefix, clock: "client", commandTimeout })
    return {
      name,
      claims,
      peers: () => ({ here: peer(here), there: peer(there) }),
      records: recordsOf(eye, bucket),
      stall: stallOf(proxy)
    }
  })
