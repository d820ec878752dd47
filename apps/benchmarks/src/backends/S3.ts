import { httpCommands, S3Moto } from "@cache-locking/test-servers"
import * as Effect from "effect/Effect"
import type { Backend } from "./Backend.ts"

const bucket = "benchmarks"

const connect = async (url: string) => {
  const sdk = await import("@aws-sdk/client-s3")
  const { S3Adapter } = await import("@cache-locking/s3")
  const { origin, password, username } = new URL(url)
  const client = new sdk.S3Client({
    endpoint: origin,
    region: "us-east-1",
    forcePathStyle: true,
    credentials: {
      accessKeyId: decodeURIComponent(username) || "local",
      secretAccessKey: decodeURIComponent(password) || "local"
    }
  })
  return { sdk, client, S3Adapter }
}

export const S3: Backend = {
  name: "S3",
  packages: ["@aws-sdk/client-s3"],
  words: { get: "`GetObject`", write: "`PutObject` with `If-None-Match`" },
  miss: 3,
  reader: httpCommands,

  start: async () => {
    const server = await S3Moto.start()
    const { client, S3Adapter, sdk } = await connect(server.url)
    await client.send(new sdk.CreateBucketCommand({ Bucket: bucket })).catch((error: unknown) => {
      if (!(error instanceof sdk.BucketAlreadyOwnedByYou)) throw error
    })
    await Effect.runPromise(S3Adapter.setup({ client, bucket }))
    client.destroy()
    return { title: `moto ${server.origin.version} in place of S3`, url: server.url, stop: () => server.stop() }
  },

  open: async (url) => {
    const { client, S3Adapter, sdk } = await connect(url)
    const at = (key: string) => ({ Bucket: bucket, Key: `floor/${key}` })
    return {
      adapter: S3Adapter.make({ client, bucket }),
      floor: {
        get: async (key) => (await client.send(new sdk.GetObjectCommand(at(key)))).Body?.transformToString(),
        write: (key, value) => client.send(new sdk.PutObjectCommand({ ...at(key), Body: value, IfNoneMatch: "*" }))
      },
      close: async () => client.destroy()
    }
  }
}
