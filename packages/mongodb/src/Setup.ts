/**
 * Makes the index by which MongoDB collects expired documents.
 */
import { BoundedCalls } from "@cache-locking/core"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type { Collection } from "mongodb"
import { failures } from "./Failure.ts"
import { type Place, resolvePlace } from "./Options.ts"
import type { StoredEntry } from "./StoredEntry.ts"

/** The options of `setup`. */
export interface SetupOptions extends Place {
  /** True to change nothing, and only return what it would do. Default `false`. */
  readonly dryRun?: boolean | undefined
}

/**
 * The collection could not be set up. `Unavailable` may be temporary (a connection, a timeout), `Rejected` is permanent
 * (a permission). `Unrecognised` means that the collection of this name holds other documents, or is of a kind that
 * cannot hold a cache; it was not touched.
 */
export class SetupFailed extends Data.TaggedError("SetupFailed")<{
  /** The database and the collection. */
  readonly collection: string
  readonly reason: "Unavailable" | "Rejected" | "Unrecognised"
  readonly message: string
  readonly cause?: unknown
}> {
  /** True when asking again may help. */
  get retryable(): boolean {
    return this.reason === "Unavailable"
  }
}

const index = "cache_expiry"
const key = { expiresAt: 1 } as const

const unrecognised = (collection: string, what: string): SetupFailed =>
  new SetupFailed({ collection, reason: "Unrecognised", message: `${collection} ${what}` })

/** Refuses a collection that compares strings by a collation, or that may drop documents by itself. */
const checkKind = async (collection: Collection<StoredEntry>, signal: AbortSignal): Promise<void> => {
  const { collectionName, namespace } = collection
  const [found] = await collection.db.listCollections({ name: collectionName }, { nameOnly: false, signal }).toArray()
  if (found === undefined) return
  const { options = {}, type } = found as { readonly options?: Record<string, unknown>; readonly type?: string }
  if (type !== undefined && type !== "collection") throw unrecognised(namespace, `is a ${type}, not a collection`)
  if (options["capped"] === true) throw unrecognised(namespace, "is capped: it would forget leases")
  const { locale = "simple" } = (options["collation"] ?? {}) as { readonly locale?: string }
  if (locale !== "simple") {
    throw unrecognised(namespace, `has the collation ${JSON.stringify(locale)}, with which two keys may be one`)
  }
}

/**
 * Finds the index: ours, or the same one made by others. Refuses one that is similar but different.
 */
const indexOf = async (collection: Collection<StoredEntry>): Promise<"ours" | "alike" | "none"> => {
  const indexes = await collection.listIndexes().toArray()
  for (const { expireAfterSeconds, key: of, name, partialFilterExpression } of indexes) {
    const same = Object.keys(of).join() === "expiresAt"
    if (name !== index && !same) continue
    if (same && expireAfterSeconds === 0 && partialFilterExpression === undefined) {
      return name === index ? "ours" : "alike"
    }
    throw unrecognised(collection.namespace, `has the index ${JSON.stringify(name)}, which is not the one of a cache`)
  }
  return "none"
}

const checkDocuments = async (collection: Collection<StoredEntry>, maxTimeMS: number): Promise<void> => {
  const foreign = await collection.findOne({ by: { $not: { $type: "string" } } }, { projection: { _id: 1 }, maxTimeMS })
  if (foreign !== null) throw unrecognised(collection.namespace, "has documents that are not a cache's")
}

const isMissing = (error: unknown): boolean => (error as { code?: unknown }).code === 26

const run = async (
  { collection, dryRun, timeout }: ReturnType<typeof resolvePlace>,
  signal: AbortSignal
): Promise<ReadonlyArray<string>> => {
  await checkKind(collection, signal)
  const there = await indexOf(collection).catch((error) => {
    if (isMissing(error)) return "none"
    throw error
  })
  if (there === "ours") return []
  // Collections of sessions, for instance, often expire by an index like this one.
  await checkDocuments(collection, timeout)
  if (there === "alike") return []
  const options = { name: index, expireAfterSeconds: 0 }
  // The same call, by many at once or again, makes one index.
  if (!dryRun) await collection.createIndex(key, options)
  return [
    `db.getSiblingDB(${JSON.stringify(collection.dbName)}).getCollection(${JSON.stringify(collection.collectionName)})` +
      `.createIndex(${JSON.stringify(key)}, ${JSON.stringify(options)})`
  ]
}

const failed = (collection: string, error: unknown): SetupFailed => {
  if (error instanceof SetupFailed) return error
  const { cause, message, reason } = failures.of("put", undefined, error)
  return new SetupFailed({ collection, reason, message, cause })
}

/**
 * Makes the index by which MongoDB collects expired documents (it looks once a minute), and with it the collection.
 * Returns what it did, as statements for `mongosh`; none when there was nothing to do. It may run again, and in
 * many processes at once. It refuses a collection that holds other documents, is capped, is a view, or has a
 * collation.
 *
 * Without the index the cache works, but expired documents are never removed.
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
  const calls = BoundedCalls.make({ failures, timeout: resolved.timeout })
  const as = (error: unknown) => failed(resolved.collection.namespace, error)
  const done = calls.run("put", undefined, ({ signal }) => run(resolved, signal).catch(as))
  return Effect.flatMap(Effect.mapError(done, as), (statements) =>
    statements instanceof SetupFailed ? Effect.fail(statements) : Effect.succeed(statements)
  )
}
