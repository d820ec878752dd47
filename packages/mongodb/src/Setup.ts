/**
 * What the collection needs once: an index by which MongoDB collects what has expired.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type { Collection } from "mongodb"
import { Calls } from "./Calls.ts"
import { isRejection, shown } from "./Failure.ts"
import { type Place, resolvePlace } from "./Options.ts"
import type { StoredEntry } from "./StoredEntry.ts"

/** What `setup` is told. */
export interface SetupOptions extends Place {
  /** Only tells what it would do. Default `false`. */
  readonly dryRun?: boolean | undefined
}

/**
 * The collection could not be set up. `Rejected`: it is another's, or of a kind that cannot hold a cache, or the
 * permission is missing; nothing was changed. `Unavailable` may pass.
 */
export class SetupFailed extends Data.TaggedError("MONGODB_SETUP_FAILED")<{
  readonly reason: "Unavailable" | "Rejected"
  readonly message: string
  readonly cause?: unknown
}> {}

const index = "cache_expiry"
const key = { expiresAt: 1 } as const

const rejected = (message: string): SetupFailed => new SetupFailed({ reason: "Rejected", message })

/** Whether it is a collection of strings' own order, that keeps every document as long as we say. */
const checkKind = async (collection: Collection<StoredEntry>, signal: AbortSignal): Promise<void> => {
  const { collectionName, namespace } = collection
  const [found] = await collection.db.listCollections({ name: collectionName }, { nameOnly: false, signal }).toArray()
  if (found === undefined) return
  const { options = {}, type } = found as { readonly options?: Record<string, unknown>; readonly type?: string }
  if (type !== undefined && type !== "collection") throw rejected(`${namespace} is a ${type}, not a collection`)
  if (options["capped"] === true) throw rejected(`${namespace} is capped: it would forget leases`)
  const { locale = "simple" } = (options["collation"] ?? {}) as { readonly locale?: string }
  if (locale !== "simple") {
    throw rejected(`${namespace} has the collation ${JSON.stringify(locale)}, with which two keys may be one`)
  }
}

/** Whether the index is there. One that is like it and yet another is refused. */
const isIndexed = async (collection: Collection<StoredEntry>): Promise<boolean> => {
  const indexes = await collection.listIndexes().toArray()
  for (const { expireAfterSeconds, key: of, name, partialFilterExpression } of indexes) {
    const same = Object.keys(of).join() === "expiresAt"
    if (name !== index && !same) continue
    if (same && expireAfterSeconds === 0 && partialFilterExpression === undefined) return true
    throw rejected(`${collection.namespace} has the index ${JSON.stringify(name)}, which is not the one of a cache`)
  }
  return false
}

const checkDocuments = async (collection: Collection<StoredEntry>, maxTimeMS: number): Promise<void> => {
  const foreign = await collection.findOne({ by: { $not: { $type: "string" } } }, { projection: { _id: 1 }, maxTimeMS })
  if (foreign !== null) throw rejected(`${collection.namespace} has documents that are not a cache's`)
}

const isMissing = (error: unknown): boolean => (error as { code?: unknown }).code === 26

const run = async (
  { collection, dryRun, timeout }: ReturnType<typeof resolvePlace>,
  signal: AbortSignal
): Promise<ReadonlyArray<string>> => {
  await checkKind(collection, signal)
  const there = await isIndexed(collection).catch((error) => {
    if (isMissing(error)) return false
    throw error
  })
  if (there) return []
  await checkDocuments(collection, timeout)
  const options = { name: index, expireAfterSeconds: 0 }
  // The same call by many at once, or again, is one index.
  if (!dryRun) await collection.createIndex(key, options)
  return [
    `db.getSiblingDB(${JSON.stringify(collection.dbName)}).getCollection(${JSON.stringify(collection.collectionName)})` +
      `.createIndex(${JSON.stringify(key)}, ${JSON.stringify(options)})`
  ]
}

const failed = (error: unknown): SetupFailed =>
  error instanceof SetupFailed
    ? error
    : new SetupFailed({ reason: isRejection(error) ? "Rejected" : "Unavailable", ...shown(error) })

/**
 * Makes the index by which MongoDB collects expired documents (it looks once a minute), and with it the collection.
 * Answers what was done, as statements for `mongosh`; nothing when it was done before. May run again, and in many
 * processes at once. Refuses a collection that holds other documents, is capped, a view, or has a collation.
 *
 * Without it the cache works, but nothing that expired is ever removed.
 *
 * @example
 * ```ts
 * import { MongoDbAdapter } from "@cache-locking/mongodb"
 * import * as Effect from "effect/Effect"
 * import { MongoClient } from "mongodb"
 *
 * const client = new MongoClient("mongodb://localhost")
 * const wouldDo = await Effect.runPromise(MongoDbAdapter.setup({ client, database: "app", dryRun: true }))
 * ```
 *
 * @throws InvalidOption
 */
export const setup = (options: SetupOptions): Effect.Effect<ReadonlyArray<string>, SetupFailed> => {
  const resolved = resolvePlace(options)
  const calls = new Calls(resolved.timeout)
  const done = calls.run("put", undefined, (signal) => run(resolved, signal).catch(failed))
  return Effect.flatMap(Effect.mapError(done, failed), (statements) =>
    statements instanceof SetupFailed ? Effect.fail(statements) : Effect.succeed(statements)
  )
}
