/**
 * A bucket of R2, by its binding.
 */
import { BoundedCalls, ObjectStore } from "@cache-locking/core"
import * as Effect from "effect/Effect"
import { failures, isBusy } from "./Failure.ts"
import type { Resolved } from "./Options.ts"

/** A Worker has 128 MB of memory in all, and holds a value in one piece. */
const valueBytes = 104_857_600

/** The longest first pause after R2 refused a write as too frequent, in milliseconds. */
const pause = 250

/** Makes a bucket from the options. */
export const make = ({ binding, pollEvery, space, timeout }: Resolved): ObjectStore.Bucket => {
  const calls = BoundedCalls.make({ failures, timeout, timers: "own" })

  const write = <A>(bytes: Uint8Array, ask: () => Promise<A>) =>
    calls.run("put", undefined, (call) => {
      call.expect(bytes.byteLength)
      return ask()
    })

  const putIf: ObjectStore.Bucket["putIf"] = (name, version, bytes, notes) => {
    const onlyIf = version === undefined ? { etagDoesNotMatch: "*" } : { etagMatches: version }
    const written = write(bytes, async () => {
      const made = await binding.put(name, bytes, { onlyIf, customMetadata: { ...notes } })
      // R2 answers null for an object that it did not write.
      return made === null ? false : made.etag
    })
    return ObjectStore.insist(written, ({ cause }) => (isBusy(cause) ? pause : undefined))
  }

  return {
    name: "r2",
    identity: space,
    pollEvery,
    limits: { valueBytes, tick: 1, clock: "client" },
    get: (name) =>
      calls.run("read", undefined, async (call) => {
        const found = await binding.get(name)
        if (found === null) return undefined
        call.expect(found.size)
        return { bytes: new Uint8Array(await found.arrayBuffer()), version: found.etag }
      }),
    putIf,
    put: (name, bytes) => Effect.asVoid(write(bytes, () => binding.put(name, bytes))),
    // R2 has no conditions on deletes.
    remove: (name) => calls.run("delete", undefined, () => binding.delete(name)),
    list: (prefix, cursor) =>
      calls.run("keys", undefined, async () => {
        const page = await binding.list({
          prefix,
          include: ["customMetadata"],
          ...(cursor === undefined ? {} : { cursor })
        })
        return {
          cursor: page.truncated ? page.cursor : undefined,
          objects: page.objects.map(({ customMetadata, etag, key, size, uploaded }) => ({
            name: key,
            version: etag,
            size,
            modified: uploaded.getTime(),
            notes: customMetadata ?? {}
          }))
        }
      })
  }
}
