import * as Effect from "effect/Effect"
import { type Backend, bound, openServer } from "./Backend.ts"
import { countingAgent } from "./HttpAgents.ts"

const bucket = "faults"

const clientOf = async (url: string, requestHandler: object = {}) => {
  const { S3Client } = await import("@aws-sdk/client-s3")
  return new S3Client({
    endpoint: url,
    region: "us-east-1",
    forcePathStyle: true,
    requestHandler,
    credentials: { accessKeyId: "local", secretAccessKey: "local" }
  })
}

export const backend: Backend = {
  name: "s3",
  // The stand-in carries out one request after the other.
  pace: 8,
  leases: [4_000, 6_000],
  commandTimeout: 3_000,
  open: async () => {
    const { S3Moto } = await import("@cache-locking/test-servers")
    const prepare = async (url: string) => {
      const [{ S3Adapter }, { CreateBucketCommand }] = await Promise.all([
        import("@cache-locking/s3"),
        import("@aws-sdk/client-s3")
      ])
      const client = await clientOf(url)
      try {
        await client.send(new CreateBucketCommand({ Bucket: bucket }))
        await Effect.runPromise(S3Adapter.setup({ client, bucket }))
      } finally {
        client.destroy()
      }
    }
    return openServer("moto (for S3)", S3Moto.start({ own: true }), { prepare })
  },
  connect: async (url, options) => {
    const { S3Adapter } = await import("@cache-locking/s3")
    const { httpAgent, queued } = countingAgent()
    const client = await clientOf(url, { httpAgent })
    return {
      adapter: S3Adapter.make({ client, bucket, prefix: options.prefix, ...bound(options) }),
      close: async () => client.destroy(),
      queued
    }
  }
}
