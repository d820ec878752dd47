/**
 * The sweep of a bucket: what nobody asked for again after it ended, and values whose names were lost.
 *
 * A lease's object goes only when nothing of it has mattered for the length of a grace, and only as it was seen, where
 * the store heeds a condition on a delete. Where it does not, a lease granted between the look and the delete is lost:
 * its load answers its callers and is not kept.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { AdapterError } from "../../contract/Adapter.ts"
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

/** Names of values that are remembered at a time; of more, a part after the other is looked for among the leases. */
const remembered = 250_000

/**
 * Removes what is over. May run beside anything, and at any time again.
 *
 * @param grace milliseconds for which an object must have been of no use; longer than any request may take
 */
export const sweep = Effect.fnUntraced(function* (
  bucket: Bucket,
  { grace, most = remembered, prefix }: { readonly prefix: string; readonly grace: number; readonly most?: number }
): Effect.fn.Return<Swept, AdapterError> {
  let [looked, removed] = [0, 0]
  let before: number | undefined
  /** Values that were written long ago, less those that a lease names: named at once or never. */
  const unnamed = new Set<string>()

  /** Notes the values of some pages, and answers where the next one begins. */
  const collect = Effect.fnUntraced(function* (cursor: string | undefined) {
    let next = cursor
    do {
      const page = yield* bucket.list(ObjectName.beginningOfValues(prefix), next)
      before ??= (bucket.now?.() ?? (yield* Clock.currentTimeMillis)) - grace
      looked += page.objects.length
      for (const { modified, name } of page.objects) {
        const version = ObjectName.versionOf(prefix, name)
        if (version !== undefined && modified < before) unnamed.add(version)
      }
      next = page.cursor
    } while (next !== undefined && unnamed.size < most)
    return next
  })

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

  /** Goes through all leases, page by page: removes those that are over, and parts the values from those that are named. */
  const part = Effect.fnUntraced(function* (counts: boolean) {
    let cursor: string | undefined
    do {
      const page = yield* bucket.list(ObjectName.beginningOfLeases(prefix, "")!, cursor)
      if (counts) looked += page.objects.length
      yield* Effect.forEach(page.objects, judge, { concurrency, discard: true })
      cursor = page.cursor
    } while (cursor !== undefined)
  })

  const discard = (version: string) => bucket.remove(ObjectName.ofValue(prefix, version))

  let cursor: string | undefined
  let first = true
  do {
    cursor = yield* collect(cursor)
    yield* part(first)
    first = false
    yield* Effect.forEach(unnamed, discard, { concurrency, discard: true })
    removed += unnamed.size
    unnamed.clear()
  } while (cursor !== undefined)
  return { looked, removed }
})
