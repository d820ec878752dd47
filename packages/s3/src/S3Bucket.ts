/**
 * A bucket of S3, and the requests that are made of it.
 */

import {
  DeleteObjectCommand,
  GetObjectCommand,
  type GetObjectCommandOutput,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand
} from "@aws-sdk/client-s3"
import { AdapterError, type ObjectStore, type Operation } from "@cache-locking/core"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import { Calls } from "./Calls.ts"
import { adapterName, isBusy, isConflict, isMissing, isOvertaken } from "./Failure.ts"
import type { Resolved } from "./Options.ts"

/** S3 takes more in one request; what travels in one piece is held in memory in one piece, too. */
const valueBytes = 1_073_741_824

/** How often a write that was not decided is asked, before what is there is looked at anew. */
const attempts = 5

/** The longest first pause after such an answer, in milliseconds; it doubles, and half of it at least is waited. */
const pauses = { conflict: 30, busy: 250 }

/** The bytes of an answer, in one piece that is made once: each byte is moved once, from the socket's buffer. */
const bytesOf = async (body: GetObjectCommandOutput["Body"], size: number | undefined): Promise<Uint8Array> => {
  if (body === undefined) return new Uint8Array()
  if (size === undefined || !(Symbol.asyncIterator in body)) return body.transformToByteArray()
  const bytes = new Uint8Array(size)
  let at = 0
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    bytes.set(chunk, at)
    at += chunk.byteLength
  }
  if (at !== size) throw new Error(`the answer ended after ${at} of ${size} bytes`)
  return bytes
}

/** Some refusals are answers. */
const unless = <A, B>(asked: Promise<A>, refused: (error: unknown) => boolean, answer: B): Promise<A | B> =>
  asked.catch((error: unknown) => {
    if (refused(error)) return answer
    throw error
  })

const withoutVersion = (operation: Operation): AdapterError =>
  new AdapterError({
    adapter: adapterName,
    operation,
    reason: "Rejected",
    message: "the store tells no ETag, without which nothing can be written conditionally"
  })

/** Makes a bucket of the options. */
export const make = ({ bucket: Bucket, client, clock, pollEvery, space, timeout }: Resolved): ObjectStore.Bucket => {
  const calls = new Calls(timeout, clock)

  const get: ObjectStore.Bucket["get"] = (Key) => {
    const found = calls.run("read", 0, async ({ expect, signal }) => {
      const command = calls.timed(new GetObjectCommand({ Bucket, Key }))
      const answer = await unless(client.send(command, { abortSignal: signal }), isMissing, undefined)
      if (answer === undefined) return undefined
      if (answer.ContentLength !== undefined) expect(answer.ContentLength)
      return { bytes: await bytesOf(answer.Body, answer.ContentLength), version: answer.ETag }
    })
    return Effect.flatMap(found, (object) => {
      if (object === undefined) return Effect.undefined
      const { bytes, version } = object
      return version === undefined ? withoutVersion("read") : Effect.succeed({ bytes, version })
    })
  }

  const write = (Key: string, Body: Uint8Array, more: object) =>
    calls.run("put", Body.byteLength, async ({ signal }) => {
      const command = calls.timed(new PutObjectCommand({ Bucket, Key, Body, ...more }))
      const { ETag } = await client.send(command, { abortSignal: signal })
      return ETag ?? true
    })

  const putIf = Effect.fnUntraced(function* (
    ...[name, version, bytes, Metadata]: Parameters<ObjectStore.Bucket["putIf"]>
  ) {
    const condition = version === undefined ? { IfNoneMatch: "*" } : { IfMatch: version }
    for (let attempt = 0; attempt < attempts; attempt++) {
      const made = yield* Effect.result(write(name, bytes, { Metadata, ...condition }))
      if (Result.isSuccess(made)) return made.success
      const { cause } = made.failure
      if (isOvertaken(cause)) return false
      if (!isConflict(cause) && !isBusy(cause)) return yield* made.failure
      const pause = isBusy(cause) ? pauses.busy : pauses.conflict
      yield* Effect.sleep((0.5 + (yield* Random.next) / 2) * pause * 2 ** attempt)
    }
    // Nobody can tell who was faster: whoever was, is there now.
    return false
  })

  return {
    name: adapterName,
    identity: space,
    pollEvery,
    limits: { valueBytes, tick: clock === undefined ? 1 : 1_000, clock: clock === undefined ? "client" : "store" },
    now: clock?.now,
    get,
    putIf,
    put: (name, bytes) => Effect.asVoid(write(name, bytes, {})),
    remove: (Key, version) =>
      calls.run("delete", 0, async ({ signal }) => {
        const command = calls.timed(
          new DeleteObjectCommand({ Bucket, Key, ...(version === undefined ? {} : { IfMatch: version }) })
        )
        await unless(client.send(command, { abortSignal: signal }), isOvertaken, undefined)
      }),
    list: (Prefix, cursor) =>
      calls.run("keys", 0, async ({ signal }) => {
        const command = calls.timed(new ListObjectsV2Command({ Bucket, Prefix, ContinuationToken: cursor }))
        const { Contents = [], NextContinuationToken } = await client.send(command, { abortSignal: signal })
        return {
          cursor: NextContinuationToken,
          objects: Contents.map(({ ETag, Key, LastModified, Size }) => ({
            name: Key ?? "",
            version: ETag,
            size: Size ?? 0,
            modified: LastModified?.getTime() ?? 0
          }))
        }
      }),
    notes: (Key) =>
      calls.run("keys", 0, async ({ signal }) => {
        const command = calls.timed(new HeadObjectCommand({ Bucket, Key }))
        const answer = await unless(client.send(command, { abortSignal: signal }), isMissing, undefined)
        return answer && (answer.Metadata ?? {})
      })
  }
}
