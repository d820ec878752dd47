/**
 * A bucket of S3, and its requests.
 */

import {
  DeleteObjectCommand,
  GetObjectCommand,
  type GetObjectCommandOutput,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand
} from "@aws-sdk/client-s3"
import { type AdapterError, ObjectStore, StoreClock } from "@cache-locking/core"
import * as Effect from "effect/Effect"
import { Calls } from "./Calls.ts"
import { failures, isBusy, isConflict, isMissing, isOvertaken, isRepeated } from "./Failure.ts"
import type { Resolved } from "./Options.ts"

/** S3 accepts more in one request, but a value that is sent in one piece is also held in memory in one piece. */
const valueBytes = 1_073_741_824

/** The longest first pauses after answers that decide nothing, in milliseconds. */
const pauses = { conflict: 30, busy: 250 }

const pauseOf = ({ cause }: AdapterError): number | undefined => {
  if (isBusy(cause)) return pauses.busy
  return isConflict(cause) ? pauses.conflict : undefined
}

/** The bytes of an answer, in one piece that is allocated once: each byte is copied once, from the socket's buffer. */
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

const isSame = (one: Uint8Array, two: Uint8Array): boolean =>
  one.byteLength === two.byteLength && one.every((byte, at) => byte === two[at])

/** Turns a refused condition into the answer that it is. */
const unless = <A, B>(asked: Promise<A>, refused: (error: unknown) => boolean, answer: B): Promise<A | B> =>
  asked.catch((error: unknown) => {
    if (refused(error)) return answer
    throw error
  })

const noVersion = "the store's answer has no ETag, which conditional writes need"

/** `If-Match` finds no weak ETag, so every writer would be taken for overtaken. */
const isWeak = (version: string): boolean => version.startsWith("W/")

const weakVersion =
  "the store's answer has a weak ETag (W/…), which no conditional write can name: does a proxy in between change answers?"

/** A bucket of S3, which may turn out to keep old versions. */
export interface S3Bucket extends ObjectStore.Bucket {
  /** True once a write was answered with a version that the bucket keeps beside later ones. */
  readonly keepsVersions: () => boolean
}

/** Makes a bucket from the options. */
export const make = ({ bucket: Bucket, client, clock, pollEvery, space, timeout }: Resolved): S3Bucket => {
  const calls = new Calls(timeout, clock)
  let keepsVersions = false

  const get: ObjectStore.Bucket["get"] = (Key) => read(Key, true)

  const read = (Key: string, again: boolean): ReturnType<ObjectStore.Bucket["get"]> => {
    const found = calls.run("read", async (call) => {
      const command = calls.timed(new GetObjectCommand({ Bucket, Key }))
      const answer = await unless(client.send(command, { abortSignal: call.signal }), isMissing, undefined)
      if (answer === undefined) return undefined
      if (answer.ContentLength !== undefined) call.expect(answer.ContentLength)
      return { bytes: await bytesOf(answer.Body, answer.ContentLength), version: answer.ETag }
    })
    return Effect.flatMap(found, (object): ReturnType<ObjectStore.Bucket["get"]> => {
      // The answer's time, or this host's, is wrong by more than a second: another answer will tell.
      if (again && clock?.isDoubtful === true) return read(Key, false)
      if (object === undefined) return Effect.undefined
      const { bytes, version } = object
      if (version === undefined) return failures.rejected("read", undefined, noVersion)
      return isWeak(version) ? failures.rejected("read", undefined, weakVersion) : Effect.succeed({ bytes, version })
    })
  }

  const write = (Key: string, Body: Uint8Array, more: object) =>
    calls.run("put", async (call) => {
      call.expect(Body.byteLength)
      const command = calls.timed(new PutObjectCommand({ Bucket, Key, Body, ...more }))
      const { ETag, VersionId } = await client.send(command, { abortSignal: call.signal })
      // `null` is the one version of an object in a bucket that keeps no more.
      keepsVersions ||= VersionId !== undefined && VersionId !== "null"
      return ETag === undefined || isWeak(ETag) ? true : ETag
    })

  /**
   * Looks for the client's own bytes if it sent the request twice, because the refusal of the second request proves
   * nothing. Others may have overwritten them since.
   */
  const found = (name: string, bytes: Uint8Array) =>
    Effect.map(get(name), (there) => (there !== undefined && isSame(there.bytes, bytes) ? there.version : undefined))

  const putIf: ObjectStore.Bucket["putIf"] = (name, version, bytes, Metadata) => {
    const condition = version === undefined ? { IfNoneMatch: "*" } : { IfMatch: version }
    const judged = Effect.catch(
      write(name, bytes, { Metadata, ...condition }),
      (failure): Effect.Effect<string | boolean | undefined, AdapterError> => {
        const { cause } = failure
        if (!isOvertaken(cause)) return Effect.fail(failure)
        return isRepeated(cause) ? found(name, bytes) : Effect.succeed(false)
      }
    )
    return ObjectStore.insist(judged, pauseOf)
  }

  return {
    name: "s3",
    keepsVersions: () => keepsVersions,
    identity: space,
    pollEvery,
    limits:
      clock === undefined
        ? { valueBytes, tick: 1, clock: "client" }
        : { valueBytes, tick: 1_000, clock: "store", shortestLease: StoreClock.shortestLease },
    now: clock?.now,
    get,
    putIf,
    put: (name, bytes) => Effect.asVoid(write(name, bytes, {})),
    remove: (Key, version) =>
      calls.run("delete", async ({ signal }) => {
        const command = calls.timed(
          new DeleteObjectCommand({ Bucket, Key, ...(version === undefined ? {} : { IfMatch: version }) })
        )
        await unless(client.send(command, { abortSignal: signal }), isOvertaken, undefined)
      }),
    list: (Prefix, cursor) =>
      calls.run("keys", async ({ signal }) => {
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
      calls.run("keys", async ({ signal }) => {
        const command = calls.timed(new HeadObjectCommand({ Bucket, Key }))
        const answer = await unless(client.send(command, { abortSignal: signal }), isMissing, undefined)
        return answer && (answer.Metadata ?? {})
      })
  }
}
