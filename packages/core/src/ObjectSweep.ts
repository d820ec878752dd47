/**
 * The sweep of a bucket: what nobody asked for again after it ended, and values whose names were lost.
 *
 * A lease's object goes only when nothing of it has mattered for the length of a grace, and only as it was seen, where
 * the store heeds a condition on a delete. Where it does not, a lease granted between the look and the delete is lost:
 * its load answers its callers and is not kept.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { AdapterError } from "./Adapter.ts"
import { type Bucket, type Listed, remarkOn } from "./Bucket.ts"
import * as ObjectName from "./ObjectName.ts"

/** What a sweep did. */
export interface Swept {
  /** Objects looked at: leases and values. */
  readonly looked: number
  /** Objects removed. */
  readonly removed: number
}

const concurrency = 16

/** Each page of a listing, in turn. */
const eachPage = Effect.fnUntraced(function* (
  bucket: Bucket,
  beginning: string,
  use: (objects: ReadonlyArray<Listed>) => Effect.Effect<void, AdapterError>
) {
  let cursor: string | undefined
  do {
    const page = yield* bucket.list(beginning, cursor)
    yield* use(page.objects)
    cursor = page.cursor
  } while (cursor !== undefined)
})

/**
 * Removes what is over. May run beside anything, and at any time again.
 *
 * @param grace milliseconds for which an object must have been of no use; longer than any request may take
 */
export const sweep = Effect.fnUntraced(function* (
  bucket: Bucket,
  { grace, prefix }: { readonly prefix: string; readonly grace: number }
): Effect.fn.Return<Swept, AdapterError> {
  let [looked, removed] = [0, 0]
  let before: number | undefined
  /** Values that were written long ago, less those that a lease names: named at once or never. */
  const unnamed = new Set<string>()

  yield* eachPage(bucket, ObjectName.beginningOfValues(prefix), (objects) =>
    Effect.map(Clock.currentTimeMillis, (now) => {
      before ??= (bucket.now?.() ?? now) - grace
      looked += objects.length
      for (const { modified, name } of objects) {
        const version = ObjectName.versionOf(prefix, name)
        if (version !== undefined && modified < before) unnamed.add(version)
      }
    })
  )

  const judge = (object: Listed) => {
    const old = object.modified < before!
    if (ObjectName.keyOf(prefix, object.name) === undefined || !(old || unnamed.size > 0)) return Effect.void
    return Effect.flatMap(remarkOn(bucket, object), (noted) => {
      if (noted === undefined) return Effect.void
      if (!old || noted.ends >= before!) {
        if (noted.version !== undefined) unnamed.delete(noted.version)
        return Effect.void
      }
      removed++
      return bucket.remove(object.name, object.version)
    })
  }
  yield* eachPage(bucket, ObjectName.beginningOfLeases(prefix, "")!, (objects) => {
    looked += objects.length
    return Effect.forEach(objects, judge, { concurrency, discard: true })
  })

  yield* Effect.forEach(unnamed, (version) => bucket.remove(ObjectName.ofValue(prefix, version)), {
    concurrency,
    discard: true
  })
  return { looked, removed: removed + unnamed.size }
})
