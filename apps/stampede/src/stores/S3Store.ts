/**
 * A bucket: one that is given, or one in a stand-in that is started for the run. Each worker reaches it through a
 * proxy of its own, which counts the requests that the worker sends.
 */
import type { S3Client } from "@aws-sdk/client-s3"
import type { Store } from "./Store.ts"

interface Place {
  /** `http://key:secret@host/bucket`; without a bucket, one is made. */
  readonly url: string
}

const bucketOf = (url: URL): string => url.pathname.replace(/^\/+|\/+$/g, "") || "stampede"

/** The address without the credentials. */
const shown = (url: URL): string => `${url.host}/${bucketOf(url)}`

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

export const S3Store: Store = {
  name: "s3",
  summary: "a real bucket: --url, S3_URL, or one in a stand-in started for the run",
  protocols: ["s3:", "s3s:"],
  variable: "S3_URL",

  open: async (given) => {
    const { FaultProxy, httpCommands, S3Moto } = await import("@cache-locking/test-servers")
    const server = given === undefined ? await S3Moto.start({ own: true }) : undefined
    const url = (server?.url ?? given ?? "").replace(/^http/, "s3")
    const address = new URL(url)
    await reach(address)
    const encrypted = address.protocol === "s3s:"
    const target = { host: address.hostname, port: Number(address.port || 80), url }
    const version = server === undefined ? "" : ` in moto ${server.origin.version}`
    return {
      title: `Bucket${version} at ${shown(address)}${server === undefined ? "" : ", started for this run"}`,
      attach: async () => {
        // What is encrypted cannot be counted on its way.
        if (encrypted) {
          return {
            place: { url } satisfies Place,
            reset: () => {},
            commands: () => undefined,
            [Symbol.asyncDispose]: async () => {}
          }
        }
        const proxy = await FaultProxy.start({ target, reader: httpCommands })
        return {
          place: { url: proxy.url() } satisfies Place,
          reset: () => proxy.resetCommands(),
          commands: () => proxy.commands().map(({ name }) => name),
          [Symbol.asyncDispose]: () => proxy.stop()
        }
      },
      [Symbol.asyncDispose]: async () => server?.stop()
    }
  },

  connect: async (place, prefix) => {
    const url = new URL((place as Place).url)
    const [{ S3Adapter }, client] = await Promise.all([import("@cache-locking/s3"), clientOf(url)])
    const adapter = S3Adapter.make({
      client,
      bucket: bucketOf(url),
      prefix: prefix.replace(/[^\w.-]/g, "-"),
      // All workers are on one host, and their leases may be of less than a second.
      clock: "client"
    })
    return { adapter, close: async () => client.destroy() }
  }
}

/** Sees to it that the bucket is there and heeds conditions. Rejects with what a person can act on. */
const reach = async (url: URL): Promise<void> => {
  const [{ S3Adapter }, { CreateBucketCommand }, Effect, client] = await Promise.all([
    import("@cache-locking/s3"),
    import("@aws-sdk/client-s3"),
    import("effect/Effect"),
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
  } catch (error) {
    throw new Error(`no bucket answers at ${shown(url)}: ${(error as Error).message}`, { cause: error })
  } finally {
    client.destroy()
  }
}
