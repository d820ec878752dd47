/**
 * A bucket of R2, by its binding.
 */
import type { ObjectStore } from "@cache-locking/core"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import { Calls } from "./Calls.ts"
import { adapterName, isBusy } from "./Failure.ts"
import type { Resolved } from "./Options.ts"

/** A Worker has 128 MB in all, and a value is held in one piece. */
const valueBytes = 104_857_600

/** How often a write is asked that R2 has no time for, before what is there is looked at anew. */
const attempts = 5

/** The longest first pause after such an answer, in milliseconds; it doubles, and half of it at least is waited. */
const pause = 250

/** Makes a bucket of the options. */
export const make = ({ binding, pollEvery, space, timeout }: Resolved): ObjectStore.Bucket => {
  const calls = new Calls(timeout)

  const putIf = Effect.fnUntraced(function* (
    ...[name, version, bytes, notes]: Parameters<ObjectStore.Bucket["putIf"]>
  ) {
    const onlyIf = version === undefined ? { etagDoesNotMatch: "*" } : { etagMatches: version }
    for (let attempt = 0; attempt < attempts; attempt++) {
      const made = yield* Effect.result(
        calls.run("put", bytes.byteLength, () => binding.put(name, bytes, { onlyIf, customMetadata: { ...notes } }))
      )
      // An object that is not written is answered by null.
      if (Result.isSuccess(made)) return made.success === null ? false : made.success.etag
      if (!isBusy(made.failure.cause)) return yield* made.failure
      yield* Effect.sleep((0.5 + (yield* Random.next) / 2) * pause * 2 ** attempt)
    }
    // Whoever else writes that often is there now.
    return false
  })

  return {
    name: adapterName,
    identity: space,
    pollEvery,
    limits: { valueBytes, tick: 1, clock: "client" },
    get: (name) =>
      calls.run("read", 0, async (expect) => {
        const found = await binding.get(name)
        if (found === null) return undefined
        expect(found.size)
        return { bytes: new Uint8Array(await found.arrayBuffer()), version: found.etag }
      }),
    putIf,
    put: (name, bytes) => Effect.asVoid(calls.run("put", bytes.byteLength, () => binding.put(name, bytes))),
    // R2 knows no condition on a delete.
    remove: (name) => calls.run("delete", 0, () => binding.delete(name)),
    list: (prefix, cursor) =>
      calls.run("keys", 0, async () => {
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
