import type { S3Client } from "@aws-sdk/client-s3"
import * as Effect from "effect/Effect"
import { counted, serverStore, targetOf, uncounted } from "./ServerStore.ts"

/** `s3://key:secret@host/bucket`, `s3s:` over TLS; without a bucket, one is made. */
const s3Url = (url: string): URL => new URL(url.replace(/^http/, "s3"))

const bucketOf = (url: URL): string => url.pathname.replace(/^\/+|\/+$/g, "") || "stampede"

const clientOf = async (url: URL): Promise<S3Client> => {
  const { S3Client } = await import("@aws-sdk/client-s3")
  return new S3Client({
    endpoint: `${url.protocol === "s3:" ? "http:" : "https:"}//${url.host}`,
    region: url.searchParams.get("region") ?? "us-east-1",
    forcePathStyle: true,
    credentials: {
      accessKeyId: decodeURIComponent(url.username) || "stampede",
      secretAccessKey: decodeURIComponent(url.password) || "stampede"
    }
  })
}

export const S3Store = serverStore({
  name: "s3",
  summary: "a real bucket: --url, S3_URL, or one in a stand-in started for the run",
  protocols: ["s3:", "s3s:"],
  variable: "S3_URL",
  product: "bucket",
  start: ({ S3Moto }) => S3Moto.start({ own: true }),
  where: (url) => `${s3Url(url).host}/${bucketOf(s3Url(url))}`,

  open: async (given, { httpCommands }, server) => {
    const url = s3Url(given)
    await prepare(url)
    return {
      title: server === undefined ? "Bucket" : `Bucket in moto ${server.origin.version}`,
      attach: () =>
        // A proxy cannot read encrypted data.
        url.protocol === "s3s:"
          ? uncounted({ url: url.href })
          : counted({ target: targetOf(url, 80), reader: httpCommands })
    }
  },

  connect: async ({ url: address }, prefix) => {
    const url = new URL(address)
    const [{ S3Adapter }, client] = await Promise.all([import("@cache-locking/s3"), clientOf(url)])
    const adapter = S3Adapter.make({
      client,
      bucket: bucketOf(url),
      prefix: prefix.replace(/[^\w.-]/g, "-"),
      // All workers are on one host, and their leases may be shorter than a second.
      clock: "client"
    })
    return { adapter, close: async () => client.destroy() }
  }
})

/** Makes sure that the bucket is there and respects conditions. */
const prepare = async (url: URL): Promise<void> => {
  const [{ S3Adapter }, { CreateBucketCommand }, client] = await Promise.all([
    import("@cache-locking/s3"),
    import("@aws-sdk/client-s3"),
    clientOf(url)
  ])
  const bucket = bucketOf(url)
  try {
    if (url.pathname.length <= 1) {
      await client.send(new CreateBucketCommand({ Bucket: bucket })).catch((error: Error) => {
        if (!error.name.startsWith("BucketAlready")) throw error
      })
    }
    await Effect.runPromise(S3Adapter.setup({ client, bucket, prefix: "stampede" }))
  } finally {
    client.destroy()
  }
}
